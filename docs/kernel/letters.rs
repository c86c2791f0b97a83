// SPDX-License-Identifier: GPL-2.0

//! `letters`: records, first in, first out, each for one reader.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{
    chain::{Block, Chain},
    Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Records, Rules,
};
use crate::queue::extent::Extent;

/// The record that an open is taking from.
pub(crate) type Place = Option<Arc<Block>>;

/// Records behind each other, a block each.
pub(crate) struct Letters {
    chain: Chain,
    capacity: usize,
}

impl Letters {
    pub(super) const RULES: Rules = Rules {
        name: "letters",
        reading: Reading::Take,
        seeks: false,
        whole_records: true,
        files: false,
        full: Full::Wait,
        on_empty: OnEmpty::Block,
        capacity: None,
        max_capacity: 1 << 20,
    };
}

impl Discipline for Letters {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            chain: Chain::new(),
            capacity,
        })
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn used(&self) -> usize {
        self.chain.quota().used()
    }

    fn available(&self, _cursor: &Cursor) -> usize {
        self.chain
            .oldest()
            .map_or(0, |block| block.extent().bytes())
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        let Some(oldest) = self.chain.oldest() else {
            return Claim::none();
        };
        cursor.letters = Some(oldest.clone());
        oldest.first().map_or_else(Claim::none, |found| {
            Claim::new(&found.memory, found.span.take(max).into())
        })
    }

    fn taken(&mut self, cursor: &mut Cursor, _claim: &Claim, n: usize) -> bool {
        let Some(record) = cursor.letters.take() else {
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
        self.chain.quota().fits(len, self.capacity)
    }

    fn room_for(&self, _cursor: &Cursor, len: usize) -> bool {
        // What will never fit is refused at once.
        len > self.capacity || self.has_room(len)
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Records(self)
    }

    fn clear(&mut self, garbage: &mut Garbage) -> (usize, bool) {
        let mut dropped: usize = 0;
        while !garbage.is_full() {
            let Some((memory, left)) = self.chain.wipe_oldest() else {
                break;
            };
            garbage.add(memory);
            dropped = dropped.saturating_add(left);
        }
        (dropped, self.used() == 0)
    }
}

impl Records for Letters {
    fn longest(&self) -> usize {
        self.capacity
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
        // A reader keeps what it would get first, so the newest go.
        let mut dropped: usize = 0;
        while !self.chain.quota().within(capacity) && !garbage.is_full() {
            let newest = self.chain.newest().cloned();
            let Some((memory, left)) = newest.and_then(|newest| self.chain.remove(&newest)) else {
                break;
            };
            garbage.add(memory);
            dropped = dropped.saturating_add(left);
        }
        let done = self.chain.quota().within(capacity);
        if done {
            self.capacity = capacity;
        }
        (dropped, done)
    }
}
