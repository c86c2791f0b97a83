// SPDX-License-Identifier: GPL-2.0

//! Where in one block of memory the bytes are that a queue of blocks holds.
//!
//! ```text
//! plain:    | taken     |###################|  free          |
//! packed:   | dropped   |n|#######|n|###|n|##########|  free |      n: the length of the record behind it
//!                      first                        end     size
//! ```
//!
//! A *plain* block holds one run of bytes: one record, or a page of a file. Bytes are taken from its front,
//! and may be added at its end. A *packed* block holds short records, one behind the other, each behind a
//! header of [`HEADER`] bytes with its length: for a queue of records that are much shorter than what a block of
//! its own would cost. Records are dropped from its front, and added at its end.
//!
//! What lies between `first` and `end` never moves, so that somebody may copy from it without any lock while both
//! go on.

use super::span::Span;

/// So many bytes before each record of a packed block hold its length.
pub const HEADER: usize = 2;

/// The longest record that is packed, in bytes: two of them fill a block of 4096. A longer one has a block of its
/// own, because what it would leave unused at the end of a packed block is more than that costs.
pub const MAX_PACKED: usize = 4096 / 2 - HEADER;

/// What a block holds. Any `usize` is a valid size.
///
/// What one kind of block does not have, or does not have yet, changes nothing: a second record of a plain block, bytes of
/// a run that was not begun, a part of a packed record.
///
/// # Invariants
///
/// `first <= end <= size`. What a plain block holds is the `bytes` from `first` to `end`, of one record at most; without
/// one there are none. From `first` to `end` of a packed block lie its `records`, each behind its header, with `bytes`
/// without the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    size: usize,
    packed: bool,
    first: usize,
    end: usize,
    bytes: usize,
    records: usize,
    start: u64,
}

impl Extent {
    /// An empty plain block of `size` bytes.
    pub const fn plain(size: usize) -> Extent {
        Extent {
            size,
            packed: false,
            first: 0,
            end: 0,
            bytes: 0,
            records: 0,
            start: 0,
        }
    }

    /// An empty packed block of `size` bytes.
    pub const fn packed(size: usize) -> Extent {
        let mut extent = Extent::plain(size);
        extent.packed = true;
        extent
    }

    /// The bytes of memory that it has.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Whether it is a packed block.
    pub const fn is_packed(&self) -> bool {
        self.packed
    }

    /// The bytes that it holds.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The records that it holds; a run of bytes counts as one, also when all of it was taken.
    pub const fn records(&self) -> usize {
        self.records
    }

    /// The offset of what is oldest in it: of a packed record's header, or of a byte.
    pub const fn first(&self) -> usize {
        self.first
    }

    /// The bytes behind its end.
    pub const fn spare(&self) -> usize {
        self.size.saturating_sub(self.end)
    }

    /// Where its oldest record starts among all bytes that its queue ever held.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Whether a record of `len` bytes can be added.
    pub const fn fits(&self, len: usize) -> bool {
        match self.packed {
            true => len <= MAX_PACKED && len.saturating_add(HEADER) <= self.spare(),
            false => self.records == 0 && len <= self.spare(),
        }
    }

    /// The offset to which the first byte of the next record goes. Its header, if it has one, lies before it.
    pub const fn place(&self) -> usize {
        match self.packed {
            true => self.end.saturating_add(HEADER),
            false => self.end,
        }
    }

    /// Adds a record of `len` bytes which starts at this place among all bytes of the queue. Nothing changes if it
    /// does not fit.
    pub fn push(&mut self, len: usize, start: u64) {
        if !self.fits(len) {
            return;
        }
        if self.records == 0 {
            self.first = self.end;
            self.start = start;
        }
        self.end = self.place().saturating_add(len);
        self.bytes = self.bytes.saturating_add(len);
        self.records = self.records.saturating_add(1);
    }

    /// Says where its oldest record starts, when the block is queued.
    pub fn begin(&mut self, start: u64) {
        self.start = start;
    }

    /// The record at this offset, which is [`Self::first`] or the end of another: its bytes. `length` reads the
    /// length in the header at an offset. None at the end.
    pub fn record(&self, at: usize, length: impl FnOnce(usize) -> u16) -> Option<Span> {
        if at < self.first || at >= self.end {
            return None;
        }
        let offset = match self.packed {
            true => at.saturating_add(HEADER),
            false => at,
        };
        let most = self.end.saturating_sub(offset);
        let len = match self.packed {
            true => most.min(usize::from(length(at))),
            false => most,
        };
        Some(Span { offset, len })
    }

    /// The oldest record is dropped from a packed block; none if there is none, and from a plain one. `length` is as in
    /// [`Self::record`].
    pub fn drop_first(&mut self, length: impl FnOnce(usize) -> u16) -> Option<Span> {
        if !self.packed {
            return None;
        }
        let record = self.record(self.first, length)?;
        self.first = record.range().end;
        self.bytes = self.bytes.saturating_sub(record.len);
        self.records = self.records.saturating_sub(1);
        self.start = self.start.saturating_add(as_u64(record.len));
        Some(record)
    }

    /// The first `n` bytes are taken from a plain block. Returns how many that were: no more than it held, and none from
    /// a packed one.
    pub fn take(&mut self, n: usize) -> usize {
        let n = match self.packed {
            true => 0,
            false => n.min(self.bytes),
        };
        self.first = self.first.saturating_add(n);
        self.bytes = self.bytes.saturating_sub(n);
        n
    }

    /// `n` bytes are added to the run of a plain block. Returns how many that were: no more than it has to spare, and none
    /// without a run, which [`Self::push`] begins.
    pub fn fill(&mut self, n: usize) -> usize {
        let n = match self.packed || self.records == 0 {
            true => 0,
            false => n.min(self.spare()),
        };
        self.end = self.end.saturating_add(n);
        self.bytes = self.bytes.saturating_add(n);
        n
    }
}

/// A `usize` never has more bits than a `u64`.
fn as_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
