// SPDX-License-Identifier: GPL-2.0

//! Callers at rest: of a crowd in which each has ended or sleeps, nobody who sleeps could go on.
//!
//! Threads make random calls on one instance, some of them on the same open, some stalled in mid-copy, some whose copy
//! fails, some interrupted, until nobody moves. Then each sleeper in turn is made to look again, by a signal whose handler
//! lets its call begin anew. If it goes on then, or anybody else does, somebody was owed a wake-up. What each may wait for
//! need not be known here: the driver says it, when it is asked again.

use std::{
    fmt::Write,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use fastrand::Rng;
use nix::{Result, errno::Errno, fcntl::OFlag, poll::PollFlags};

use crate::{
    Device, Instance, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{come_before_others, on_one_cpu},
    memory::Stall,
    signals::{self, INTERRUPTING, RESTARTING},
};

/// The calls in which a caller may sleep.
const SLEEPING: [i64; 4] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_poll,
    libc::SYS_ioctl,
];
/// Bytes to which an instance may be resized; all sizes are about that large, so that there is always somebody to wait for.
const SIZES: [u32; 6] = [1, 2, 3, 4, 8, 16];

/// The open that a call is made on.
#[derive(Clone, Copy, Debug)]
enum On {
    /// The caller's own.
    Own,
    /// One that others use, too: its number.
    Shared(usize),
}

/// What a caller does.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// Reads at most so many bytes; where a stall has a number, the page behind the first byte does not come at once, or
    /// never.
    Read(On, usize, Option<usize>),
    /// Writes so many, in the same ways.
    Write(On, usize, Option<usize>),
    /// Waits for an event.
    Poll(On, PollFlags),
    Next(On),
    Clear(On),
    Resize(On, u32),
    /// Closes the own open, and opens the instance anew.
    Reopen,
}

/// Somebody who makes calls, and what came of them so far.
#[derive(Debug)]
struct Caller {
    mode: OFlag,
    /// Comes before others on its CPU.
    urgent: bool,
    calls: Vec<Call>,
    results: Mutex<Vec<Result<usize>>>,
}

impl Caller {
    fn locked(&self) -> MutexGuard<'_, Vec<Result<usize>>> {
        let results = self.results.lock();
        results.unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> Vec<Result<usize>> {
        self.locked().clone()
    }

    /// The call that it is in.
    fn current(&self) -> Option<Call> {
        self.calls.get(self.locked().len()).copied()
    }

    /// Makes the calls, until the instance is gone.
    fn run(&self, instance: &Instance, shared: &[Device], stalls: &[Stall]) {
        if self.urgent {
            come_before_others();
        }
        let mut own = instance.open(self.mode);
        for call in &self.calls {
            let on = |on: On| match on {
                On::Own => own.clone(),
                On::Shared(number) => Ok(shared[number].clone()),
            };
            let stalled = |stall: usize| stalls[stall].before(1).get();
            let result = match *call {
                Call::Read(it, len, None) => on(it).and_then(|it| Ok(it.read(len)?.len())),
                Call::Read(it, len, Some(stall)) => {
                    on(it).and_then(|it| it.read_at_address(stalled(stall), len))
                }
                Call::Write(it, len, None) => on(it).and_then(|it| it.write(&vec![b'x'; len])),
                Call::Write(it, len, Some(stall)) => {
                    on(it).and_then(|it| it.write_from_address(stalled(stall), len))
                }
                Call::Poll(it, events) => on(it).and_then(|it| {
                    loop {
                        // It does not begin anew by itself.
                        match it.wait_ready(events) {
                            Err(Errno::EINTR) => {}
                            result => return result.map(|_| 0),
                        }
                    }
                }),
                Call::Next(it) => on(it).and_then(|it| it.next().map(|()| 0)),
                Call::Clear(it) => on(it).and_then(|it| it.clear().map(|()| 0)),
                Call::Resize(it, capacity) => on(it).and_then(|it| it.resize(capacity).map(|()| 0)),
                Call::Reopen => {
                    drop(mem::replace(&mut own, Err(Errno::EBADF)));
                    own = instance.open(self.mode);
                    own.as_ref().map(|_| 0).map_err(|errno| *errno)
                }
            };
            self.locked().push(result);
            if matches!(result, Err(Errno::ENODEV | Errno::ENOENT)) {
                return;
            }
        }
    }
}

