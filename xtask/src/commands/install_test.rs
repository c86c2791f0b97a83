// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::cache::Cache;
use crate::installed::{self, Installed};
use crate::packaging;
use crate::project;
use crate::step::say;
use crate::tally::Tally;
use crate::vm::Disk;
use crate::{kernels, recipe};

/// Installs the packages on a Debian in a VM, and uses, upgrades and purges them there.
///
/// The VM boots an installed Debian 13 with systemd, its own initramfs and the kernel before the newest, then, after an upgrade,
/// the newest. It has no network, and the kernels' Rust metadata was made beforehand: see docs/packaging.md. The last line of the
/// output is `N passed, N failed`.
#[derive(Args)]
pub struct InstallTest {
    /// Takes the packages that are in target/deb, and builds none.
    #[arg(long)]
    keep_packages: bool,
    /// Ends before a VM is booted, when all that needs a network is done.
    #[arg(long)]
    prepare: bool,
}

/// What is done in the VM.
const SCRIPT: &str = include_str!("../../install-test.sh");
const SERVICE: &str = "\
[Unit]
Description=Tests the packages
After=mydevice.service systemd-modules-load.service

[Service]
Type=exec
ExecStart=/bin/bash /srv/install-test.sh
ExecStopPost=systemctl poweroff --no-block
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Environment=HOME=/root
";
/// What would get into the way: questions on the console, and other users of apt.
const QUIET: &str =
    "systemd.firstboot=off systemd.mask=apt-daily.timer systemd.mask=apt-daily-upgrade.timer";
/// How long a boot may take, with what is done in it: QEMU's translator is slow.
const LIMIT: Duration = Duration::from_secs(3600);

impl InstallTest {
    pub fn run(self) -> Result<ExitCode> {
        let cache = Cache::open()?;
        let folder = project::target().join("deb");
        if !self.keep_packages {
            packaging::build(&cache)?;
        }
        let installed = installed::tree(&cache)?;
        let stock = recipe::tree(&cache, kernels::find("stock")?)?;
        if self.prepare {
            say!("Everything is there.");
            return Ok(ExitCode::SUCCESS);
        }
        let out = project::target().join("install-test");
        fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
        let disk = Disk::make(&installed.root, &out.join("disk.img"), &out.join("log"))?;
        prepare(&disk, &installed, &folder, &out)?;
        let mut tally = Tally::default();
        let kernels = &installed.kernels;
        for (stage, release) in [("install", &kernels.first), ("upgraded", &kernels.upgrade)] {
            say!(
                "\n==> Booting Linux {release}, stage {stage} (usually 10 min on 2 cores without KVM)"
            );
            let failed_before = tally.failed();
            let argument = format!("mydevice.stage={stage} {QUIET}");
            let booted = disk.boot(&cache, &stock, release, &argument, LIMIT, &mut |bytes| {
                tally.feed(bytes);
                let mut stdout = std::io::stdout().lock();
                stdout
                    .write_all(bytes)
                    .and_then(|()| stdout.flush())
                    .context("pass on what the VM says")
            });
            if let Err(error) = booted {
                say!("error: {error:#}");
                tally.add(false);
                break;
            }
            if tally.failed() > failed_before {
                break;
            }
        }
        println!("\n{tally}");
        Ok(ExitCode::from(u8::from(tally.failed() > 0)))
    }
}

/// Puts onto the disk what is tested, and what tests it.
fn prepare(
    disk: &Disk,
    installed: &Installed,
    packages: &std::path::Path,
    out: &std::path::Path,
) -> Result<()> {
    let kernels = &installed.kernels;
    let settings = format!(
        "version={}\nfirst={}\nupgrade={}\nwithout_rust={}\n",
        packaging::VERSION,
        kernels.first,
        kernels.upgrade,
        kernels.without_rust
    );
    for (name, text) in [
        ("install-test.sh", SCRIPT),
        ("install-test.conf", &settings),
    ] {
        let file = out.join(name);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        disk.put(&file, &format!("/srv/{name}"))?;
    }
    let service = out.join("install-test.service");
    fs::write(&service, SERVICE).with_context(|| format!("write {}", service.display()))?;
    let unit = "/etc/systemd/system/install-test.service";
    disk.put(&service, unit)?;
    // Wanted by the target, without anybody to enable it.
    disk.folder("/etc/systemd/system/multi-user.target.wants")
        .ok();
    disk.link(
        "/etc/systemd/system/multi-user.target.wants/install-test.service",
        unit,
    )?;
    disk.folder("/srv/packages")?;
    for entry in fs::read_dir(packages)
        .with_context(|| format!("list {}: `cargo xtask deb` fills it", packages.display()))?
    {
        let path = entry.context("list the packages")?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".deb") && !name.contains("-dbgsym_") {
            disk.put(&path, &format!("/srv/packages/{name}"))?;
        }
    }
    Ok(())
}
