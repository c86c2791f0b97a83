// SPDX-License-Identifier: GPL-2.0

//! CLEAR and RESIZE: what needs an instance's memory to itself.
//!
//! Both wait until nobody copies, and pass over a writer that sleeps in mid-write. While one is under way,
//! writers and readers that take bytes wait. Readers that only copy may begin: a RESIZE leaves the memory that they
//! read from as it is, and a CLEAR begins by dropping everything, so that there is nothing to read. But one that was
//! given the gate in its sleep may find some that have begun before it ran. Then a CLEAR waits anew, until they have ended.

#![forbid(unsafe_code)]

use kernel::{
    prelude::*,
    sync::{lock::spinlock::SpinLockBackend, lock::Guard, Arc},
    time::{Instant, Monotonic},
};

use super::{Instance, News, Sleepers, State};
use crate::{
    discipline::{Garbage, Inlet},
    kapi::{memory::Memory, sched::cond_resched, wait::Patience},
    params,
};

/// How long callers let overhauls go first, in milliseconds, and how long after that they do not.
pub(super) const PASS_MS: i64 = 20;
const REST_MS: i64 = 200;

/// What is to be done to the memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overhaul {
    Clear,
    Resize,
}

/// The state of an instance, locked.
pub(super) type Locked<'a> = Guard<'a, State, SpinLockBackend>;

