// SPDX-License-Identifier: GPL-2.0

//! QEMU's command line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::helper::Helper;
use super::link::{Link, News};
use super::shares::Daemon;
use crate::privilege::is_root;
use crate::tree::Tree;

/// What makes the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's own.
    Kvm,
    /// QEMU's translator.
    Tcg,
    /// QEMU's translator on one thread, with a clock that goes on by a nanosecond with each instruction, and that does
    /// not wait for anything: where the guest sleeps, it jumps.
    Counting,
}

impl Accelerator {
    /// What it is, for a report.
    pub fn about(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "QEMU's translator (TCG), which copies in words",
            Self::Counting => {
                "QEMU's translator (TCG), one processor, clock of instructions (-icount shift=0,sleep=off)"
            }
        }
    }

    /// How QEMU spells it.
    pub fn options(self) -> &'static [&'static str] {
        // Without erms and fsrm the kernel copies in words, not with `rep movsb`, which the translator does byte by byte.
        // Without la57 each page walk is a level shorter.
        const PLAIN: &str = "max,erms=off,fsrm=off,la57=off";
        match self {
            Self::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => &["-accel", "tcg,thread=multi", "-cpu", PLAIN],
            Self::Counting => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
                "-cpu",
                PLAIN,
            ],
        }
    }
}

/// The guest's hardware and what it boots.
pub struct Machine<'a> {
    pub cpus: u32,
    pub memory: &'a str,
    /// Arguments for the kernel, beside [`KERNEL_ARGUMENTS`].
    pub append: &'a str,
    pub accelerator: Accelerator,
    pub initramfs: &'a Path,
    /// Folders that QEMU itself serves: tag, path, and whether they are only to be read.
    pub folders: &'a [(String, PathBuf, bool)],
    /// A plugin for the translator, and the file into which it writes.
    pub profiler: Option<&'a (PathBuf, PathBuf)>,
}

/// A QEMU at work; it ends when this is dropped.
pub struct Running(Helper);

/// What the kernel is told.
///
/// The log goes to the serial port. An oops is a panic, and a panic ends the VM at once: what comes
/// after is not worth waiting for. Mitigations and address randomization would only cost time.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 loglevel=7 panic=-1 oops=panic mitigations=off nokaslr \
    printk.devkmsg=on random.trust_cpu=on no_timer_check rdinit=/init";

/// QEMU in the tree, as the tree's own loader starts it.
pub fn command(tree: &Tree) -> Command {
    let root = tree.root();
    let mut command = tree.host_command("usr/bin/qemu-system-x86_64");
    command.env(
        "QEMU_MODULE_DIR",
        root.join("usr/lib/x86_64-linux-gnu/qemu"),
    );
    command
}

/// QEMU with its own data and without any hardware but what the firmware needs.
pub fn bare(tree: &Tree) -> Command {
    let root = tree.root();
    let mut qemu = command(tree);
    for data in ["usr/share/qemu", "usr/share/seabios"] {
        qemu.arg("-L").arg(root.join(data));
    }
    qemu.args([
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-bios",
        "qboot.rom",
    ]);
    qemu
}

impl Machine<'_> {
    /// Starts QEMU, connected to the file system helpers and to the link.
    pub fn start(
        &self,
        tree: &Tree,
        daemons: &[Daemon],
        link: &Link,
        folder: &Path,
        log: &Path,
    ) -> Result<Running> {
        let mut qemu = bare(tree);
        qemu.arg("-machine").arg("q35,memory-backend=memory");
        // The file system helpers look into the guest's memory, so it has to be shared.
        qemu.arg("-object").arg(format!(
            "memory-backend-memfd,id=memory,size={},share=on",
            self.memory
        ));
        qemu.arg("-m")
            .arg(self.memory)
            .arg("-smp")
            .arg(self.cpus.to_string());
        qemu.args(self.accelerator.options());
        if let Some((plugin, counts)) = self.profiler {
            qemu.arg("-plugin").arg(format!(
                "file={},counts={}",
                escaped(plugin),
                escaped(counts)
            ));
        }
        qemu.arg("-kernel")
            .arg(tree.image())
            .arg("-initrd")
            .arg(self.initramfs)
            .args(["-append", &format!("{KERNEL_ARGUMENTS} {}", self.append)]);
        qemu.arg("-chardev")
            .arg(format!("file,id=log,path={}", escaped(log)))
            .args(["-serial", "chardev:log"]);
        qemu.args(["-device", "virtio-serial-pci"]);
        for (name, socket) in link.sockets() {
            qemu.arg("-chardev")
                .arg(format!("socket,id={name},path={}", escaped(socket)));
            qemu.arg("-device")
                .arg(format!("virtserialport,chardev={name},name={name}"));
        }
        for (tag, path, readonly) in self.folders {
            // What the guest's root makes belongs to the calling user, and so it is root's own for root alone.
            let model = if is_root() { "passthrough" } else { "none" };
            let readonly = if *readonly { "on" } else { "off" };
            qemu.arg("-fsdev").arg(format!(
                "local,id={tag},path={},security_model={model},readonly={readonly},multidevs=remap",
                escaped(path)
            ));
            qemu.arg("-device")
                .arg(format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"));
        }
        for daemon in daemons {
            qemu.arg("-chardev").arg(format!(
                "socket,id={},path={}",
                daemon.tag,
                escaped(&daemon.socket)
            ));
            qemu.arg("-device")
                .arg(format!("vhost-user-fs-pci,chardev={0},tag={0}", daemon.tag));
        }
        let helper = Helper::start(&mut qemu, &folder.join("qemu.log")).context("start the VM")?;
        Ok(Running(helper))
    }
}

impl Running {
    /// The next piece of news. A QEMU that ended without ever reaching the link is a hangup, too.
    pub fn next(&mut self, link: &Link, deadline: Option<Instant>) -> News {
        loop {
            let look = Instant::now() + Duration::from_millis(500);
            let until = deadline.map_or(look, |d| d.min(look));
            match link.next(until) {
                News::Late if self.0.has_ended() => return News::Hangup,
                News::Late if deadline.is_none_or(|d| Instant::now() < d) => {}
                news => return news,
            }
        }
    }

    /// Ends the VM.
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Waits a moment for a VM that is on its way out, so that its last words are written.
    pub fn wait(&mut self) {
        self.0.wait_briefly();
    }

    /// What QEMU itself had to say.
    pub fn complaints(&self) -> String {
        match self.0.output() {
            text if text.is_empty() => String::new(),
            text => format!("QEMU said:\n{text}"),
        }
    }
}

/// A path in one of QEMU's comma-separated options.
pub fn escaped(path: &Path) -> String {
    PathBuf::from(path).display().to_string().replace(',', ",,")
}
