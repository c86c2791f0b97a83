// SPDX-License-Identifier: GPL-2.0

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use mydevice_book::Page;
use mydevice_book::console::{Content, blocks};

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
/// the newest. What the manual shows for such a machine is typed there as it stands. It has no network, and the kernels' Rust metadata
/// was made beforehand: see docs/packaging.md. The last line of the output is `N passed, N failed`.
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
/// The pages of the manual that have commands for such a machine.
const PAGES: [&str; 3] = [
    "docs/packaging.md",
    "docs/recipes/prometheus.md",
    "docs/recipes/systemd.md",
];
/// The end of a file in [`script_of`].
const END: &str = "END OF THE FILE";
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
fn prepare(disk: &Disk, installed: &Installed, packages: &Path, out: &Path) -> Result<()> {
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
        put_text(disk, &out.join(name), text, &format!("/srv/{name}"))?;
    }
    let unit = "/etc/systemd/system/install-test.service";
    put_text(disk, &out.join("install-test.service"), SERVICE, unit)?;
    // Wanted by the target, without anybody to enable it.
    disk.folder("/etc/systemd/system/multi-user.target.wants")
        .ok();
    disk.link(
        "/etc/systemd/system/multi-user.target.wants/install-test.service",
        unit,
    )?;
    put_pages(disk, out)?;
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

/// Writes a text to a file of the host, where it can be looked at afterwards, and puts it onto the disk.
fn put_text(disk: &Disk, file: &Path, text: &str, path: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    disk.put(file, path)
}

/// Puts each block of commands onto the disk as a script, `/srv/pages/PAGE/LINE.sh`, and the lines that it is to print beside it.
fn put_pages(disk: &Disk, out: &Path) -> Result<()> {
    disk.folder("/srv/pages")?;
    let all = Page::all(project::root())?;
    for page in all
        .iter()
        .filter(|page| PAGES.iter().any(|p| page.path == Path::new(p)))
    {
        let name = page.path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = format!("/srv/pages/{name}");
        disk.folder(&folder)?;
        let mut files = Vec::new();
        for block in blocks(page)? {
            let steps = match block.content {
                Content::File { name, text } => {
                    files.push((name, text));
                    continue;
                }
                Content::Run(_) | Content::Debian(_) => continue,
                Content::Host(steps) => steps,
            };
            let commands = steps.iter().map(|step| step.command.as_str());
            let script = script_of(&std::mem::take(&mut files), commands);
            let wanted: String = steps
                .iter()
                .flat_map(|step| &step.expected)
                .map(|line| format!("{line}\n"))
                .collect();
            for (ending, text) in [("sh", script), ("wanted", wanted)] {
                let file = out.join(format!("{name}-{}.{ending}", block.line));
                put_text(
                    disk,
                    &file,
                    &text,
                    &format!("{folder}/{}.{ending}", block.line),
                )?;
            }
        }
    }
    Ok(())
}

/// A script that makes the files which the page shows before the block, and gives the block's commands until one fails.
fn script_of<'a>(
    files: &[(std::path::PathBuf, String)],
    commands: impl Iterator<Item = &'a str>,
) -> String {
    let mut script = "set -e\n".to_owned();
    for (name, text) in files {
        let mode = if text.starts_with("#!") { 755 } else { 644 };
        // Writing to a string does not fail.
        let _ = write!(
            script,
            "install -D --mode={mode} /dev/stdin {} << '{END}'\n{text}{END}\n",
            name.display()
        );
    }
    for command in commands {
        script.push_str(command);
        script.push('\n');
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_makes_the_files_and_gives_the_commands() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("in/it/hello");
        let text = "#!/bin/sh\necho \"$1, '$HOME'\"\n".to_owned();
        let command = format!("HOME=here {} hello", file.display());
        let script = script_of(
            &[(file.clone(), text.clone())],
            [command.as_str(), "false", "echo more"].into_iter(),
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .output()
            .expect("bash runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hello, 'here'\n");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(fs::read_to_string(file).expect("the file"), text);
    }

    #[test]
    fn the_pages_are_there() {
        let all = Page::all(project::root()).expect("the pages of the manual");
        for page in PAGES {
            assert!(all.iter().any(|p| p.path == Path::new(page)), "{page}");
        }
    }
}
