// SPDX-License-Identifier: GPL-2.0

//! The positions of one growing text: written at its end, read from anywhere, never consumed.
//!
//! As in a [ring](super::ring), regions are *claims* that are worked on without any lock. Any
//! number of readers and one writer may have claims open at once. They never overlap, also after the
//! writer has committed: what is written stays where it is, and the room is behind it.
//! [`Text::clear`] and [`Text::resized`] end every claim; [`Gate`](super::gate::Gate) keeps them
//! apart from copies.

use super::span::Span;

/// A text of up to some capacity, whose memory is elsewhere and holds it from offset 0 on. All
/// sizes are in bytes, and any `usize` is a valid capacity, 0 (always empty and full) included.
///
/// # Invariants
///
/// `len <= capacity`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    capacity: usize,
    len: usize,
}

impl Text {
    /// An empty text over `capacity` bytes of memory.
    pub const fn new(capacity: usize) -> Text {
        Text { capacity, len: 0 }
    }

    /// How many bytes it may hold.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many more bytes it can take now.
    pub const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.len)
    }

    /// Claims the bytes from position `pos` on for reading: `max` of them, or all up to the end if
    /// there are fewer. At the end and beyond it, an empty span.
    pub fn at(&self, pos: u64, max: usize) -> Span {
        // A position that no `usize` holds is beyond every end.
        let offset = usize::try_from(pos).unwrap_or(usize::MAX);
        self.written().skip(offset).take(max)
    }

    /// Claims the room at the end for writing: `max` bytes of it, or all if there is less.
    pub fn back(&self, max: usize) -> Span {
        Span {
            offset: self.len,
            len: self.room().min(max),
        }
    }

    /// Commits a write: the first `n` bytes of the room now belong to the text. Returns `n`, or the
    /// room there was if that is less.
    pub fn append(&mut self, n: usize) -> usize {
        let n = self.room().min(n);
        self.len = self.len.saturating_add(n);
        n
    }

    /// Drops the whole text. Returns how many bytes that were. Ends every claim.
    pub fn clear(&mut self) -> usize {
        core::mem::take(&mut self.len)
    }

    /// What a change of the capacity would make of it: the text after; the kept bytes, its
    /// beginning, as a span of the *old* memory, to be copied to offset 0 of the new one; and how
    /// many bytes at its end did not fit and are dropped. Putting the result in its place ends
    /// every claim; until then nothing has changed, so that the new memory can be had first.
    pub fn resized(&self, new_capacity: usize) -> (Text, Span, usize) {
        let keep = self.written().take(new_capacity);
        let text = Text {
            capacity: new_capacity,
            len: keep.len,
        };
        (text, keep, self.len.saturating_sub(keep.len))
    }

    /// The whole text.
    const fn written(&self) -> Span {
        Span {
            offset: 0,
            len: self.len,
        }
    }
}
