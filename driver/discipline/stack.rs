// SPDX-License-Identifier: GPL-2.0

//! `stack`: records, the newest first. It grows by doubling, and gives back what it does not need.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{
    chain::{Chain, Record},
    Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Records, Rules,
    CAPACITY_LIMIT,
};
use crate::queue::quota::grown;

/// Records on top of each other.
pub(crate) struct Stack {
    chain: Chain,
    /// What RESIZE asked for: the capacity is this, doubled until it holds what is there.
    reserved: usize,
    max: usize,
}

impl Stack {
    pub(super) const RULES: Rules = Rules {
        name: "stack",
        reading: Reading::Take,
        seeks: false,
        whole_records: true,
        full: Full::Wait,
        on_empty: OnEmpty::Eof,
        capacity: Some(1),
        max_capacity: CAPACITY_LIMIT,
    };

    /// The bytes left of the record on top.
    fn top(&self) -> usize {
        let top = self.chain.newest().and_then(|top| top.extent());
        top.map_or(0, |top| top.left())
    }
}

impl Discipline for Stack {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            chain: Chain::new(),
            reserved: capacity,
            max: Self::RULES.max_capacity,
        })
    }

    fn rules(&self) -> &'static Rules {
        &Self::RULES
    }

    fn set_max_capacity(&mut self, max: usize) {
        self.max = max;
    }

    fn capacity(&self) -> usize {
        grown(self.reserved, self.used(), self.max)
    }

    fn used(&self) -> usize {
        self.chain.quota().used()
    }

    fn available(&self, _cursor: &Cursor) -> usize {
        self.top()
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        let top = self.chain.newest().cloned();
        let Some((record, extent)) = top.and_then(|top| Some((top.clone(), top.extent()?))) else {
            return Claim::none();
        };
        // It stays where it is, so that what is left of it lies below what is pushed meanwhile.
        cursor.record = Some(record);
        Claim::part(&extent.memory, extent.taken, max)
    }

    fn taken(&mut self, cursor: &mut Cursor, _claim: &Claim, n: usize) {
        let Some(record) = cursor.record.take() else {
            return;
        };
        self.chain.take(&record, n);
        let left = record.extent();
        if left.is_some_and(|extent| extent.left() == 0) {
            // The reader's claim keeps the memory, and drops it without the lock.
            drop(self.chain.remove(&record));
        }
    }

    fn has_room(&self, len: usize) -> bool {
        self.chain.quota().fits(len, self.max)
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Records(self)
    }

    fn clear(&mut self, garbage: &mut Garbage) -> (usize, bool) {
        // Marked as it goes: see `drop_bottom`.
        self.drop_bottom(0, true, garbage)
    }
}

impl Stack {
    /// Removes records at the bottom until no more than `keep` bytes are left, as far as the garbage takes them.
    fn drop_bottom(&mut self, keep: usize, zero: bool, garbage: &mut Garbage) -> (usize, bool) {
        let mut dropped: usize = 0;
        while self.used() > keep && !garbage.is_full() {
            if zero {
                self.chain.zero_oldest();
            }
            let bottom = self.chain.oldest().cloned();
            let Some((memory, left)) = bottom.and_then(|bottom| self.chain.remove(&bottom)) else {
                break;
            };
            garbage.add(memory);
            dropped = dropped.saturating_add(left);
        }
        (dropped, self.used() <= keep)
    }
}

impl Records for Stack {
    fn longest(&self) -> usize {
        self.max
    }

    fn make_room(&mut self, len: usize, _garbage: &mut Garbage) -> (usize, bool) {
        (0, self.has_room(len))
    }

    fn push(&mut self, record: Arc<Record>) {
        self.chain.push(record);
    }

    fn resize(&mut self, capacity: usize, garbage: &mut Garbage) -> (usize, bool) {
        let (truncated, done) = self.drop_bottom(capacity, false, garbage);
        if done {
            self.reserved = capacity;
        }
        (truncated, done)
    }
}
