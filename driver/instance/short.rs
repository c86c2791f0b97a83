// SPDX-License-Identifier: GPL-2.0

//! The short way, for transfers between a ring of bytes and one buffer that need no second piece.
//!
//! The usual way is made for all disciplines, and for transfers of any length that wait in the middle. Beside it a few
//! bytes are soon copied. So what is plain is done here:
//!
//! - Up to 4096 bytes in *one step*: the lock is held over the copy, and the copy does not wait. If a page of user memory is
//!   not there, it fails, nothing has changed, and the transfer goes on in two steps.
//! - Others in *two*: the region is claimed under the lock, copied without it, and committed under it.
//!
//! All else goes the usual way: an instance that was removed, an overhaul that waits or is under way, another's copy on
//! the same side, less room than there are bytes, bytes that lie in two parts, and what is longer than a piece
//! ([`piece`]). What the other side copies meanwhile does not matter, since the two regions never overlap
//! (`queue/src/ring.rs`).

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{overhaul::Locked, piece, Instance, News, Opened, Sleepers, State};
use crate::{
    kapi::{memory::Memory, user::UserBuffer},
    queue::span::Span,
};

/// The longest transfer that is made in one step, in bytes: for as long as copying that takes, others may have to wait
/// for the lock.
const AT_ONCE: usize = 4096;

/// The longest transfer for which whoever describes it by an iterator should try the short way, in bytes.
pub(crate) const WORTH_A_TRY: usize = 16 << 10;

/// What became of an attempt.
enum Attempt {
    /// So many bytes were moved.
    Moved(usize),
    /// This is to be copied, and the gate knows of it.
    Claimed(Arc<Memory>, Span),
    /// There is nothing to read, or no room at all, and it may be waited for.
    Wait,
    /// The usual way is to be taken; nothing has changed.
    Usual,
}

impl Instance {
    /// Moves bytes to a reader the short way, or not at all (`None`). Otherwise as [`Instance::read`].
    #[inline(always)]
    pub(crate) fn read_short(
        &self,
        opened: &Opened,
        to: UserBuffer,
        nonblocking: bool,
    ) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        match state.read_short(opened, to) {
            Attempt::Moved(n) => {
                self.give_back_short(state, News::BOTH);
                Some(Ok(n))
            }
            // As the usual way would answer.
            Attempt::Wait if nonblocking => Some(Err(EAGAIN)),
            // One whose time is limited waits in one place, so that it does not begin anew in another.
            Attempt::Wait if state.read_timeout_ms > 0 => None,
            Attempt::Wait => self.wait_to_read_short(state, opened, to),
            other => self.end_short_read(state, other, to),
        }
    }

    /// Takes all bytes from a writer the short way, or none (`None`). Otherwise as [`Instance::write`]. Does not wait for
    /// room: a writer that does keeps its place among others until it has its turn, which is a matter of the usual way.
    #[inline(always)]
    pub(crate) fn write_short(&self, from: UserBuffer, nonblocking: bool) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        match state.write_short(from) {
            Attempt::Moved(n) => {
                self.give_back_short(state, News::DATA);
                Some(Ok(n))
            }
            Attempt::Claimed(memory, region) => {
                drop(state);
                let n = memory.copy_from_user(region.offset, region.len, from);
                let mut state = self.state.lock();
                state.end_short_write(n);
                let news = News {
                    data: n > 0,
                    room: true,
                };
                self.give_back(state, news);
                Some(self.moved(n))
            }
            // As the usual way would answer.
            Attempt::Wait if nonblocking => {
                state.was_full = true;
                Some(Err(EAGAIN))
            }
            _ => None,
        }
    }

    /// [`Self::give_back`] after one step. What is so most often is soon seen: nobody waits, and nobody is to be told.
    #[inline(always)]
    fn give_back_short(&self, mut state: Locked<'_>, news: News) {
        if !state.is_quiet_ring() || !self.nobody_polls() {
            self.give_back(state, news);
        }
    }

    #[inline(never)]
    fn wait_to_read_short<'a>(
        &'a self,
        state: Locked<'a>,
        opened: &Opened,
        to: UserBuffer,
    ) -> Option<Result<usize>> {
        let waited = self.wait_to_read(Sleepers::Readers, state, &mut None, |state| {
            match state.read_short(opened, to) {
                Attempt::Wait => None,
                // The usual way would wait on: for another's copy, whose end is a wake-up.
                Attempt::Usual if !state.dead && !state.gate.read_alone_free() => None,
                other => Some(other),
            }
        });
        match waited {
            Ok((state, attempt)) => self.end_short_read(state, attempt, to),
            Err(error) => Some(Err(error)),
        }
    }

    /// Does what is left to do of a read.
    fn end_short_read(
        &self,
        state: Locked<'_>,
        attempt: Attempt,
        to: UserBuffer,
    ) -> Option<Result<usize>> {
        match attempt {
            Attempt::Moved(n) => {
                self.give_back(state, News::BOTH);
                Some(Ok(n))
            }
            Attempt::Claimed(memory, region) => {
                drop(state);
                let n = memory.copy_to_user(region.offset, region.len, to);
                let mut state = self.state.lock();
                state.gate.end_read_alone();
                state.took(n);
                self.give_back(state, News::BOTH);
                Some(self.moved(n))
            }
            // If it was woken, the usual way has the same to do with that: to make use of it or to wait on. It always
            // comes to that: the VFS has looked at the address before it called (`access_ok` in `vfs_read`).
            Attempt::Wait | Attempt::Usual => None,
        }
    }
}

