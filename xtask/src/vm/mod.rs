// SPDX-License-Identifier: GPL-2.0

//! The VM: one boot, one command, one outcome.
//!
//! QEMU and the file system helpers come out of the tree, so that every host runs the same ones.
//! The guest's side of all this is the crate `mydevice-init`.

mod accelerator;
mod disk;
mod helper;
mod initramfs;
mod link;
mod outcome;
mod qemu;
mod shares;
mod state;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mydevice_init::{Config, Job, Request, Share, Sharing, TerminalSize};

use crate::cache::Cache;
use crate::project;
use crate::tree::Tree;
pub use disk::Disk;
pub use link::Stream;
use link::{Link, News};
pub use outcome::{Outcome, tail};
use qemu::Accelerator;
use qemu::Machine;
use state::{End, State};

/// How long to wait for more of a dead guest's output.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The tag of the Debian tree.
const ROOT_TAG: &str = "mydevice-root";

/// What to boot and what to run in it.
#[derive(Debug)]
pub struct Vm {
    /// Processors of the guest.
    pub cpus: u32,
    /// Its memory, as QEMU spells sizes.
    pub memory: String,
    /// Arguments for its kernel, beside those that it always gets.
    pub append: String,
    /// Folders of the host that the guest sees at the same path, besides the checkout.
    pub shares: Vec<PathBuf>,
    /// How long the command may run.
    pub timeout: Option<Duration>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Added to the guest's own environment.
    pub env: Vec<(String, String)>,
    /// The command's current directory.
    pub cwd: PathBuf,
    /// Gives the command a terminal of this size, connected to ours.
    pub terminal: Option<TerminalSize>,
    /// The guest's clock counts instructions, of one processor.
    pub counts: bool,
    /// A plugin for QEMU's translator that counts instructions by address, and the file into which it writes.
    pub profiler: Option<(PathBuf, PathBuf)>,
}

impl Vm {
    /// Boots, runs the command, and hands its output to `sink` as it comes.
    pub fn run(
        &self,
        cache: &Cache,
        tree: &Tree,
        sink: &mut dyn FnMut(Stream, &[u8]) -> std::io::Result<()>,
    ) -> Result<Outcome> {
        helper::check_processor_arch()?;
        let accelerator = self.accelerator(cache, tree)?;
        let folder = tempfile::Builder::new()
            .prefix("mydevice-vm-")
            .tempdir()
            .context("make a temporary folder")?;
        let shares = self.shares()?;
        let sharing = tree.sharing();
        let config = Config {
            modules: Vec::new(),
            job: Some(self.job(&shares, sharing)),
        };
        let initramfs = initramfs::write(tree, config, folder.path())?;
        let link = Link::listen(folder.path(), self.terminal.is_some())?;
        let mut daemons = Vec::new();
        let mut folders = Vec::new();
        match sharing {
            Sharing::Virtiofs => {
                daemons.push(shares::serve_tree(tree, ROOT_TAG, folder.path())?);
                for share in &shares {
                    daemons.push(shares::serve(tree, share, folder.path())?);
                }
            }
            Sharing::NineP => {
                folders.push((ROOT_TAG.to_owned(), tree.root(), true));
                folders.extend(
                    shares
                        .iter()
                        .map(|s| (s.tag.clone(), s.path.clone(), false)),
                );
            }
        }
        let machine = Machine {
            cpus: if self.counts { 1 } else { self.cpus },
            memory: &self.memory,
            append: &self.append,
            accelerator,
            initramfs: &initramfs,
            folders: &folders,
            profiler: self.profiler.as_ref(),
        };
        let log = folder.path().join("kernel.log");
        let mut qemu = machine.start(tree, &daemons, &link, folder.path(), &log)?;
        let outcome = self.follow(&link, &mut qemu, sink);
        qemu.stop();
        keep_log(&log)?;
        match outcome? {
            End::Outcome(outcome) => Ok(outcome),
            End::Died(why, reported) => {
                let console = fs::read(&log).unwrap_or_default();
                let console = String::from_utf8_lossy(&console);
                match mydevice_init::kernel_log::scan_console(&console).or(reported) {
                    Some(report) => Ok(Outcome::KernelReport(report)),
                    None => bail!(
                        "{why}\nThe end of the guest's console:\n{}\n{}",
                        outcome::tail(&console, 25),
                        qemu.complaints()
                    ),
                }
            }
        }
    }

