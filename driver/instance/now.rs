// SPDX-License-Identifier: GPL-2.0

//! Small transfers, made in one step.
//!
//! The usual way takes the lock twice, once to claim a region and once to commit it, so that it is not held while user
//! memory is waited for. For a few bytes the two cost more than the copy. So where somebody reads or writes a few
//! bytes that can be had, or have room, now, the lock is held over the copy, and the copy does not wait: if a page of
//! user memory is not there, it fails, nothing has changed, and the transfer is made in the usual way.
//!
//! So is everything else that is not plain: an instance that was removed, an overhaul that waits or is under way,
//! another's copy on the same side, less room than there are bytes. What the other side copies meanwhile does not
//! matter, since the two regions never overlap (`queue/src/ring.rs`).

#![forbid(unsafe_code)]

use kernel::prelude::*;

use super::{Instance, News, State};
use crate::{
    kapi::{memory::Memory, user::UserBuffer},
    queue::span::Spans,
};

/// The longest transfer that is made so, in bytes: for as long as copying that takes, others may have to wait for the
/// lock.
const LONGEST: usize = 512;

impl Instance {
    /// Moves bytes to a reader, if that can be done at once. See [`Instance::read`]. Does not sleep.
    pub(crate) fn read_now(&self, to: UserBuffer) -> Option<usize> {
        let mut state = self.state.lock();
        let n = state.read_now(to)?;
        self.give_back(state, News::BOTH);
        Some(n)
    }

    /// Takes all bytes from a writer, if that can be done at once. See [`Instance::write`]. Does not sleep.
    pub(crate) fn write_now(&self, from: UserBuffer) -> Option<usize> {
        if from.len() > LONGEST {
            return None;
        }
        let mut state = self.state.lock();
        let n = state.write_now(from)?;
        self.give_back(state, News::DATA);
        Some(n)
    }
}

impl State {
    fn read_now(&mut self, to: UserBuffer) -> Option<usize> {
        if self.dead || self.overhauls_waiting > 0 || !self.gate.read_alone_free() {
            return None;
        }
        let (ring, memory) = self.store.ring()?;
        let n = ring.used().min(to.len());
        if n == 0 || n > LONGEST {
            return None;
        }
        each(memory, ring.front(n), to, Memory::copy_to_user_now).ok()?;
        ring.consume(n);
        self.counters.read(n, true);
        Some(n)
    }

    fn write_now(&mut self, from: UserBuffer) -> Option<usize> {
        let free = self.gate.write_turn_free() && !self.gate.overhauling();
        if self.dead || self.overhauls_waiting > 0 || !free {
            return None;
        }
        let (ring, memory) = self.store.ring()?;
        let n = from.len();
        if n == 0 || n > ring.room() {
            return None;
        }
        each(memory, ring.back(n), from, Memory::copy_from_user_now).ok()?;
        ring.append(n);
        let used = ring.used();
        self.counters.write(n, true, used);
        Some(n)
    }
}

/// Copies each part of a region in turn, until one fails.
fn each(
    memory: &Memory,
    region: Spans,
    mut user: UserBuffer,
    copy: impl Fn(&Memory, usize, usize, UserBuffer) -> Result,
) -> Result {
    for span in region {
        copy(memory, span.offset, span.len, user)?;
        user = user.skip(span.len);
    }
    Ok(())
}
