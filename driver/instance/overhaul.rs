// SPDX-License-Identifier: GPL-2.0

//! CLEAR and RESIZE: what needs an instance's memory to itself.
//!
//! Both wait until nobody copies, and pass over a writer that sleeps in mid-write. While one is under way,
//! writers and readers that take bytes wait; readers that only copy go on, because a RESIZE leaves the
//! memory that they read from as it is, and after a CLEAR there is nothing to read.

#![forbid(unsafe_code)]

use kernel::{
    prelude::*,
    sync::{lock::spinlock::SpinLockBackend, lock::Guard, Arc},
};

use super::{Instance, News, State};
use crate::{
    discipline::{Garbage, Inlet},
    kapi::{memory::Memory, wait::Patience},
    params,
};

type Locked<'a> = Guard<'a, State, SpinLockBackend>;

impl Instance {
    /// Drops what is stored and zeroes the memory.
    ///
    /// Errors: ENODEV if the instance was removed, EAGAIN if it would have to wait and must not, ERESTARTSYS for a
    /// signal in the wait.
    pub(crate) fn clear(&self, nonblocking: bool) -> Result {
        let mut state = self.begin_overhaul(nonblocking)?;
        let memory = match state.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.memory().clone()),
            Inlet::Records(_) => None,
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
    /// it would have to wait and must not, ERESTARTSYS for a signal in the wait. Then nothing has changed.
    pub(crate) fn resize(&self, capacity: usize, nonblocking: bool) -> Result {
        let allowed = |state: &State| capacity > 0 && capacity <= state.max_capacity;
        if !allowed(&self.state.lock()) {
            return Err(EINVAL);
        }
        let memory = match self.state.lock().store.inlet() {
            Inlet::Bytes(_) => true,
            Inlet::Records(_) => false,
        };
        let memory = match memory {
            true => Some(Arc::new(Memory::new(capacity)?, GFP_KERNEL)?),
            false => None,
        };

        let state = self.begin_overhaul(nonblocking)?;
        // Somebody may have lowered the limit meanwhile.
        if !allowed(&state) {
            self.end_overhaul(state);
            return Err(EINVAL);
        }
        let before = state.store.capacity();
        let truncated = match memory {
            Some(memory) => self.move_bytes(state, memory),
            None => self.drop_records(state, capacity),
        };
        if params::log_events() {
            match truncated {
                0 => pr_info!("{}: resize {before} to {capacity}\n", self.label()),
                lost => pr_warn!(
                    "{}: resize {before} to {capacity}, {lost} bytes truncated\n",
                    self.label()
                ),
            }
        }
        Ok(())
    }

    /// Goes over to other memory; returns how many bytes did not fit. Ends the overhaul.
    fn move_bytes(&self, mut state: Locked<'_>, memory: Arc<Memory>) -> usize {
        let kept = match state.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.kept(memory.len())),
            Inlet::Records(_) => None,
        };
        drop(state);

        if let Some(kept) = &kept {
            kept.copy_into(&memory);
        }

        let mut state = self.state.lock();
        let replaced = match state.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.replace(memory)),
            Inlet::Records(_) => None,
        };
        let (old, truncated) = match replaced {
            Some(replaced) => (Some(replaced.old), replaced.truncated),
            None => (None, 0),
        };
        state.counters.truncated(truncated);
        self.end_overhaul(state);
        drop(old);
        truncated
    }

    /// Drops records until the rest fits; returns how many bytes that were. Ends the overhaul.
    fn drop_records<'a>(&'a self, mut state: Locked<'a>, capacity: usize) -> usize {
        let mut truncated: usize = 0;
        loop {
            let mut garbage = Garbage::default();
            let (bytes, done) = match state.store.inlet() {
                Inlet::Records(records) => records.resize(capacity, &mut garbage),
                Inlet::Bytes(_) => (0, true),
            };
            state.counters.truncated(bytes);
            truncated = truncated.saturating_add(bytes);
            if done {
                self.end_overhaul(state);
                return truncated;
            }
            drop(state);
            drop(garbage);
            state = self.state.lock();
        }
    }

    /// Waits until nobody copies, and keeps everybody from beginning to. Returns with the lock held.
    fn begin_overhaul(&self, nonblocking: bool) -> Result<Locked<'_>> {
        let mut state = self.state.lock();
        state.alive()?;
        // Those who wait go first: the gate may be theirs already.
        if state.overhauls_waiting == 0 && state.gate.begin_overhaul() {
            return Ok(state);
        }
        if nonblocking {
            return Err(EAGAIN);
        }
        state.overhauls_waiting = state.overhauls_waiting.saturating_add(1);
        let (mut state, result) =
            self.overhauls
                .wait_until(&self.state, state, Patience::ENDLESS, |state| {
                    match state.take_grant() {
                        true => Some(Ok(())),
                        false => state.dead.then_some(Err(ENODEV)),
                    }
                });
        state.overhauls_waiting = state.overhauls_waiting.saturating_sub(1);
        match result {
            Ok(Ok(())) => Ok(state),
            Ok(Err(gone)) => Err(gone),
            Err(_) => Err(ERESTARTSYS),
        }
    }

    /// Lets everybody in again.
    fn end_overhaul(&self, mut state: Locked<'_>) {
        state.gate.end_overhaul();
        let wake = state.settle(News::BOTH);
        drop(state);
        self.wake(wake);
    }
}
