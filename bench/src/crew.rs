// SPDX-License-Identifier: GPL-2.0

//! Processes that begin together.

use std::{
    fs::File,
    io::{Read, Write},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    fcntl::OFlag,
    sys::{
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork, pipe2},
};

use crate::stopwatch::Stopwatch;

/// Processes that were forked, are ready, and wait for the start signal.
pub struct Crew {
    members: Vec<Pid>,
    /// A byte of each member when it is ready, and another when its work is done.
    news: (Option<File>, File),
    start: (File, Option<File>),
}

impl Crew {
    /// Nobody yet.
    pub fn new() -> Result<Self> {
        let (news, say) = pipe2(OFlag::O_CLOEXEC)?;
        let (start, say_start) = pipe2(OFlag::O_CLOEXEC)?;
        Ok(Self {
            members: Vec::new(),
            news: (Some(File::from(say)), File::from(news)),
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
        let mut news = self.news.0.take().context("a way to tell the leader")?;
        let work = prepare()?;
        news.write_all(b"r")?;
        // It ends when the leader closes it.
        self.start.0.read_to_end(&mut Vec::new())?;
        work()?;
        news.write_all(b"d").context("telling the leader")
    }

    /// Gives the start signal once all are ready, and returns how long it took until the last one was done.
    pub fn run(mut self) -> Result<Duration> {
        // From here on the members alone hold the other end: if one dies, the wait for it ends.
        self.news.0 = None;
        let time = self.timed();
        if time.is_err() {
            // One has died, for whom the others would wait for ever.
            for member in &self.members {
                kill(*member, Signal::SIGTERM)?;
            }
        }
        for member in &self.members {
            match waitpid(*member, None)? {
                WaitStatus::Exited(_, 0) => {}
                WaitStatus::Signaled(_, Signal::SIGTERM, _) if time.is_err() => {}
                other => bail!("a process of the measurement ended with {other:?}"),
            }
        }
        time.context("waiting for the processes of the measurement")
    }

    /// Waits for all to be ready, starts them, and waits for all to be done.
    fn timed(&mut self) -> std::io::Result<Duration> {
        let mut bytes = vec![0; self.members.len()];
        self.news.1.read_exact(&mut bytes)?;
        let watch = Stopwatch::start();
        self.start.1 = None;
        self.news.1.read_exact(&mut bytes)?;
        Ok(watch.stop())
    }
}
