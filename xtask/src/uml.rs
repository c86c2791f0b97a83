// SPDX-License-Identifier: GPL-2.0

//! User Mode Linux: a kernel that is a program of the host, with the host's files as its own.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::interrupt;
use crate::tree::Tree;

/// What its processors are, for a report.
pub const ABOUT: &str = "the host's own, with a process of the host for each of the guest's";

/// The first process: mounts what programs need, runs one with its output into a file, and ends the machine.
///
/// All of the host can be read there. What is written goes into memory, and what the program says into the folder.
const INIT: &str = r#"#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/mqueue /dev/out
mount -t tmpfs tmpfs /dev/shm
mount -t hostfs -o @FOLDER@ out /dev/out
export TMPDIR=/dev/shm MYDEVICE_KO_DIR=@MODULES@
@COMMAND@ > /dev/out/stdout 2> /dev/out/stderr
echo $? > /dev/out/status
echo o > /proc/sysrq-trigger
sleep 60
"#;

/// Runs a command on that kernel, and returns what it wrote to standard output.
pub fn run(tree: &Tree, modules: &Path, command: &[String], limit: Duration) -> Result<Vec<u8>> {
    let folder = tempfile::Builder::new()
        .prefix("mydevice-uml-")
        .tempdir()
        .context("make a temporary folder")?;
    let init = write_init(folder.path(), modules, command)?;
    let child = start(tree, &init, &folder.path().join("kernel.log"))?;
    wait(child, limit)?;
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    if read("status").trim() != "0" {
        bail!(
            "{:?} ended with {:?} on User Mode Linux. It said:\n{}\nThe end of the kernel's log:\n{}",
            command.join(" "),
            read("status").trim(),
            read("stderr"),
            crate::vm::tail(&read("kernel.log"), 25)
        );
    }
    fs::read(folder.path().join("stdout")).context("read what the command wrote")
}

/// Writes the first process.
fn write_init(folder: &Path, modules: &Path, command: &[String]) -> Result<PathBuf> {
    let init = folder.join("init");
    let script = INIT
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@MODULES@", &modules.display().to_string())
        .replace("@COMMAND@", &command.join(" "));
    fs::write(&init, script)
        .and_then(|()| fs::set_permissions(&init, Permissions::from_mode(0o755)))
        .with_context(|| format!("write {}", init.display()))?;
    Ok(init)
}

/// Starts the kernel.
fn start(tree: &Tree, init: &Path, log: &Path) -> Result<Child> {
    let file = File::create(log).with_context(|| format!("make {}", log.display()))?;
    let mut kernel = Command::new(tree.image());
    kernel
        .args([
            "mem=1G",
            "seccomp=on",
            "ncpus=2",
            "panic=-1",
            "con=null",
            "con0=null,fd:1",
        ])
        .args(["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"])
        .arg(format!("init={}", init.display()))
        .stdin(Stdio::null())
        .stdout(file.try_clone().context("share the log")?)
        .stderr(file);
    kernel
        .spawn()
        .with_context(|| format!("start {}", tree.image().display()))
}

/// Waits for its end, and ends it when its time is over or somebody asks.
fn wait(mut child: Child, limit: Duration) -> Result<()> {
    let end = Instant::now() + limit;
    while child
        .try_wait()
        .context("wait for User Mode Linux")?
        .is_none()
    {
        if interrupt::asked() || Instant::now() > end {
            interrupt::end_with_descendants(child.id());
            child.wait().context("wait for User Mode Linux to end")?;
            interrupt::check()?;
            bail!("User Mode Linux did not end within {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
