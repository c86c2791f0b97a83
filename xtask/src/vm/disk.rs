// SPDX-License-Identifier: GPL-2.0

//! A VM that boots an installed system from an image of its disk, with its own initramfs and init.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::helper::Helper;
use super::qemu::{self, escaped};
use super::{accelerator, outcome};
use crate::cache::Cache;
use crate::interrupt;
use crate::privilege::{find_program, root_command};
use crate::step;
use crate::tree::Tree;

/// Larger than what is ever in it; the file is sparse.
const SIZE: &str = "10G";
const MEMORY: &str = "3G";

/// An image of a disk with one file system on it.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
}

impl Disk {
    /// Makes one that holds the tree.
    pub fn make(root: &Path, image: &Path, log: &Path) -> Result<Self> {
        let mut mke2fs = root_command("mke2fs")?;
        mke2fs
            .args(["-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1", "-d"])
            .arg(root)
            .arg(image)
            .arg(SIZE);
        step::run("Making an image of its disk", "1 min", log, &mut mke2fs)?;
        let owner = format!(
            "{}:{}",
            rustix::process::getuid().as_raw(),
            rustix::process::getgid().as_raw()
        );
        step::quiet(root_command("chown")?.arg(owner).arg(image)).context("take the image over")?;
        let image = image.to_owned();
        Ok(Self { image })
    }

    /// Makes a folder in it.
    pub fn folder(&self, path: &str) -> Result<()> {
        self.edit(&format!("mkdir {path}")).map(drop)
    }

    /// Puts a file into it.
    pub fn put(&self, from: &Path, path: &str) -> Result<()> {
        self.edit(&format!("write {} {path}", from.display()))
            .map(drop)
    }

    /// Makes a symbolic link in it.
    pub fn link(&self, path: &str, to: &str) -> Result<()> {
        self.edit(&format!("symlink {path} {to}")).map(drop)
    }

    /// Takes a file out of it. A path may be that of a link.
    fn take(&self, path: &str, to: &Path) -> Result<()> {
        self.edit(&format!("dump {path} {}", to.display()))?;
        match fs::metadata(to) {
            Ok(found) if found.len() > 0 => Ok(()),
            _ => bail!("the disk has no {path}"),
        }
    }

    fn edit(&self, request: &str) -> Result<String> {
        let debugfs = find_program("debugfs")
            .context("find debugfs: the package e2fsprogs is not installed")?;
        let mut command = Command::new(debugfs);
        command.args(["-w", "-R", request]).arg(&self.image);
        let output = command.output().context("start debugfs")?;
        let said = String::from_utf8_lossy(&output.stderr);
        // It succeeds whatever happens, and says its version first.
        match said.lines().find(|l| !l.starts_with("debugfs ")) {
            Some(complaint) => bail!("debugfs: `{request}`: {complaint}"),
            None => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        }
    }

    /// Boots that kernel of the disk, hands on what comes out of the second serial port, and waits for the power to go off.
    pub fn boot(
        &self,
        cache: &Cache,
        tree: &Tree,
        release: &str,
        argument: &str,
        limit: Duration,
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let folder = tempfile::Builder::new()
            .prefix("mydevice-disk-")
            .tempdir()
            .context("make a temporary folder")?;
        let (kernel, initrd) = (folder.path().join("vmlinuz"), folder.path().join("initrd"));
        self.take(&format!("/boot/vmlinuz-{release}"), &kernel)?;
        self.take(&format!("/boot/initrd.img-{release}"), &initrd)?;
        let (console, said) = (folder.path().join("console"), folder.path().join("said"));
        let mut qemu = qemu::bare(tree);
        qemu.args(accelerator::find(cache, tree)?.options());
        qemu.args(["-machine", "q35", "-m", MEMORY, "-smp", "2"]);
        qemu.arg("-kernel").arg(&kernel).arg("-initrd").arg(&initrd);
        qemu.arg("-append").arg(format!(
            "root=/dev/vda rw console=ttyS0 panic=-1 oops=panic mitigations=off no_timer_check {argument}"
        ));
        for (name, file) in [("console", &console), ("said", &said)] {
            qemu.arg("-chardev")
                .arg(format!("file,id={name},path={}", escaped(file)));
            qemu.arg("-serial").arg(format!("chardev:{name}"));
        }
        qemu.arg("-drive").arg(format!(
            "file={},format=raw,if=virtio,cache=unsafe",
            escaped(&self.image)
        ));
        let mut qemu =
            Helper::start(&mut qemu, &folder.path().join("qemu.log")).context("start the VM")?;
        let end = Instant::now() + limit;
        let mut passed_on = 0;
        let ended = loop {
            let over = qemu.has_ended();
            let bytes = fs::read(&said).unwrap_or_default();
            if let Some(new) = bytes.get(passed_on..).filter(|new| !new.is_empty()) {
                sink(new)?;
                passed_on = bytes.len();
            }
            interrupt::check()?;
            if over || Instant::now() > end {
                break over;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        let console = fs::read(&console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        super::keep_log(&folder.path().join("console"))?;
        if let Some(report) = mydevice_init::kernel_log::scan_console(&console) {
            bail!("the kernel reported a defect:\n{report}");
        }
        if !ended {
            bail!(
                "the VM did not end within {} s. The end of its console:\n{}",
                limit.as_secs(),
                outcome::tail(&console, 25)
            );
        }
        if passed_on == 0 {
            bail!(
                "the VM ended without a word. The end of its console:\n{}\n{}",
                outcome::tail(&console, 25),
                qemu.output()
            );
        }
        Ok(())
    }
}