    /// What makes the guest's processors.
    pub fn accelerator(&self, cache: &Cache, tree: &Tree) -> Result<Accelerator> {
        match self.counts {
            true => Ok(Accelerator::Counting),
            false => accelerator::find(cache, tree),
        }
    }

    /// The checkout first, then what was asked for; one inside another is fine.
    fn shares(&self) -> Result<Vec<Share>> {
        let mut paths = vec![project::root().to_owned()];
        for path in &self.shares {
            let real = path
                .canonicalize()
                .with_context(|| format!("find the folder to share, {}", path.display()))?;
            if !real.is_dir() {
                bail!("cannot share {}: it is no folder", path.display());
            }
            // As it was spelled, too: the guest is to find it under the path that the user gave.
            let spelled = std::path::absolute(path).context("find the folder to share")?;
            for path in [real, spelled] {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        // Outer ones first, or they would cover the inner ones.
        paths.sort_by_key(|p| p.components().count());
        Ok(paths
            .into_iter()
            .enumerate()
            .map(|(i, path)| Share {
                tag: format!("mydevice-share{i}"),
                path,
            })
            .collect())
    }

    fn job(&self, shares: &[Share], sharing: Sharing) -> Job {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut env: Vec<(String, String)> = [
            ("PATH", path),
            ("HOME", "/root"),
            ("USER", "root"),
            ("LOGNAME", "root"),
            ("SHELL", "/bin/bash"),
            ("LANG", "C.UTF-8"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let term = if self.terminal.is_some() {
            std::env::var("TERM").unwrap_or_default()
        } else {
            String::new()
        };
        env.push((
            "TERM".to_owned(),
            if term.is_empty() {
                "dumb".to_owned()
            } else {
                term
            },
        ));
        for (name, value) in &self.env {
            env.retain(|(n, _)| n != name);
            let value = if name == "PATH" {
                format!("{value}:{path}")
            } else {
                value.clone()
            };
            env.push((name.clone(), value));
        }
        Job {
            sharing,
            root_tag: ROOT_TAG.to_owned(),
            shares: shares.to_vec(),
            command: self.command.clone(),
            env,
            cwd: self.cwd.clone(),
            terminal: self.terminal,
        }
    }

    /// Passes output on and waits for the end, whatever brings it.
    fn follow(
        &self,
        link: &Link,
        qemu: &mut qemu::Running,
        sink: &mut dyn FnMut(Stream, &[u8]) -> std::io::Result<()>,
    ) -> Result<End> {
        let mut state = State::booting(self.timeout);
        loop {
            if let Some(end) = state.complete() {
                return Ok(end);
            }
            match qemu.next(link, state.deadline()) {
                News::Output(stream, bytes) => {
                    sink(stream, &bytes).context("pass on the command's output")?;
                    state.count(stream, bytes.len());
                }
                News::Event(event) => state.event(event)?,
                News::Resized(size) => link.send(&Request::Resize(size))?,
                News::Signal(signal) => return Ok(End::Outcome(Outcome::Interrupted(signal))),
                News::Late => return Ok(state.late()),
                News::Hangup => {
                    qemu.wait();
                    // What the command said last is still on its way here.
                    while let News::Output(stream, bytes) = link.next(Instant::now() + LAST_WORDS) {
                        sink(stream, &bytes).context("pass on the command's output")?;
                    }
                    return Ok(state.gone());
                }
            }
        }
    }
}

/// The size of the terminal that this process has, if it has one.
pub fn terminal_size() -> Option<TerminalSize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdin()).ok()?;
    // A serial line does not know its size; this is what they all were.
    let or = |given, usual| if given == 0 { usual } else { given };
    Some(TerminalSize {
        rows: or(size.ws_row, 24),
        columns: or(size.ws_col, 80),
    })
}

/// Keeps the newest kernel log where people can find it.
fn keep_log(log: &std::path::Path) -> Result<()> {
    let kept = kernel_log_path();
    let folder = project::target().join("vm");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    fs::copy(log, &kept).with_context(|| format!("keep the kernel log as {}", kept.display()))?;
    Ok(())
}

/// Where the kernel log of the last VM is kept.
pub fn kernel_log_path() -> PathBuf {
    project::target().join("vm/kernel.log")
}