/// A crowd, drawn from a seed, which repeats what is called, though not who comes first.
#[derive(Debug)]
pub struct Crowd {
    settings: String,
    is_stream: bool,
    shared: Vec<OFlag>,
    callers: Vec<Arc<Caller>>,
    stalls: usize,
    one_cpu: bool,
    rng: Rng,
}

impl Crowd {
    /// One for an instance of that discipline.
    pub fn draw(discipline: &str, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let capacity = SIZES[rng.usize(1..SIZES.len())];
        let settings = match discipline {
            "stack" => format!("max_capacity={capacity}"),
            _ => format!("capacity={capacity} max_capacity=16"),
        };
        let mut crowd = Self {
            settings: format!("discipline={discipline} on_empty=block {settings}"),
            is_stream: discipline == "stream",
            shared: Vec::new(),
            callers: Vec::new(),
            stalls: 0,
            one_cpu: rng.bool(),
            rng,
        };
        crowd.shared = (0..crowd.rng.usize(..3))
            .map(|_| match discipline {
                // A read has the position that its open had when it began, and another may go back to an older one meanwhile.
                "buffer" => OFlag::O_WRONLY,
                _ => crowd.mode(),
            })
            .collect();
        crowd.callers = (0..crowd.rng.usize(3..8))
            .map(|_| {
                let mode = crowd.mode();
                let calls = (0..crowd.rng.usize(1..5)).map(|_| crowd.call(mode));
                let calls = calls.collect();
                Arc::new(Caller {
                    mode,
                    urgent: crowd.one_cpu && crowd.rng.u8(..4) == 0,
                    calls,
                    results: Mutex::default(),
                })
            })
            .collect();
        crowd
    }

    fn mode(&mut self) -> OFlag {
        match self.rng.u8(..5) {
            0..2 => OFlag::O_RDONLY,
            2..4 => OFlag::O_WRONLY,
            _ => OFlag::O_RDWR,
        }
    }

    fn call(&mut self, own: OFlag) -> Call {
        let number = self.rng.usize(..2 + self.shared.len());
        let (on, mode) = match self.shared.get(number) {
            Some(mode) => (On::Shared(number), *mode),
            None => (On::Own, own),
        };
        match self.rng.u8(..20) {
            0..14 => {
                let len = 1 + self.rng.usize(..9);
                let stall = (self.rng.u8(..6) == 0).then(|| {
                    self.stalls += 1;
                    self.stalls - 1
                });
                match mode {
                    OFlag::O_RDONLY => Call::Read(on, len, stall),
                    OFlag::O_WRONLY => Call::Write(on, len, stall),
                    _ if self.rng.bool() => Call::Read(on, len, stall),
                    _ => Call::Write(on, len, stall),
                }
            }
            14 => Call::Poll(on, if self.rng.bool() { READABLE } else { WRITABLE }),
            15 => Call::Next(on),
            16 => Call::Clear(on),
            17 => Call::Resize(on, SIZES[self.rng.usize(..SIZES.len())]),
            _ => Call::Reopen,
        }
    }

    /// Lets the crowd come to rest on a new instance, and makes each sleeper look again; how many slept.
    #[track_caller]
    pub fn check(mut self) -> usize {
        match self.one_cpu {
            true => on_one_cpu(|| self.run()),
            false => self.run(),
        }
    }

    #[track_caller]
    fn run(&mut self) -> usize {
        let instance = Instance::add(&format!("rest {}", self.settings));
        let onlooker = instance.nonblocking();
        let opened = self.shared.iter().map(|mode| instance.open(*mode));
        let shared: Arc<[_]> = opened.map(|open| open.expect("an open to share")).collect();
        let stalls: Arc<[_]> = (0..self.stalls).map(|_| Stall::new()).collect();
        let threads: Vec<_> = self
            .callers
            .clone()
            .into_iter()
            .map(|caller| {
                let (instance, shared, stalls) = (instance.clone(), shared.clone(), stalls.clone());
                let thread = Sleeper::start(move || caller.run(&instance, &shared, &stalls));
                thread::sleep(Duration::from_micros(
                    self.rng.choice([0, 0, 200, 3000]).expect("one"),
                ));
                thread
            })
            .collect();
        // Else those who sleep would sleep on when a check has failed, with the module in use.
        let removal = RemovedInPanic(instance.clone());
        self.disturb(&threads);
        for stall in stalls.iter() {
            if self.rng.bool() {
                stall.release();
            } else {
                stall.fail();
            }
        }
        let slept = self.look_again(&onlooker, &threads);
        // Whoever is still there is told so.
        assert_eq!(instance.remove(), Ok(()), "{self:#?}");
        threads.into_iter().for_each(Sleeper::join);
        drop(removal);
        slept
    }

