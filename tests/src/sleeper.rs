// SPDX-License-Identifier: GPL-2.0

//! Threads that are expected to sleep in a system call, and how the kernel shows that they do.

use std::{
    fs,
    os::unix::thread::JoinHandleExt,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    Result,
    sys::{pthread::pthread_kill, signal::Signal},
    unistd::{Pid, getpid, gettid},
};

use crate::{Device, eventually, patience::PATIENCE, signals};

/// A thread that runs one closure, in which it is expected to fall asleep. Dropped before it ended, it is
/// interrupted until it does, so that a failed test leaves no thread with the device open.
#[derive(Debug)]
pub struct Sleeper<T> {
    tid: Pid,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Sleeper<T> {
    /// Starts the thread.
    pub fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        signals::install();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            tell.send(gettid()).expect("the starter waits for this");
            work()
        });
        let tid = told.recv().expect("the thread tells its id first");
        Self {
            tid,
            thread: Some(thread),
        }
    }

    /// Starts the thread and waits until it sleeps in system call number `call`.
    #[track_caller]
    pub fn asleep_in(call: i64, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let sleeper = Self::start(work);
        sleeper.wait_asleep_in(call);
        sleeper
    }

    /// Waits until it sleeps in system call number `call`.
    #[track_caller]
    pub fn wait_asleep_in(&self, call: i64) {
        eventually("the thread falls asleep in its call", || {
            assert!(
                !self.has_ended(),
                "the thread ended instead of falling asleep"
            );
            self.sleeps_in(call)
        });
    }

    /// Whether it sleeps in system call number `call` now.
    pub fn sleeps_in(&self, call: i64) -> bool {
        !self.has_ended() && sleeps_in(getpid(), self.tid, call)
    }

    /// How often it has gone to sleep so far, if it sleeps in one of these system calls now.
    pub fn asleep_in_any(&self, calls: &[i64]) -> Option<u64> {
        let asleep = calls.iter().any(|call| self.sleeps_in(*call));
        // It may be gone by now.
        asleep.then(|| voluntary_switches(self.tid)).flatten()
    }

    /// How often it has gone to sleep so far: a sleeper whose number stays was not woken.
    pub fn times_slept(&self) -> u64 {
        times_slept(self.tid)
    }

    /// Whether the closure has returned.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let thread = self.thread.as_ref().expect("a thread that was not joined");
        pthread_kill(thread.as_pthread_t(), signal).expect("sending a signal to a thread");
    }

    /// Signals it where its call restarts, and waits until the handler has run and it sleeps again.
    #[track_caller]
    pub fn restart(&self, call: i64) {
        let before = signals::caught();
        self.signal(signals::RESTARTING);
        eventually("the handler runs", || signals::caught() > before);
        self.wait_asleep_in(call);
    }

    /// Waits until the closure returns; what it returned.
    #[track_caller]
    pub fn join(mut self) -> T {
        eventually("the thread ends", || self.has_ended());
        let thread = self.thread.take().expect("a thread that was not joined");
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A reader of at most `max` bytes, which finds nothing and sleeps.
#[track_caller]
pub fn sleeping_read(device: &Device, max: usize) -> Sleeper<Result<Vec<u8>>> {
    let device = device.clone();
    Sleeper::asleep_in(libc::SYS_read, move || device.read(max))
}

/// A writer that sleeps for room or for its turn.
#[track_caller]
pub fn sleeping_write(device: &Device, bytes: impl AsRef<[u8]>) -> Sleeper<Result<usize>> {
    let (device, bytes) = (device.clone(), bytes.as_ref().to_owned());
    Sleeper::asleep_in(libc::SYS_write, move || device.write(&bytes))
}

impl<T> Drop for Sleeper<T> {
    fn drop(&mut self) {
        let Some(thread) = &self.thread else { return };
        let start = Instant::now();
        // A thread between two calls, or one that repeats them, needs more than one signal.
        while !thread.is_finished() && start.elapsed() < PATIENCE {
            // Its id stays good until it is joined, which happens nowhere else.
            let _ = pthread_kill(thread.as_pthread_t(), signals::INTERRUPTING);
            thread::sleep(Duration::from_millis(1));
        }
        // Not a panic: this may be the clean-up after one.
        if !thread.is_finished() {
            eprintln!("a thread of this test does not end: thread {}", self.tid);
        }
    }
}

/// How often thread `tid` has gone to sleep so far.
pub fn times_slept(tid: Pid) -> u64 {
    voluntary_switches(tid)
        .expect("the status of a thread that lives, with voluntary_ctxt_switches")
}

fn voluntary_switches(tid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count?.trim().parse().ok()
}

/// Whether thread `tid` of process `pid` sleeps, interruptibly, in system call number `call`.
pub fn sleeps_in(pid: Pid, tid: Pid, call: i64) -> bool {
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/task/{tid}/{name}"));
    let (Ok(stat), Ok(syscall)) = (file("stat"), file("syscall")) else {
        return false;
    };
    // The state is the field after the name, which is in parentheses and may hold any character.
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    let number = syscall
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    state == Some('S') && number == Some(call)
}
