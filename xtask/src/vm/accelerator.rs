// SPDX-License-Identifier: GPL-2.0

//! KVM where it really boots a guest, TCG otherwise.
//!
//! That `/dev/kvm` exists says little: nested set-ups fail on it at once or hang early in the boot.
//! So a guest is booted, with a short limit, and the answer is kept for as long as the host runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mydevice_init::{Config, Event};
use rustix::fs::Access;

use super::initramfs;
use super::link::{Link, News};
use super::qemu::{self, Accelerator, Machine};
use crate::cache::{Cache, hash};
use crate::step::{self, say};
use crate::tree::Tree;

/// A guest on a working KVM needs two seconds to its init.
const LIMIT: Duration = Duration::from_secs(20);

/// What to use here.
pub fn find(cache: &Cache, tree: &Tree) -> Result<Accelerator> {
    if rustix::fs::access("/dev/kvm", Access::READ_OK | Access::WRITE_OK).is_err() {
        return Ok(Accelerator::Tcg);
    }
    let boot =
        fs::read_to_string("/proc/sys/kernel/random/boot_id").context("read the host's boot id")?;
    let version =
        step::output(qemu::command(tree).arg("--version")).context("ask QEMU for its version")?;
    let answer = cache
        .path()
        .join(format!("kvm-{}", &hash(&[boot.trim(), &version])[..12]));
    if let Ok(text) = fs::read_to_string(&answer) {
        return Ok(if text.trim() == "works" {
            Accelerator::Kvm
        } else {
            Accelerator::Tcg
        });
    }
    let _lock = cache.lock("kvm")?;
    say!(
        "==> Trying whether KVM boots a guest here (at most {} s, once)",
        LIMIT.as_secs()
    );
    let works = boots(tree)?;
    say!(
        "    it {}",
        if works {
            "does"
        } else {
            "does not: the VM will run on QEMU's translator, slower but the same"
        }
    );
    forget_older(cache.path());
    fs::write(&answer, if works { "works" } else { "fails" })
        .with_context(|| format!("write {}", answer.display()))?;
    Ok(if works {
        Accelerator::Kvm
    } else {
        Accelerator::Tcg
    })
}

fn boots(tree: &Tree) -> Result<bool> {
    let folder = tempfile::Builder::new()
        .prefix("mydevice-kvm-")
        .tempdir()
        .context("make a temporary folder")?;
    let initramfs = initramfs::write(
        tree,
        Config {
            modules: Vec::new(),
            job: None,
        },
        folder.path(),
    )?;
    let link = Link::listen(folder.path(), false)?;
    let machine = Machine {
        cpus: 2,
        memory: "512M",
        append: "",
        accelerator: Accelerator::Kvm,
        initramfs: &initramfs,
        folders: &[],
        profiler: None,
    };
    let mut qemu = machine.start(
        tree,
        &[],
        &link,
        folder.path(),
        &folder.path().join("kernel.log"),
    )?;
    let deadline = Some(Instant::now() + LIMIT);
    loop {
        match qemu.next(&link, deadline) {
            News::Event(Event::Ready) => return Ok(true),
            News::Event(Event::Failed(_) | Event::Exit { .. }) | News::Hangup | News::Late => {
                return Ok(false);
            }
            News::Signal(signal) => anyhow::bail!("interrupted by signal {signal}"),
            News::Event(Event::Report(_)) | News::Output(..) | News::Resized(_) => {}
        }
    }
}

/// Answers of earlier boots of the host are of no more use.
fn forget_older(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("kvm-") {
            // One that stays is only a small file.
            let _ = fs::remove_file(entry.path());
        }
    }
}
