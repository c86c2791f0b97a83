// SPDX-License-Identifier: GPL-2.0

//! Writing, and writing bytes.

#![forbid(unsafe_code)]

use kernel::{current, iov::IovIterSource, prelude::*};

use super::{overhaul::Locked, Instance, News, Opened, Sleepers, State};
use crate::{
    discipline::{Claim, Full, Inlet},
    kapi::{
        sched::{cond_resched, is_being_killed},
        wait::Patience,
    },
};

impl Instance {
    /// Takes bytes from a writer, and returns how many, in the way that the discipline takes them.
    ///
    /// See [`Instance::write_bytes`], [`Instance::write_record`] and [`Instance::write_file`] for what it waits for and
    /// its errors; ENODEV comes before a length of 0 does nothing.
    pub(crate) fn write(
        &self,
        opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        let write = {
            let mut state = self.state.lock();
            state.alive()?;
            match state.store.inlet() {
                Inlet::Bytes(_) => Self::write_bytes,
                Inlet::Records(_) => Self::write_record,
                Inlet::Files(_) => Self::write_file,
            }
        };
        match iov.is_empty() {
            true => Ok(0),
            false => write(self, opened, iov, nonblocking).map_err(|error| self.or_gone(error)),
        }
    }

    /// Takes bytes, never none, from a writer, and returns how many.
    ///
    /// The bytes of one call are contiguous, whatever its length: it has the write turn from its first byte
    /// to its last. Where a full instance makes writers wait, all bytes are taken unless a signal, a fault
    /// or `nonblocking` ends the call early; elsewhere, what fits. What fits in the beginning is taken whatever comes, but
    /// that a call which may sleep lets overhauls go first, and meets signals there; and that a kill ends any call.
    /// Sleeps, unless `nonblocking`, for its turn and for room; and as long as the writer's memory takes to come.
    ///
    /// Errors, each only if no byte was taken: ENODEV if the instance was removed; EAGAIN if it would have to wait and must not; ERESTARTSYS for
    /// a signal in a wait; ENOSPC if there is no room and waiting is not the rule; EFAULT.
    fn write_bytes(
        &self,
        _opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        let (mut claim, now) = self.begin_write(iov.len(), nonblocking)?;

        let mut done: usize = 0;
        let mut state = loop {
            let copied = claim.copy_from(iov);

            let mut state = self.state.lock();
            state.gate.end_write_copy();
            if let Inlet::Bytes(bytes) = state.store.inlet() {
                bytes.added(copied);
            }
            let used = state.store.used();
            state.counters.write(copied, done == 0, used);
            done = done.saturating_add(copied);
            let ended = copied < claim.len() || iov.is_empty() || state.dead;
            let fitted = done < now;
            if ended || is_cut(fitted) {
                break state;
            }
            // Whoever must not wait cannot let an overhaul go first, and take what fitted after it.
            let next = match fitted && nonblocking {
                true => state.next_target(iov.len()),
                false => None,
            };
            // Else it is before the next piece is begun that an overhaul which waits begins, if nobody else copies.
            let wake = state.settle(News::DATA);
            if let Some(next) = next.or_else(|| state.next_target(iov.len())) {
                drop(state);
                self.wake(wake);
                cond_resched();
                claim = next;
                continue;
            }
            if nonblocking || state.is_full() {
                drop(state);
                self.wake(wake);
                break self.state.lock();
            }

            // In mid-write: asleep, with the turn, for room or for an overhaul to end. What it has filled is no longer its own,
            // and a RESIZE may let go of it meanwhile.
            state.counters.writer_waited();
            drop(state);
            self.wake(wake);
            drop(claim);
            let wanted = iov.len();
            let (state, next) = self.wait(
                Sleepers::MidWriter,
                self.state.lock(),
                Patience::ENDLESS,
                |state| match state.dead || state.is_full() {
                    true => Some(None),
                    false => state.next_target(wanted).map(Some),
                },
            );
            match next {
                Ok(Some(next)) => {
                    drop(state);
                    claim = next;
                }
                // It was removed, an overhaul left no room where nobody waits for it, or a signal came.
                Ok(None) | Err(_) => break state,
            }
        };
        state.gate.release_write_turn();
        // For the rest there was no room, or none was looked for: whoever learns that by a short count is to be told of room.
        state.was_full |= !iov.is_empty();
        let news = News {
            data: done > 0,
            room: true,
        };
        self.give_back(state, news);
        if done == 0 {
            return Err(EFAULT);
        }
        Ok(done)
    }

