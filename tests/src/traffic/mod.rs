// SPDX-License-Identifier: GPL-2.0

//! Writers and readers at full speed on one device, with an account of every byte.
//!
//! Every byte says where it comes from (see [`mydevice_chunk`]), so that what the readers got can be held against
//! what the writers sent, whichever reader got which byte: see [`account`].

pub mod account;

use std::{
    os::unix::thread::JoinHandleExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use mydevice_chunk::{SIZE, WRITERS, chunk};
use nix::{errno::Errno, fcntl::OFlag, sys::pthread::pthread_kill};

pub use account::{Account, Tally};

use crate::{Device, patience::PATIENCE, signals};

/// How large a reader's reads are; the readers differ, so that chunks are cut in every way.
const READ_SIZES: [usize; 4] = [65536, 4096, 32, 7];

/// What to send, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Threads that write.
    pub writers: usize,
    /// Threads that read.
    pub readers: usize,
    /// Chunks that each writer sends, one write each.
    pub chunks: u32,
    /// Bytes of a chunk.
    pub size: usize,
    /// Whether somebody drops data meanwhile (RESIZE, CLEAR): then bytes may be missing, but nothing else
    /// may be wrong.
    pub disturbed: bool,
}

impl Plan {
    /// The load of the contract: 4 writers of 10,000 chunks of 32 bytes and 4 readers.
    pub const CONTRACT: Self = Self {
        writers: 4,
        readers: 4,
        chunks: 10_000,
        size: 32,
        disturbed: false,
    };

    fn check(&self) -> Result<()> {
        let Self {
            writers,
            readers,
            chunks,
            size,
            ..
        } = *self;
        ensure!(
            (1..=WRITERS).contains(&writers),
            "{writers} writers: a byte can name 1 to {WRITERS} of them"
        );
        ensure!(
            (1..=1000).contains(&readers),
            "{readers} readers: choose 1 to 1000"
        );
        ensure!(
            (1..=SIZE).contains(&size),
            "chunks of {size} bytes: a byte can name its place in 1 to {SIZE} of them"
        );
        ensure!(
            u64::from(chunks) <= 1 << size,
            "{chunks} chunks of {size} bytes: each byte holds one bit of the chunk's number, so there can be {}",
            1u64 << size
        );
        Ok(())
    }
}

/// Sends and receives what `plan` says through the device at `path`, and accounts for it.
///
/// Nothing else may read from the device meanwhile, and nothing may be stored in it before. Where the traffic
/// comes to a standstill, that is an error.
pub fn run(path: &Path, plan: &Plan) -> Result<Account> {
    plan.check()?;
    signals::install();
    let probe = open(path, OFlag::O_RDONLY)?;
    let sources = (0..plan.writers)
        .map(|_| open(path, OFlag::O_WRONLY))
        .collect::<Result<Vec<_>>>()?;
    let sinks = (0..plan.readers)
        .map(|_| open(path, OFlag::O_RDONLY))
        .collect::<Result<Vec<_>>>()?;

    let state = Arc::new(State::default());
    let plan = *plan;
    let readers = sinks
        .into_iter()
        .zip(READ_SIZES.into_iter().cycle())
        .map(|(device, size)| {
            let state = Arc::clone(&state);
            thread::spawn(move || receive(&device, size, &plan, &state))
        });
    let readers: Vec<_> = readers.collect();
    let writers = sources.into_iter().enumerate().map(|(writer, device)| {
        let state = Arc::clone(&state);
        thread::spawn(move || send(&device, writer, &plan, &state))
    });
    let writers: Vec<_> = writers.collect();

    let moving = state
        .wait_while_moving(|| !writers.iter().all(JoinHandle::is_finished) || probe.unread() > 0);
    // A reader that holds bytes in its hands still counts them: it ends only in a read that brings nothing.
    state.done.store(true, Ordering::SeqCst);
    let sent = writers.into_iter().map(ended).collect::<Result<Vec<_>>>();
    let received = readers.into_iter().map(ended).collect::<Result<Vec<_>>>()?;
    moving?;
    sent?;

    let mut account = Account::new(plan);
    received.iter().for_each(|tally| account.add(tally));
    Ok(account)
}