impl Instance {
    /// Drops what is stored and zeroes the memory.
    ///
    /// Errors: ENODEV if the instance was removed, EAGAIN if it would have to wait and must not, ERESTARTSYS for a
    /// signal in the wait.
    pub(crate) fn clear(&self, nonblocking: bool) -> Result {
        let mut state = self.begin_overhaul(Overhaul::Clear, nonblocking)?;
        let memory = match state.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.memory().clone()),
            _ => None,
        };
        let mut dropped: usize = 0;
        loop {
            let mut garbage = Garbage::default();
            let (bytes, done) = state.store.clear(&mut garbage);
            state.counters.cleared(bytes);
            dropped = dropped.saturating_add(bytes);
            drop(state);
            drop(garbage);
            if done {
                break;
            }
            cond_resched();
            state = self.state.lock();
        }
        if let Some(memory) = memory {
            memory.zero();
        }

        self.end_overhaul(self.state.lock());
        if params::log_events() {
            pr_info!("{}: clear, {dropped} bytes dropped\n", self.label());
        }
        Ok(())
    }

    /// Sets the capacity to so many bytes, and keeps the first bytes that a reader would get.
    ///
    /// Errors: ENODEV if the instance was removed, EINVAL if it is 0 or more than `max_capacity`, ENOMEM, EAGAIN if
    /// it would have to wait and must not, ERESTARTSYS for a signal in the wait, EBUSY if files would have to be cut. Then nothing has changed.
    pub(crate) fn resize(&self, capacity: usize, nonblocking: bool) -> Result {
        loop {
            let bytes = {
                let mut state = self.state.lock();
                state.alive()?;
                state.allows(capacity)?;
                match state.store.inlet() {
                    // Nothing is moved and nothing dropped: nobody has to be waited for.
                    Inlet::Files(files) => {
                        files.set_limit(capacity)?;
                        self.limit_was_set(state, capacity);
                        return Ok(());
                    }
                    Inlet::Bytes(_) => true,
                    Inlet::Records(_) => false,
                }
            };
            let memory = match bytes {
                true => Some(Arc::new(Memory::new(capacity)?, GFP_KERNEL)?),
                false => None,
            };

            // Until it ends, the discipline stays the same. The limit does not: see where the capacity is set.
            let mut state = self.begin_overhaul(Overhaul::Resize, nonblocking)?;
            let before = state.store.capacity();
            let truncated = match (state.store.inlet(), memory) {
                (Inlet::Bytes(_), Some(memory)) => self.move_bytes(state, memory),
                (Inlet::Records(_), None) => self.drop_records(state, capacity),
                (_, memory) => {
                    // With nothing open, somebody has changed the discipline meanwhile: what there is now has a limit
                    // of its own.
                    self.end_overhaul(state);
                    drop(memory);
                    continue;
                }
            }?;
            if params::log_events() {
                match truncated {
                    0 => pr_info!("{}: resize {before} to {capacity}\n", self.label()),
                    lost => pr_warn!(
                        "{}: resize {before} to {capacity}, {lost} bytes truncated\n",
                        self.label()
                    ),
                }
            }
            return Ok(());
        }
    }

    /// Tells those who wait for room of a limit that was set.
    fn limit_was_set(&self, state: Locked<'_>, capacity: usize) {
        self.give_back(state, News::BOTH);
        if params::log_events() {
            pr_info!("{}: limit set to {capacity}\n", self.label());
        }
    }

    /// Goes over to other memory; returns how many bytes did not fit. Ends the overhaul.
    ///
    /// Errors: EINVAL if that is more than `max_capacity`, and nothing has changed.
    fn move_bytes(&self, mut state: Locked<'_>, memory: Arc<Memory>) -> Result<usize> {
        let kept = match state.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.kept(memory.len())),
            _ => None,
        };
        drop(state);

        if let Some(kept) = &kept {
            kept.copy_into(&memory);
        }

        let mut state = self.state.lock();
        // Somebody may have lowered the limit during the copy.
        if let Err(error) = state.allows(memory.len()) {
            self.end_overhaul(state);
            return Err(error);
        }
        let replaced = match state.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.replace(memory)),
            _ => None,
        };
        let (old, truncated) = match replaced {
            Some(replaced) => (Some(replaced.old), replaced.truncated),
            None => (None, 0),
        };
        state.counters.truncated(truncated);
        self.end_overhaul(state);
        drop(old);
        Ok(truncated)
    }

    /// Drops records until the rest fits; returns how many bytes that were. Ends the overhaul.
    ///
    /// Errors: EINVAL if that is more than `max_capacity`, and nothing has changed.
    fn drop_records<'a>(&'a self, mut state: Locked<'a>, capacity: usize) -> Result<usize> {
        let mut truncated: usize = 0;
        // Once is enough. As long as there are records to be dropped, the capacity is larger than the new one, and the
        // limit is never set below the capacity.
        if let Err(error) = state.allows(capacity) {
            self.end_overhaul(state);
            return Err(error);
        }
        loop {
            let mut garbage = Garbage::default();
            let (bytes, done) = match state.store.inlet() {
                Inlet::Records(records) => records.resize(capacity, &mut garbage),
                _ => (0, true),
            };
            state.counters.truncated(bytes);
            truncated = truncated.saturating_add(bytes);
            if done {
                self.end_overhaul(state);
                return Ok(truncated);
            }
            drop(state);
            drop(garbage);
            cond_resched();
            state = self.state.lock();
        }
    }

    /// Waits until nobody copies, and keeps everybody from beginning to whom it would harm. Returns with the lock held.
    fn begin_overhaul(&self, what: Overhaul, nonblocking: bool) -> Result<Locked<'_>> {
        let mut state = self.state.lock();
        state.alive()?;
        // Those who wait go first.
        if state.overhauls_waiting == 0 && state.gate.begin_overhaul() {
            return Ok(state);
        }
        if nonblocking {
            return Err(EAGAIN);
        }
        // One that is older was woken by the end of the last, if the gate is free.
        let mut may_begin = state.overhauls_waiting == 0;
        state.overhauls_waiting = state.overhauls_waiting.saturating_add(1);
        let grants_before = state.grants;
        let result = loop {
            state.ask_to_pass();
            let (locked, result) =
                self.wait(Sleepers::Overhauls, state, Patience::ENDLESS, |state| {
                    let looked = core::mem::replace(&mut may_begin, true);
                    let begun =
                        state.take_grant(grants_before) || looked && state.begin_next_overhaul();
                    match begun {
                        true => Some(Ok(())),
                        false => state.dead.then_some(Err(ENODEV)),
                    }
                });
            state = locked;
            let shared = what == Overhaul::Clear && state.gate.reading_shared();
            if !shared || !matches!(result, Ok(Ok(()))) {
                break result;
            }
            // Those who came before it ran read what it would zero. Writers were kept out meanwhile.
            state.gate.end_overhaul();
            self.give_back(state, News::ROOM);
            state = self.state.lock();
        };
        state.overhauls_waiting = state.overhauls_waiting.saturating_sub(1);
        let result = result.unwrap_or(Err(ERESTARTSYS));
        if let Err(error) = result {
            // It may have been woken to look whether it can begin: let the next one look.
            self.give_back(state, News::NONE);
            self.passing.wake_all();
            return Err(error);
        }
        if let Err(gone) = state.alive() {
            self.end_overhaul(state);
            return Err(gone);
        }
        Ok(state)
    }

    /// Lets everybody in again.
    fn end_overhaul(&self, mut state: Locked<'_>) {
        state.gate.end_overhaul();
        let wake = state.settle_overhaul();
        drop(state);
        self.wake(wake);
        self.passing.wake_all();
    }

    /// Takes the lock for a caller that is about to copy and may sleep: not before overhauls that wait have had
    /// their chance, for a short time now and then, to begin.
    pub(super) fn let_pass(&self) -> Locked<'_> {
        let mut state = self.state.lock();
        if state.overhauls_waiting > 0 {
            state.ask_to_pass();
        }
        match state.lets_pass() {
            None => state,
            Some(millis) => {
                let patience = Patience::millis(millis);
                let (state, _) = self.wait(Sleepers::Passing, state, patience, |state| {
                    (state.dead || state.lets_pass().is_none()).then_some(())
                });
                state
            }
        }
    }
}

impl State {
    /// EINVAL if RESIZE may not set this capacity.
    fn allows(&self, capacity: usize) -> Result {
        match capacity > 0 && capacity <= self.max_capacity {
            true => Ok(()),
            false => Err(EINVAL),
        }
    }

    /// An overhaul that slept takes the gate that was given to it: by a grant that came after it did, because one
    /// that came before is for somebody who waits longer.
    fn take_grant(&mut self, grants_before: u64) -> bool {
        let mine = self.grant.is_some_and(|grant| grant > grants_before);
        if mine {
            self.grant = None;
        }
        mine
    }

    /// An overhaul that was woken when another ended begins, if nobody was faster.
    fn begin_next_overhaul(&mut self) -> bool {
        self.grant.is_none() && self.gate.begin_overhaul()
    }

    /// An overhaul has to wait: for a short time now, callers that may sleep let it go first; then for a longer
    /// time they do not, whoever else has to wait.
    fn ask_to_pass(&mut self) {
        let rested = |since: Instant<Monotonic>| since.elapsed().as_millis() > PASS_MS + REST_MS;
        if self.passes_since.is_none_or(rested) {
            self.passes_since = Some(Instant::now());
        }
    }
}
