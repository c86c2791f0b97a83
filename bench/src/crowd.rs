// SPDX-License-Identifier: GPL-2.0

//! Processes that sleep in a read, each time anew.

use std::{
    fs::{self, File},
    io::{Read, Write},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::{ForkResult, Pid, fork, pipe2},
};

/// How long a process may take until it sleeps.
const PATIENCE: Duration = Duration::from_secs(60);

/// Readers, asleep. They are killed when this is dropped.
pub struct Crowd {
    readers: Vec<Pid>,
    /// Where each says who it is when it has read something.
    woken: File,
    say_woken: File,
}

impl Crowd {
    /// Nobody yet.
    pub fn new() -> Result<Self> {
        let (woken, say_woken) = pipe2(OFlag::O_CLOEXEC)?;
        Ok(Self {
            readers: Vec::new(),
            woken: woken.into(),
            say_woken: say_woken.into(),
        })
    }

    /// Adds a process that reads from what `open` opens, again and again, and waits until it sleeps.
    pub fn add(&mut self, open: impl FnOnce() -> Result<File>) -> Result<()> {
        // SAFETY: This program has one thread, so the child may do whatever the parent may.
        match unsafe { fork() }.context("forking")? {
            ForkResult::Parent { child } => self.readers.push(child),
            ForkResult::Child => {
                let result = self.read(open);
                if let Err(error) = &result {
                    eprintln!("error: {error:#}");
                }
                std::process::exit(i32::from(result.is_err()));
            }
        }
        asleep(self.readers[self.readers.len() - 1])
    }

    /// What a reader does with its life.
    fn read(&mut self, open: impl FnOnce() -> Result<File>) -> Result<()> {
        step_back()?;
        let mut file = open()?;
        while file.read(&mut [0; 64]).context("reading")? > 0 {
            self.say_woken
                .write_all(&std::process::id().to_ne_bytes())?;
        }
        Ok(())
    }

    /// Waits until one has read what was written, and sleeps again.
    pub fn settle(&mut self) -> Result<()> {
        let mut id = [0; 4];
        self.woken.read_exact(&mut id)?;
        asleep(Pid::from_raw(i32::from_ne_bytes(id)))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for reader in &self.readers {
            // Whoever has ended by itself has said why.
            let _ = kill(*reader, Signal::SIGKILL);
        }
        for reader in &self.readers {
            let _ = waitpid(*reader, None);
        }
    }
}

/// Lets others finish before this process has its turn: a reader that is woken must not interrupt the write that woke
/// it, whose time is taken.
fn step_back() -> Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: The parameters are there, and the kernel only reads them.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) };
    Errno::result(result).context("changing the scheduling")?;
    Ok(())
}

/// Waits until that process sleeps.
fn asleep(process: Pid) -> Result<()> {
    let stat = format!("/proc/{process}/stat");
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(&stat).with_context(|| format!("reading {stat}"))?;
        // The state comes after the name, which is in parentheses.
        match text.rsplit_once(") ").map(|(_, rest)| &rest[..1]) {
            Some("S") => return Ok(()),
            Some("Z") => anyhow::bail!("a reader has ended"),
            _ => {}
        }
        ensure!(start.elapsed() < PATIENCE, "a reader does not fall asleep");
        sleep(Duration::from_micros(50));
    }
}
