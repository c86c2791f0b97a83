// SPDX-License-Identifier: GPL-2.0

//! `log`: the newest records, for any number of readers, each of whom sees every one from the oldest that is
//! still there, and then follows.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{
    chain::{Chain, Record},
    Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Records, Rules,
};

/// The newest records that fit.
pub(crate) struct Log {
    chain: Chain,
    capacity: usize,
}

impl Log {
    pub(super) const RULES: Rules = Rules {
        name: "log",
        reading: Reading::Copy,
        seeks: false,
        whole_records: true,
        full: Full::Wait,
        on_empty: OnEmpty::Block,
        capacity: None,
        max_capacity: 1 << 20,
    };

    /// Where the oldest record that is still there starts.
    fn start(&self) -> u64 {
        let oldest = self.chain.oldest().and_then(|oldest| oldest.extent());
        oldest.map_or(self.chain.end(), |extent| extent.start)
    }

    /// The record that a reader is to read next, and how many bytes into it.
    fn next(&self, cursor: &Cursor) -> Option<(Arc<Record>, usize)> {
        let at = cursor.position.max(self.start());
        if at >= self.chain.end() {
            return None;
        }
        // It is the reader's last record, or the one after it; if the last one is gone, or there was none, then
        // all between it and the oldest are gone as well.
        let known = cursor.record.as_ref().and_then(|record| {
            let extent = record.extent()?;
            let end = extent.start.saturating_add(extent.memory.len() as u64);
            match at < end {
                true => Some(record.clone()),
                false => record.newer(),
            }
        });
        let record = known.or_else(|| self.chain.oldest().cloned())?;
        let start = record.extent()?.start;
        Some((record, usize::try_from(at.checked_sub(start)?).ok()?))
    }

    /// Removes the oldest record; returns the bytes that it had.
    fn evict(&mut self, garbage: &mut Garbage) -> usize {
        let oldest = self.chain.oldest().cloned();
        let removed = oldest.and_then(|oldest| self.chain.remove(&oldest));
        removed.map_or(0, |(memory, left)| {
            garbage.add(memory);
            left
        })
    }
}

impl Discipline for Log {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            chain: Chain::new(),
            capacity,
        })
    }

    fn rules(&self) -> &'static Rules {
        &Self::RULES
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn used(&self) -> usize {
        self.chain.quota().used()
    }

    fn cursor(&self) -> Cursor {
        // What was evicted before an open began is nothing that it missed.
        Cursor::at(self.start())
    }

    fn available(&self, cursor: &Cursor) -> usize {
        let next = self.next(cursor);
        next.map_or(0, |(record, at)| record.len().saturating_sub(at))
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        let Some((record, at)) = self.next(cursor) else {
            return Claim::none();
        };
        let start = self.start();
        let missed = start.saturating_sub(cursor.position);
        cursor.missed = cursor.missed.saturating_add(missed);
        cursor.position = cursor.position.max(start);
        let Some(extent) = record.extent() else {
            return Claim::none();
        };
        let mut claim = Claim::part(&extent.memory, at, max);
        // The next reader of this open goes on behind it.
        cursor.position = cursor.position.saturating_add(claim.len() as u64);
        cursor.record = Some(record);
        claim.end = cursor.position;
        claim
    }

    fn taken(&mut self, cursor: &mut Cursor, claim: &Claim, n: usize) {
        // What did not get to the reader is read again, unless another of this open has gone on from there.
        if cursor.position == claim.end {
            let back = claim.len().saturating_sub(n) as u64;
            cursor.position = cursor.position.saturating_sub(back);
        }
    }

    fn missed(&self, cursor: &Cursor) -> u64 {
        let lag = self.start().saturating_sub(cursor.position);
        cursor.missed.saturating_add(lag)
    }

    fn has_room(&self, _len: usize) -> bool {
        true
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Records(self)
    }

    fn clear(&mut self, garbage: &mut Garbage) -> (usize, bool) {
        let mut dropped: usize = 0;
        while !garbage.is_full() && self.chain.quota().records() > 0 {
            self.chain.zero_oldest();
            dropped = dropped.saturating_add(self.evict(garbage));
        }
        (dropped, self.chain.quota().records() == 0)
    }
}

impl Records for Log {
    fn longest(&self) -> usize {
        self.capacity
    }

    fn make_room(&mut self, len: usize, garbage: &mut Garbage) -> (usize, bool) {
        let mut evicted: usize = 0;
        while !self.chain.quota().fits(len, self.capacity) && !garbage.is_full() {
            evicted = evicted.saturating_add(self.evict(garbage));
        }
        (evicted, self.chain.quota().fits(len, self.capacity))
    }

    fn push(&mut self, record: Arc<Record>) {
        self.chain.push(record);
    }

    fn resize(&mut self, capacity: usize, garbage: &mut Garbage) -> (usize, bool) {
        let mut truncated: usize = 0;
        while !self.chain.quota().within(capacity) && !garbage.is_full() {
            truncated = truncated.saturating_add(self.evict(garbage));
        }
        let done = self.chain.quota().within(capacity);
        if done {
            self.capacity = capacity;
        }
        (truncated, done)
    }
}
