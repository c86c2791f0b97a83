// SPDX-License-Identifier: GPL-2.0

//! The VM: one boot, one command, one outcome.
//!
//! QEMU and the file system helpers come out of the tree, so that every host runs the same ones.
//! The guest's side of all this is the crate `mydevice-init`.

mod accelerator;
mod helper;
mod initramfs;
mod link;
mod outcome;
mod qemu;
mod shares;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mydevice_init::{Config, Event, Job, Request, Share, TerminalSize};

use crate::cache::Cache;
use crate::project;
use crate::tree::Tree;
pub use link::Stream;
use link::{Link, News};
pub use outcome::Outcome;
use qemu::Machine;

/// How long a guest may take until its command starts. A healthy one takes 5 seconds.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// How long output may still be on its way after the guest has said that all of it is sent.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// The virtiofs tag of the Debian tree.
const ROOT_TAG: &str = "mydevice-root";

/// What to boot and what to run in it.
#[derive(Debug)]
pub struct Vm {
    /// Processors of the guest.
    pub cpus: u32,
    /// Its memory, as QEMU spells sizes.
    pub memory: String,
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
        let accelerator = accelerator::find(cache, tree)?;
        let folder = tempfile::Builder::new()
            .prefix("mydevice-vm-")
            .tempdir()
            .context("make a temporary folder")?;
        let shares = self.shares()?;
        let config = Config {
            modules: Vec::new(),
            job: Some(self.job(&shares)),
        };
        let initramfs = initramfs::write(tree, config, folder.path())?;
        let link = Link::listen(folder.path(), self.terminal.is_some())?;
        let mut daemons = vec![shares::serve_tree(tree, ROOT_TAG, folder.path())?];
        for share in &shares {
            daemons.push(shares::serve(tree, share, folder.path())?);
        }
        let machine = Machine {
            cpus: self.cpus,
            memory: &self.memory,
            accelerator,
            initramfs: &initramfs,
        };
        let log = folder.path().join("kernel.log");
        let mut qemu = machine.start(tree, &daemons, &link, folder.path(), &log)?;
        let outcome = self.follow(&link, &mut qemu, sink);
        qemu.stop();
        keep_log(&log)?;
        match outcome? {
            End::Outcome(outcome) => Ok(outcome),
            End::Died(why) => {
                let text =
                    String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
                match mydevice_init::kernel_log::scan_console(&text) {
                    Some(report) => Ok(Outcome::KernelReport(report)),
                    None => bail!(
                        "{why}\nThe end of the guest's console:\n{}\n{}",
                        outcome::tail(&text, 25),
                        qemu.complaints()
                    ),
                }
            }
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

    fn job(&self, shares: &[Share]) -> Job {
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
        let mut state = State {
            deadline: Some(Instant::now() + BOOT_LIMIT),
            ..State::default()
        };
        loop {
            if let Some(outcome) = state.complete() {
                return Ok(End::Outcome(outcome));
            }
            match qemu.next(link, state.deadline) {
                News::Output(stream, bytes) => {
                    sink(stream, &bytes).context("pass on the command's output")?;
                    state.count(stream, bytes.len());
                }
                News::Event(Event::Ready) => {
                    state.ready = true;
                    state.deadline = self.timeout.map(|t| Instant::now() + t);
                }
                News::Event(Event::Report(text)) => state.report = Some(text),
                News::Event(Event::Failed(why)) => bail!("the guest could not do its job: {why}"),
                News::Event(Event::Exit {
                    code,
                    stdout,
                    stderr,
                }) => {
                    state.exit = Some((code, stdout, stderr));
                    state.deadline = Some(Instant::now() + DRAIN_LIMIT);
                }
                News::Resized(size) => link.send(&Request::Resize(size))?,
                News::Signal(signal) => return Ok(End::Outcome(Outcome::Interrupted(signal))),
                News::Hangup => {
                    qemu.wait();
                    let why = if state.ready {
                        "the VM ended before its command did."
                    } else {
                        "the VM ended before its command could start."
                    };
                    return Ok(state.report.take().map_or(End::Died(why.to_owned()), |r| {
                        End::Outcome(Outcome::KernelReport(r))
                    }));
                }
                News::Late => return Ok(state.late()),
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

/// How following the guest ended.
enum End {
    Outcome(Outcome),
    Died(String),
}

/// What is known of the guest so far.
#[derive(Default)]
struct State {
    ready: bool,
    deadline: Option<Instant>,
    report: Option<String>,
    exit: Option<(i32, u64, u64)>,
    received: [u64; 2],
}

impl State {
    fn count(&mut self, stream: Stream, bytes: usize) {
        self.received[stream as usize] += bytes as u64;
    }

    /// The outcome, once the command has ended and all its output is here.
    fn complete(&self) -> Option<Outcome> {
        let (code, stdout, stderr) = self.exit?;
        (self.received[0] >= stdout && self.received[1] >= stderr).then(|| self.outcome(code))
    }

    fn outcome(&self, code: i32) -> Outcome {
        self.report
            .clone()
            .map_or(Outcome::Exit(code), Outcome::KernelReport)
    }

    /// What the deadline's passing means depends on what was waited for.
    fn late(&self) -> End {
        match (self.exit, &self.report) {
            (Some((code, ..)), _) => End::Outcome(self.outcome(code)),
            // It explains the hang, too.
            (None, Some(report)) => End::Outcome(Outcome::KernelReport(report.clone())),
            (None, None) if self.ready => End::Outcome(Outcome::TimedOut),
            (None, None) => End::Died(format!(
                "the guest did not come up within {} s.",
                BOOT_LIMIT.as_secs()
            )),
        }
    }
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
