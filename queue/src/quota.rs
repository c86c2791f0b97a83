// SPDX-License-Identifier: GPL-2.0

//! How much a queue of records may hold: bytes and a number of records.
//!
//! Boundaries cost no data room, but each record costs memory of its own, so their number is bounded too:
//! one for each [`BYTES_PER_RECORD`] bytes that may be held, and [`SPARE_RECORDS`] more.

/// So many bytes of limit allow one record.
pub const BYTES_PER_RECORD: usize = 16;

/// So many records are allowed beside those.
pub const SPARE_RECORDS: usize = 64;

/// What is held, and how much may be.
///
/// # Invariants
///
/// `used` is the sum of the lengths of the records that were added and not removed, and `records` their
/// number; both stay at their largest value if that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    used: usize,
    records: usize,
}

impl Quota {
    /// The bytes that are held.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The records that are held.
    pub const fn records(&self) -> usize {
        self.records
    }

    /// Whether one more record of `len` bytes may be held by somebody who may hold `limit` bytes.
    pub fn fits(&self, len: usize, limit: usize) -> bool {
        let bytes = self.used.checked_add(len).is_some_and(|sum| sum <= limit);
        bytes && self.records < max_records(limit)
    }

    /// Whether what is held is within `limit` bytes, and its number of records.
    pub fn within(&self, limit: usize) -> bool {
        self.used <= limit && self.records <= max_records(limit)
    }

    /// A record of `len` bytes was added.
    pub fn add(&mut self, len: usize) {
        self.used = self.used.saturating_add(len);
        self.records = self.records.saturating_add(1);
    }

    /// `len` bytes were added to a record that is held.
    pub fn refill(&mut self, len: usize) {
        self.used = self.used.saturating_add(len);
    }

    /// `len` bytes of a record were taken from it, which stays.
    pub fn take(&mut self, len: usize) {
        self.used = self.used.saturating_sub(len);
    }

    /// So many records, of which `len` bytes were left, were removed.
    pub fn remove(&mut self, len: usize, records: usize) {
        self.take(len);
        self.records = self.records.saturating_sub(records);
    }
}

/// The records that somebody who may hold `limit` bytes may hold.
pub const fn max_records(limit: usize) -> usize {
    (limit / BYTES_PER_RECORD).saturating_add(SPARE_RECORDS)
}

/// The capacity of something that grows on demand: `reserved`, doubled until it holds `used`, and never more
/// than `max`.
///
/// 0 counts as 1. If `used` is more than `max`, the result is `max`.
pub fn grown(reserved: usize, used: usize, max: usize) -> usize {
    let mut capacity = reserved.max(1);
    // At most as many steps as a `usize` has bits.
    while capacity < used && capacity < max {
        capacity = capacity.saturating_mul(2);
    }
    capacity.min(max.max(1))
}
