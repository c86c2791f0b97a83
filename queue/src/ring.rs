// SPDX-License-Identifier: GPL-2.0

//! The positions of a byte ring: first in, first out.
//!
//! ```text
//!            start            start + used
//!              v                   v
//! | . . . . . .|#################### . . . . . .|     # waits to be read    . free
//!                front(max) ->       back(max) ->        (both wrap at the capacity)
//! ```
//!
//! # Claims
//!
//! [`Ring::front`] and [`Ring::back`] are *claims*: regions that a reader or a writer works on
//! without any lock, and then commits with [`Ring::consume`] or [`Ring::append`], in whole or in
//! part. One claim of each kind may be open at once, and then:
//!
//! - the two never overlap: the one is of waiting bytes, the other of free ones;
//! - a commit of the other side leaves a claim as it is: `append` changes no waiting byte and where
//!   none of them is; `consume` only adds room *behind* what a writer has claimed. That is why the
//!   positions go on when the ring runs empty, and do not return to the beginning of the memory: a
//!   writer may be copying to the place it was given.
//!
//! [`Ring::clear`] and [`Ring::resized`] end every claim; [`Gate`](super::gate::Gate) keeps them
//! apart from copies.

use super::span::{Span, Spans};

/// A byte ring of some capacity, whose memory is elsewhere. All sizes are in bytes, and any
/// `usize` is a valid capacity, 0 (always empty and full) included.
///
/// # Invariants
///
/// - `used <= capacity`.
/// - `start < capacity`, or both are 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ring {
    capacity: usize,
    start: usize,
    used: usize,
}

/// What [`Ring::resized`] gives: the ring after, and what has to be done to get there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resized {
    /// The ring of the new capacity, holding the kept bytes.
    pub ring: Ring,
    /// The kept bytes, in order, as a region of the *old* memory. They must be copied to the
    /// beginning (offset 0) of the new memory, one after the other.
    pub keep: Spans,
    /// How many waiting bytes, the last ones, did not fit and are dropped.
    pub truncated: usize,
}

impl Ring {
    /// An empty ring over `capacity` bytes of memory.
    pub const fn new(capacity: usize) -> Ring {
        Ring {
            capacity,
            start: 0,
            used: 0,
        }
    }

    /// How many bytes it may hold.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes wait to be read.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// How many more bytes it can take now.
    pub const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.used)
    }

    /// Claims the oldest waiting bytes: `max` of them, or all if there are fewer.
    pub fn front(&self, max: usize) -> Spans {
        self.region(self.start, self.used.min(max))
    }

    /// Commits a read: the `n` oldest bytes are gone. Returns `n`, or the number that waited if
    /// that is less.
    pub fn consume(&mut self, n: usize) -> usize {
        let n = self.used.min(n);
        self.start = self.after(self.start, n);
        self.used = self.used.saturating_sub(n);
        n
    }

    /// Claims the free room behind the newest byte: `max` bytes of it, or all if there is less.
    pub fn back(&self, max: usize) -> Spans {
        self.region(self.after(self.start, self.used), self.room().min(max))
    }

    /// Commits a write: the first `n` bytes of the free room now wait to be read. Returns `n`, or
    /// the room there was if that is less.
    pub fn append(&mut self, n: usize) -> usize {
        let n = self.room().min(n);
        self.used = self.used.saturating_add(n);
        n
    }

    /// Drops everything that waits. Returns how many bytes that were. Ends every claim.
    pub fn clear(&mut self) -> usize {
        self.consume(self.used)
    }

    /// What a change of the capacity would make of it. It keeps the bytes that a reader would get
    /// first. Putting the result in its place ends every claim; until then nothing has changed, so
    /// that the new memory can be had first.
    pub fn resized(&self, new_capacity: usize) -> Resized {
        let keep = self.front(new_capacity);
        Resized {
            ring: Ring {
                capacity: new_capacity,
                start: 0,
                used: keep.len(),
            },
            keep,
            truncated: self.used.saturating_sub(keep.len()),
        }
    }

    /// The `len` bytes from `offset` on, which wrap; `offset < capacity` (or both 0) and `len <=
    /// capacity`.
    fn region(&self, offset: usize, len: usize) -> Spans {
        let straight = Span {
            offset,
            len: len.min(self.capacity.saturating_sub(offset)),
        };
        let wrapped = Span {
            offset: 0,
            len: len.saturating_sub(straight.len),
        };
        Spans::new(straight, wrapped)
    }

    /// The offset `n` bytes after `offset`, around the ring, under the same conditions.
    // By way of the distance to the end, since `offset + n` may be more than a `usize` holds.
    fn after(&self, offset: usize, n: usize) -> usize {
        let to_end = self.capacity.saturating_sub(offset);
        match n.checked_sub(to_end) {
            Some(wrapped) => wrapped,
            None => offset.saturating_add(n),
        }
    }
}