/// What the threads share.
#[derive(Debug, Default)]
struct State {
    /// Calls that moved bytes: while this grows, the traffic moves.
    calls: AtomicU64,
    /// Whoever is interrupted shall end.
    done: AtomicBool,
}

impl State {
    /// Waits as long as `busy`; an error if nothing moves any more for as long as anything may take.
    fn wait_while_moving(&self, busy: impl Fn() -> bool) -> Result<()> {
        let mut last = (Instant::now(), 0);
        while busy() {
            let calls = self.calls.load(Ordering::SeqCst);
            if calls != last.1 {
                last = (Instant::now(), calls);
            }
            ensure!(
                last.0.elapsed() < PATIENCE,
                "the traffic stands still after {calls} calls: for {PATIENCE:?} no call returned"
            );
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The result of a call that moves bytes, made again when a signal says nothing of the end; None at
    /// the end.
    fn call<T>(&self, call: impl Fn() -> nix::Result<T>) -> Result<Option<T>, Errno> {
        loop {
            match call() {
                Err(Errno::EINTR) if self.done.load(Ordering::SeqCst) => return Ok(None),
                Err(Errno::EINTR) => {}
                result => {
                    self.calls.fetch_add(1, Ordering::SeqCst);
                    return result.map(Some);
                }
            }
        }
    }
}

fn open(path: &Path, flags: OFlag) -> Result<Device> {
    Device::open(path, flags).with_context(|| {
        format!(
            "opening {}: is the module loaded, and are you root?",
            path.display()
        )
    })
}

/// One writer.
fn send(device: &Device, writer: usize, plan: &Plan, state: &State) -> Result<()> {
    for number in 0..plan.chunks {
        let chunk = chunk(writer, number, plan.size);
        let written = state.call(|| device.write(&chunk));
        match written.with_context(|| format!("writer {writer} sending chunk {number}"))? {
            Some(n) if n == chunk.len() => {}
            Some(n) => bail!(
                "writer {writer}: a blocking write of {} bytes returned {n}",
                chunk.len()
            ),
            None => bail!("writer {writer} was stopped in chunk {number}"),
        }
    }
    Ok(())
}

/// One reader.
fn receive(device: &Device, size: usize, plan: &Plan, state: &State) -> Result<Tally> {
    let mut tally = Tally::new(plan);
    while let Some(bytes) = state
        .call(|| device.read(size))
        .context("a reader waiting for data")?
    {
        ensure!(
            !bytes.is_empty(),
            "a reader got 0 bytes where it should wait for more"
        );
        tally.take(&bytes);
    }
    Ok(tally)
}

/// What a thread returned; it is interrupted until it ends.
fn ended<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    while !thread.is_finished() {
        // Its id stays good until it is joined.
        let _ = pthread_kill(thread.as_pthread_t(), signals::INTERRUPTING);
        thread::sleep(Duration::from_millis(1));
    }
    thread
        .join()
        .map_err(|_| anyhow!("a thread of the traffic panicked"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A named pipe keeps the same promises for small chunks, so the account itself can be tried on one.
    #[test]
    fn a_named_pipe_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Holds both ends open, so that no open waits and no reader sees an end.
        let _both = Device::open(&path, OFlag::O_RDWR).unwrap();

        let account = run(
            &path,
            &Plan {
                chunks: 2000,
                ..Plan::CONTRACT
            },
        )
        .unwrap();
        assert_eq!(account.faults(), Vec::<String>::new());
        assert_eq!(account.received(), 4 * 2000 * 32);
    }

    #[test]
    fn a_plan_that_cannot_be_accounted_for_is_refused() {
        for plan in [
            Plan {
                writers: 5,
                ..Plan::CONTRACT
            },
            Plan {
                readers: 0,
                ..Plan::CONTRACT
            },
            Plan {
                size: 33,
                ..Plan::CONTRACT
            },
            Plan {
                size: 8,
                chunks: 257,
                ..Plan::CONTRACT
            },
        ] {
            assert!(
                run(Path::new("/nonexistent"), &plan)
                    .unwrap_err()
                    .to_string()
                    .contains(':'),
                "{plan:?}"
            );
        }
    }
}
