// SPDX-License-Identifier: GPL-2.0

//! Small transfers to and from one buffer, made in one step.
//!
//! The usual way takes the lock twice, once to claim a region and once to commit it, so that it is not held while user
//! memory is waited for. For a few bytes the two cost more than the copy. So where somebody reads or writes a few
//! bytes that are there, or for which there is room, the lock is held over the copy, and the copy does not wait: if a
//! page of user memory is not there, it fails, nothing has changed, and the transfer is made in the usual way.
//!
//! So is everything else that is not plain: an instance that was removed, an overhaul that waits or is under way,
//! another's copy on the same side, less room than there are bytes, bytes that lie in two parts. What the other side copies meanwhile does not
//! matter, since the two regions never overlap (`queue/src/ring.rs`).

#![forbid(unsafe_code)]

use kernel::prelude::*;

use super::{overhaul::Locked, Instance, News, Opened, Sleepers, State};
use crate::kapi::user::UserBuffer;

/// The longest transfer that is made so, in bytes: for as long as copying that takes, others may have to wait for the
/// lock.
pub(crate) const LONGEST: usize = 2048;

/// What became of an attempt to read.
enum Attempt {
    /// So many bytes were moved.
    Moved(usize),
    /// There is nothing, and it may be waited for.
    Wait,
    /// The usual way is to be taken; nothing has changed.
    Usual,
}

impl Instance {
    /// Moves bytes to a reader in one step, or not at all (`None`). Otherwise as [`Instance::read`].
    #[inline]
    pub(crate) fn read_small(
        &self,
        opened: &Opened,
        to: UserBuffer,
        nonblocking: bool,
    ) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        match state.read_small(opened, to) {
            Attempt::Moved(n) => {
                self.give_back(state, News::BOTH);
                Some(Ok(n))
            }
            Attempt::Wait if !nonblocking => self.wait_to_read_small(state, opened, to),
            _ => None,
        }
    }

    /// Takes all bytes from a writer in one step, or none (`None`). Otherwise as [`Instance::write`]. Does not sleep: a
    /// writer that waits keeps its place among others until it has its turn, which this knows nothing of.
    #[inline]
    pub(crate) fn write_small(&self, from: UserBuffer) -> Option<usize> {
        let mut state = self.state.lock();
        let n = state.write_small(from)?;
        self.give_back(state, News::DATA);
        Some(n)
    }

    #[inline(never)]
    fn wait_to_read_small<'a>(
        &'a self,
        state: Locked<'a>,
        opened: &Opened,
        to: UserBuffer,
    ) -> Option<Result<usize>> {
        let waited = self.wait_to_read(Sleepers::Readers, state, |state| {
            match state.read_small(opened, to) {
                Attempt::Wait => None,
                other => Some(other),
            }
        });
        match waited {
            Ok((state, Attempt::Moved(n))) => {
                self.give_back(state, News::BOTH);
                Some(Ok(n))
            }
            // The usual way has the same to do with the wake-up: to make use of it or to wait on.
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl State {
    #[inline(always)]
    fn read_small(&mut self, opened: &Opened, to: UserBuffer) -> Attempt {
        if self.dead || self.overhauls_waiting > 0 || !self.gate.read_alone_free() {
            return Attempt::Usual;
        }
        let Some((ring, memory)) = self.store.ring() else {
            return Attempt::Usual;
        };
        let n = ring.used().min(to.len());
        if n == 0 {
            return match to.len() == 0 || self.is_end(opened) {
                true => Attempt::Usual,
                false => Attempt::Wait,
            };
        }
        let copied = match ring.front(n).straight() {
            Some(span) if n <= LONGEST => memory.copy_to_user_now(span.offset, n, to),
            _ => return Attempt::Usual,
        };
        if copied.is_err() {
            return Attempt::Usual;
        }
        ring.consume(n);
        self.counters.read(n, true);
        Attempt::Moved(n)
    }

    #[inline(always)]
    fn write_small(&mut self, from: UserBuffer) -> Option<usize> {
        let n = from.len();
        let free = self.gate.write_turn_free() && !self.gate.overhauling();
        if self.dead || self.overhauls_waiting > 0 || !free || n == 0 || n > LONGEST {
            return None;
        }
        let (ring, memory) = self.store.ring()?;
        if n > ring.room() {
            return None;
        }
        let span = ring.back(n).straight()?;
        memory.copy_from_user_now(span.offset, n, from).ok()?;
        ring.append(n);
        let used = ring.used();
        self.counters.write(n, true, used);
        Some(n)
    }
}
