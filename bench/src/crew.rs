// SPDX-License-Identifier: GPL-2.0

//! Processes that begin together.

use std::{
    fs::File,
    io::{Read, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    fcntl::OFlag,
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, Pid, fork, pipe2},
};

/// Processes that were forked, are ready, and wait for the start signal.
pub struct Crew {
    members: Vec<Pid>,
    ready: (Option<File>, File),
    start: (File, Option<File>),
}

impl Crew {
    /// Nobody yet.
    pub fn new() -> Result<Self> {
        let (ready, say_ready) = pipe2(OFlag::O_CLOEXEC)?;
        let (start, say_start) = pipe2(OFlag::O_CLOEXEC)?;
        Ok(Self {
            members: Vec::new(),
            ready: (Some(File::from(say_ready)), File::from(ready)),
            start: (File::from(start), Some(File::from(say_start))),
        })
    }

    /// Forks one more, which prepares itself with `prepare` and, after the start signal, does what that returned.
    pub fn fork<W: FnOnce() -> Result<()>>(
        &mut self,
        prepare: impl FnOnce() -> Result<W>,
    ) -> Result<()> {
        // SAFETY: This program has one thread, so the child may do whatever the parent may.
        match unsafe { fork() }.context("forking")? {
            ForkResult::Parent { child } => {
                self.members.push(child);
                Ok(())
            }
            ForkResult::Child => {
                let result = self.serve(prepare);
                if let Err(error) = &result {
                    eprintln!("error: {error:#}");
                }
                std::process::exit(i32::from(result.is_err()));
            }
        }
    }

    /// What a member does with its life.
    fn serve<W: FnOnce() -> Result<()>>(
        &mut self,
        prepare: impl FnOnce() -> Result<W>,
    ) -> Result<()> {
        self.start.1 = None;
        let work = prepare()?;
        if let Some(ready) = &mut self.ready.0 {
            ready.write_all(b"r")?;
        }
        self.ready.0 = None;
        // It ends when the leader closes it.
        self.start.0.read_to_end(&mut Vec::new())?;
        work()
    }

    /// Gives the start signal once all are ready, and returns how long it took until the last one ended.
    pub fn run(mut self) -> Result<Duration> {
        self.ready.0 = None;
        let mut ready = vec![0; self.members.len()];
        self.ready
            .1
            .read_exact(&mut ready)
            .context("waiting for all to be ready")?;

        let start = Instant::now();
        self.start.1 = None;
        for member in &self.members {
            match waitpid(*member, None)? {
                WaitStatus::Exited(_, 0) => {}
                other => bail!("a process of the measurement ended with {other:?}"),
            }
        }
        Ok(start.elapsed())
    }
}
