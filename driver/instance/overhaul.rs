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
        let dropped = state.store.clear();
        state.counters.cleared(dropped);
        let memory = state.store.memory().clone();
        drop(state);

        memory.zero();

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
        let memory = Arc::new(Memory::new(capacity)?, GFP_KERNEL)?;

        let state = self.begin_overhaul(nonblocking)?;
        // Somebody may have lowered the limit meanwhile.
        if !allowed(&state) {
            self.end_overhaul(state);
            return Err(EINVAL);
        }
        let kept = state.store.kept(capacity);
        drop(state);

        kept.copy_into(&memory);

        let mut state = self.state.lock();
        let before = state.store.capacity();
        let replaced = state.store.replace(memory);
        state.counters.truncated(replaced.truncated);
        self.end_overhaul(state);
        drop(replaced.old);

        if params::log_events() {
            match replaced.truncated {
                0 => pr_info!("{}: resize {before} to {capacity}\n", self.label()),
                lost => pr_warn!(
                    "{}: resize {before} to {capacity}, {lost} bytes truncated\n",
                    self.label()
                ),
            }
        }
        Ok(())
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
