// SPDX-License-Identifier: GPL-2.0

//! `stack`: records, the newest first. It grows by doubling, and gives back what it does not need.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{
    chain::{Block, Chain},
    Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Records, Rules,
    CAPACITY_LIMIT,
};
use crate::queue::{extent::Extent, quota::grown};

/// The record that an open is taking from.
pub(crate) type Place = Option<Arc<Block>>;

/// Records on top of each other, a block each.
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
        files: false,
        full: Full::Wait,
        on_empty: OnEmpty::Eof,
        capacity: Some(1),
        max_capacity: CAPACITY_LIMIT,
    };

    /// The bytes left of the record on top.
    fn top(&self) -> usize {
        self.chain.newest().map_or(0, |top| top.extent().bytes())
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
        let Some(top) = self.chain.newest() else {
            return Claim::none();
        };
        // It stays where it is, so that what is left of it lies below what is pushed meanwhile.
        cursor.stack = Some(top.clone());
        top.first().map_or_else(Claim::none, |found| {
            Claim::new(&found.memory, found.span.take(max).into())
        })
    }

    fn taken(&mut self, cursor: &mut Cursor, _claim: &Claim, n: usize) -> bool {
        let Some(record) = cursor.stack.take() else {
            return false;
        };
        self.chain.take(&record, n);
        if record.extent().bytes() == 0 {
            // The reader's claim keeps the memory, and drops it without the lock.
            drop(self.chain.remove(&record));
        }
        true
    }

    fn has_room(&self, len: usize) -> bool {
        self.chain.quota().fits(len, self.max)
    }

    fn room_for(&self, _cursor: &Cursor, len: usize) -> bool {
        // What will never fit is refused at once.
        len > self.max || self.has_room(len)
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
            let removed = match zero {
                true => self.chain.wipe_oldest(),
                false => {
                    let bottom = self.chain.oldest().cloned();
                    bottom.and_then(|bottom| self.chain.remove(&bottom))
                }
            };
            let Some((memory, left)) = removed else {
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

    fn shape(&self, len: usize) -> Extent {
        Extent::plain(len)
    }

    fn push(&mut self, record: &Arc<Block>, _as_it_is: bool) -> bool {
        self.chain.push(record.clone());
        true
    }

    fn resize(&mut self, capacity: usize, garbage: &mut Garbage) -> (usize, bool) {
        let (truncated, done) = self.drop_bottom(capacity, false, garbage);
        if done {
            self.reserved = capacity;
        }
        (truncated, done)
    }
}