    /// Interrupts callers, each at a moment at which it may be the one whom another counts on.
    fn disturb(&mut self, threads: &[Sleeper<()>]) {
        for _ in 0..self.rng.usize(..6) {
            thread::sleep(Duration::from_micros(self.rng.u64(..1000)));
            let signal = if self.rng.bool() {
                INTERRUPTING
            } else {
                RESTARTING
            };
            threads[self.rng.usize(..threads.len())].signal(signal);
        }
    }

    /// Makes each sleeper look again; how many slept.
    #[track_caller]
    fn look_again(&mut self, onlooker: &Device, threads: &[Sleeper<()>]) -> usize {
        let mut rest = self.come_to_rest(threads);
        let mut order: Vec<_> = (0..threads.len()).collect();
        self.rng.shuffle(&mut order);
        // Writers last: what one that is in mid-write gives others by a signal would hide what they were owed before.
        order
            .sort_by_key(|number| matches!(self.callers[*number].current(), Some(Call::Write(..))));
        let mut slept = 0;
        for number in order {
            let (caller, thread) = (&self.callers[number], &threads[number]);
            let Some(call) = caller.current().filter(|_| !thread.has_ended()) else {
                continue;
            };
            slept += 1;
            let status = onlooker.status();
            let caught = signals::caught();
            thread.signal(RESTARTING);
            eventually("the handler runs", || signals::caught() > caught);
            let now = self.come_to_rest(threads);
            if now != rest {
                // A write that had moved bytes ends by a signal, and gives others its turn. In a stream it waits for any
                // room at all.
                let excused = match (call, caller.results().get(rest[number])) {
                    (Call::Write(_, len, _), Some(Ok(moved))) if *moved < len => {
                        !self.is_stream || status.bytes_used == status.buffer_size
                    }
                    _ => false,
                };
                assert!(
                    excused,
                    "a wake-up was lost: caller {number} was made to look again, and somebody went on\n{}",
                    self.tell(&rest)
                );
                rest = now;
            }
        }
        slept
    }

    /// Waits until each has ended or sleeps; how many calls each has made.
    #[track_caller]
    fn come_to_rest(&self, threads: &[Sleeper<()>]) -> Vec<usize> {
        let mut last = None;
        eventually("everybody has ended or sleeps", || {
            let look = self.look(threads);
            let same = look.is_some() && look == last;
            last = look;
            same
        });
        self.callers.iter().map(|it| it.locked().len()).collect()
    }

    /// How often each sleeper has slept, if everybody has ended or sleeps.
    fn look(&self, threads: &[Sleeper<()>]) -> Option<Vec<Option<u64>>> {
        let look = |thread: &Sleeper<()>| {
            if thread.has_ended() {
                return Some(None);
            }
            thread.asleep_in_any(&SLEEPING).map(Some)
        };
        threads.iter().map(look).collect()
    }

    /// Everything that is known of who called what.
    fn tell(&self, rest: &[usize]) -> String {
        let mut text = format!(
            "{}, shared {:?}, one CPU: {}\n",
            self.settings, self.shared, self.one_cpu
        );
        for (number, (caller, ended)) in self.callers.iter().zip(rest).enumerate() {
            let results = caller.results();
            let _ = writeln!(
                text,
                "caller {number}, {:?}, urgent: {}",
                caller.mode, caller.urgent
            );
            for (index, call) in caller.calls.iter().enumerate() {
                let when = if index < *ended { "before" } else { "at last" };
                let result = results.get(index);
                let _ = writeln!(text, "  {call:?}: {when} {result:?}");
            }
        }
        text
    }
}

/// An instance that goes when a check has failed, so that everybody leaves it.
struct RemovedInPanic(Instance);

impl Drop for RemovedInPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.remove();
        }
    }
}
