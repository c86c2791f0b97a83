// SPDX-License-Identifier: GPL-2.0

//! Turns a test that hangs in a system call into one that fails.

use std::{
    fs,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::pthread::{Pthread, pthread_kill, pthread_self},
    unistd::{Pid, gettid},
};

use crate::{patience::PATIENCE, signals, sleeper::times_slept};

/// Watches the thread that made it, until it is dropped.
///
/// A thread that has not gone to sleep anew for as long as anything may take is either computing, which a
/// signal does not disturb, or hangs in one call, which a signal ends with EINTR: then the test fails there,
/// and its clean-up runs.
#[derive(Debug)]
pub struct Watchdog {
    /// Nothing is sent: the other end notices when this goes.
    _leash: Sender<()>,
}

impl Watchdog {
    /// Watches the current thread.
    pub fn watch_this_thread() -> Self {
        signals::install();
        let (leash, end) = channel::<()>();
        let (thread, tid) = (pthread_self(), gettid());
        thread::spawn(move || {
            let mut last = (0, Instant::now());
            while end.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let slept = times_slept(tid);
                if slept != last.0 {
                    last = (slept, Instant::now());
                } else if last.1.elapsed() > PATIENCE {
                    interrupt(thread, tid);
                }
            }
        });
        Self { _leash: leash }
    }
}

/// State, system call and kernel stack of a task.
pub fn where_it_sleeps(tid: Pid) -> String {
    let file = |name: &str| fs::read_to_string(format!("/proc/{tid}/{name}")).unwrap_or_default();
    let status = file("status");
    let wanted = ["State:", "voluntary_ctxt_switches:"];
    let lines = status
        .lines()
        .filter(|line| wanted.iter().any(|key| line.starts_with(key)));
    let lines: Vec<_> = lines.collect();
    format!("{}\n{}{}", lines.join("\n"), file("syscall"), file("stack"))
}

fn interrupt(thread: Pthread, tid: Pid) {
    eprintln!(
        "the test has hung for {PATIENCE:?} and is interrupted:\n{}",
        where_it_sleeps(tid)
    );
    // The thread lives as long as what it made this watchdog for.
    let _ = pthread_kill(thread, signals::INTERRUPTING);
}