    /// What a call gives that has copied so many bytes: EFAULT if there was none.
    pub(super) fn moved(&self, n: usize) -> Result<usize> {
        match n {
            0 => Err(self.or_gone(EFAULT)),
            n => Ok(n),
        }
    }

    /// The error of a call that moved nothing: ENODEV once the instance was removed, whatever else went wrong.
    pub(super) fn or_gone(&self, error: Error) -> Error {
        self.alive().err().unwrap_or(error)
    }

    /// Waits until a write can begin: for the turn, and for room for its first byte. Returns with it how many bytes fit at
    /// that moment.
    fn begin_write(&self, wanted: usize, nonblocking: bool) -> Result<(Claim, usize)> {
        let mut state = match nonblocking {
            true => self.state.lock(),
            false => self.let_pass(),
        };
        if let Some(begun) = state.try_write(wanted) {
            return begun;
        }
        if nonblocking {
            state.was_full = true;
            return Err(EAGAIN);
        }
        let (state, begun) = self.wait_to_write(state, |state| state.try_write(wanted))?;
        if begun.is_err() {
            // The wake-up was for somebody who writes: hand it on.
            self.give_back(state, News::NONE);
        }
        begun
    }

    /// Counts a writer as waiting and puts it to sleep until `look` gives something. ERESTARTSYS for a signal.
    pub(super) fn wait_to_write<'a, R>(
        &'a self,
        mut state: Locked<'a>,
        look: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<(Locked<'a>, R)> {
        state.counters.writer_waited();
        match self.wait(Sleepers::Writers, state, Patience::ENDLESS, look) {
            (state, Ok(found)) => Ok((state, found)),
            (state, Err(_)) => {
                // As for readers.
                self.give_back(state, News::NONE);
                Err(ERESTARTSYS)
            }
        }
    }
}

/// Whether a write that has begun is to end here: what `fitted` in the beginning is taken whatever comes, but for a kill; and
/// a signal ends what goes beyond that.
pub(super) fn is_cut(fitted: bool) -> bool {
    match fitted {
        true => is_being_killed(),
        false => current!().signal_pending(),
    }
}

impl State {
    /// Begins a write, or refuses it, if it need not wait.
    fn try_write(&mut self, wanted: usize) -> Option<Result<(Claim, usize)>> {
        if let Err(gone) = self.alive() {
            return Some(Err(gone));
        }
        if !self.gate.write_turn_free() || self.gate.overhauling() {
            return None;
        }
        if !self.store.has_room(1) {
            return match self.store.rules().full {
                Full::Wait => None,
                Full::NoSpace => Some(Err(ENOSPC)),
            };
        }
        if !self.gate.take_write_turn() {
            return None;
        }
        let now = wanted.min(self.store.capacity().saturating_sub(self.store.used()));
        self.next_target(wanted).map(|claim| Ok((claim, now)))
    }

    /// Whether there is no room, and nobody is to wait for it.
    fn is_full(&self) -> bool {
        !self.store.has_room(1) && self.store.rules().full == Full::NoSpace
    }

    /// Begins to copy the next piece of the write that has the turn, if there is room and no overhaul.
    fn next_target(&mut self, wanted: usize) -> Option<Claim> {
        if !self.store.has_room(1) || !self.gate.begin_write_copy() {
            return None;
        }
        let piece = wanted.min(self.piece());
        match self.store.inlet() {
            Inlet::Bytes(bytes) => Some(bytes.target(piece)),
            _ => None,
        }
    }
}
