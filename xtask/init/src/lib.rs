// SPDX-License-Identifier: GPL-2.0

//! What `xtask` on the host and the first process of the VM agree on.
//!
//! The host packs one [`Config`] into the initramfs. From then on the two talk over a virtio-console
//! port in lines of JSON: [`Event`] from the guest, [`Request`] to it. Output of the command has
//! ports of its own, so it is never mixed with these lines or with the kernel's log.

#![warn(missing_docs)]

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub mod kernel_log;

/// Where [`Config`] lies in the initramfs.
pub const CONFIG_PATH: &str = "/config.json";
/// Where the modules named in [`Config::modules`] lie in the initramfs.
pub const MODULES_DIR: &str = "/modules";

/// The name of the port that carries [`Event`] and [`Request`].
pub const CONTROL_PORT: &str = "mydevice.control";
/// The name of the port that carries the command's standard output, or the terminal, both ways.
pub const STDOUT_PORT: &str = "mydevice.stdout";
/// The name of the port that carries the command's standard error.
pub const STDERR_PORT: &str = "mydevice.stderr";

/// What the guest is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Config {
    /// Kernel modules to load before anything is mounted, in this order.
    pub modules: Vec<String>,
    /// The work itself; without it the guest only says that it has booted.
    pub job: Option<Job>,
}

/// A user land and a command to run in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// How the guest reaches the host's folders.
    pub sharing: Sharing,
    /// The tag of the Debian tree, which stays as it is: changes live in memory.
    pub root_tag: String,
    /// Folders of the host, mounted in this order.
    pub shares: Vec<Share>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// Its current directory.
    pub cwd: PathBuf,
    /// With a size, the command gets a terminal of that size; without, pipes.
    pub terminal: Option<TerminalSize>,
}

/// How the guest reaches the host's folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sharing {
    /// By helper processes that write into the guest's memory. Quick, but QEMU's translator does not learn what they
    /// wrote: where such a page held code before, the guest may go on with the old code's translation.
    Virtiofs,
    /// By QEMU itself, which knows what it wrote.
    NineP,
}

/// A folder of the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// Its tag.
    pub tag: String,
    /// Its absolute path, the same on both sides.
    pub path: PathBuf,
}

/// Rows and columns of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TerminalSize {
    pub rows: u16,
    pub columns: u16,
}

/// What the guest tells the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The user land is up, and the command is about to start.
    Ready,
    /// The guest could not do its job.
    Failed(String),
    /// The kernel reported a defect. Sent as soon as it is seen, and again whole before `Exit`.
    Report(String),
    /// The command has ended, and its output is all sent.
    Exit {
        /// As a shell would show it: 128 + N after signal N.
        code: i32,
        /// Bytes sent on [`STDOUT_PORT`]: ports are not ordered among each other.
        stdout: u64,
        /// Bytes sent on [`STDERR_PORT`].
        stderr: u64,
    },
}

/// What the host tells the guest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The host's terminal has changed its size.
    Resize(TerminalSize),
}