impl State {
    #[inline(always)]
    fn read_short(&mut self, opened: &Opened, to: UserBuffer) -> Attempt {
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
        let Some(region) = ring.front(n).straight() else {
            return Attempt::Usual;
        };
        if n <= AT_ONCE && memory.copy_to_user_now(region.offset, n, to).is_ok() {
            self.took(n);
            return Attempt::Moved(n);
        }
        match n <= piece(ring.capacity()) && self.gate.begin_read_alone() {
            true => Attempt::Claimed(memory.clone(), region),
            false => Attempt::Usual,
        }
    }

    #[inline(always)]
    fn write_short(&mut self, from: UserBuffer) -> Attempt {
        let n = from.len();
        let free = self.gate.write_turn_free() && !self.gate.overhauling();
        if self.dead || self.overhauls_waiting > 0 || !free || n == 0 {
            return Attempt::Usual;
        }
        let Some((ring, memory)) = self.store.ring() else {
            return Attempt::Usual;
        };
        if n > ring.room() {
            return match ring.room() {
                0 => Attempt::Wait,
                _ => Attempt::Usual,
            };
        }
        let Some(region) = ring.back(n).straight() else {
            return Attempt::Usual;
        };
        if n <= AT_ONCE && memory.copy_from_user_now(region.offset, n, from).is_ok() {
            self.added(n);
            return Attempt::Moved(n);
        }
        let fits = n <= piece(ring.capacity());
        match fits && self.gate.take_write_turn() && self.gate.begin_write_copy() {
            true => Attempt::Claimed(memory.clone(), region),
            false => Attempt::Usual,
        }
    }

    /// Commits a read of so many bytes.
    #[inline(always)]
    fn took(&mut self, n: usize) {
        if let Some((ring, _)) = self.store.ring() {
            ring.consume(n);
        }
        self.counters.read(n, true);
    }

    /// Commits a write of so many bytes.
    #[inline(always)]
    fn added(&mut self, n: usize) {
        let used = self.store.ring().map_or(0, |(ring, _)| {
            ring.append(n);
            ring.used()
        });
        self.counters.write(n, true, used);
    }

    /// Commits a write in two steps, and gives the turn back.
    fn end_short_write(&mut self, n: usize) {
        self.gate.end_write_copy();
        self.gate.release_write_turn();
        self.added(n);
    }
}
