// SPDX-License-Identifier: GPL-2.0

//! `log`: the newest records, for any number of readers, each of whom sees every one from the oldest that is
//! still there, and then follows.
//!
//! Short records share blocks of a page; a longer one has a block of its own. A block is only added to, and given
//! up when the last of its records is evicted. So a reader that holds on to a block may copy from it while records
//! come and go.

#![forbid(unsafe_code)]

use kernel::{page::PAGE_SIZE, prelude::*, sync::Arc};

use super::{
    chain::{Block, Chain, Found},
    Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Records, Rules,
};
use crate::queue::extent::{Extent, MAX_PACKED};

/// The newest records that fit.
pub(crate) struct Log {
    chain: Chain,
    capacity: usize,
    /// A CLEAR has begun to drop what there is, and nobody is given any of that now.
    clearing: bool,
}

/// Where an open is among the records.
///
/// # Invariants
///
/// `position` is that of the byte that lies `into` bytes into the record at offset `at` of `block`; or the end of the
/// block, if there is no such record. While `block` is none, it is where the log started when the open began, or was about to start.
#[derive(Default)]
pub(crate) struct Place {
    /// The next byte to read, among all that were ever written.
    position: u64,
    block: Option<Arc<Block>>,
    at: usize,
    into: usize,
    /// The bytes that were gone before they could be read, or that a failed read left behind others of its open.
    missed: u64,
}

/// What a claim began with, and the position behind it.
pub(super) struct Step {
    block: Arc<Block>,
    at: usize,
    into: usize,
    end: u64,
}

/// What an open is to read next.
struct Next {
    block: Arc<Block>,
    at: usize,
    into: usize,
    found: Found,
}

impl Next {
    /// The record at this offset of a block, and so many bytes into it; none at the block's end.
    fn new(block: &Arc<Block>, at: usize, into: usize) -> Option<Self> {
        Some(Self {
            block: block.clone(),
            at,
            into,
            found: block.find(at)?,
        })
    }

    /// The oldest record of a block.
    fn first(block: &Arc<Block>) -> Option<Self> {
        Self::new(block, block.extent().first(), 0)
    }
}

impl Log {
    pub(super) const RULES: Rules = Rules {
        name: "log",
        reading: Reading::Copy,
        seeks: false,
        whole_records: true,
        files: false,
        full: Full::Wait,
        on_empty: OnEmpty::Block,
        capacity: None,
        max_capacity: 1 << 20,
    };

    /// So many records are evicted between two times that the lock is taken.
    const EVICTIONS: usize = 256;

    /// What a reader is to read next.
    fn next(&self, place: &Place) -> Option<Next> {
        if self.clearing {
            return None;
        }
        let known = place.block.as_ref();
        // If its place is gone, or its block because nothing of it is left, then it goes on with the oldest.
        match known.filter(|block| place.position >= self.chain.start() && !block.is_removed()) {
            Some(block) => {
                Next::new(block, place.at, place.into).or_else(|| Next::first(&block.newer()?))
            }
            None if place.position >= self.chain.end() => None,
            None => Next::first(self.chain.oldest()?),
        }
    }

    /// Removes the oldest record; returns the bytes that it had.
    fn evict(&mut self, garbage: &mut Garbage) -> usize {
        let (bytes, memory) = self.chain.evict();
        if let Some(memory) = memory {
            garbage.add(memory);
        }
        bytes
    }

    /// Removes records from the oldest on, until the rest is as it should be or it is time for a pause. Returns how
    /// many bytes were dropped, and whether it is done.
    fn evict_until(
        &mut self,
        garbage: &mut Garbage,
        done: impl Fn(&Chain) -> bool,
    ) -> (usize, bool) {
        let mut evicted: usize = 0;
        for _ in 0..Self::EVICTIONS {
            if done(&self.chain) || garbage.is_full() {
                break;
            }
            evicted = evicted.saturating_add(self.evict(garbage));
        }
        (evicted, done(&self.chain))
    }
}

impl Discipline for Log {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            chain: Chain::new(),
            capacity,
            clearing: false,
        })
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn used(&self) -> usize {
        self.chain.quota().used()
    }

    fn cursor(&self) -> Cursor {
        let mut cursor = Cursor::default();
        // What was gone, or as good as gone, before an open began is nothing that it missed.
        cursor.log.position = match self.clearing {
            true => self.chain.end(),
            false => self.chain.start(),
        };
        cursor
    }

    fn available(&self, cursor: &Cursor) -> usize {
        let next = self.next(&cursor.log);
        next.map_or(0, |next| next.found.span.len.saturating_sub(next.into))
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        let place = &mut cursor.log;
        let Some(next) = self.next(place) else {
            return Claim::none();
        };
        let start = self.chain.start();
        place.missed = place
            .missed
            .saturating_add(start.saturating_sub(place.position));
        place.position = place.position.max(start);

        let part = next.found.span.skip(next.into).take(max);
        let mut claim = Claim::new(&next.found.memory, part.into());
        // The next reader of this open goes on behind it.
        place.block = Some(next.block.clone());
        let into = next.into.saturating_add(part.len);
        (place.at, place.into) = match into >= next.found.span.len {
            true => (next.found.span.range().end, 0),
            false => (next.at, into),
        };
        place.position = place.position.saturating_add(part.len as u64);
        claim.step = Some(Step {
            block: next.block,
            at: next.at,
            into: next.into,
            end: place.position,
        });
        claim
    }

    fn taken(&mut self, cursor: &mut Cursor, claim: &Claim, n: usize) -> bool {
        let place = &mut cursor.log;
        let left = claim.len().saturating_sub(n) as u64;
        let Some(step) = claim.step.as_ref().filter(|_| left > 0) else {
            return true;
        };
        // What did not get to the reader is read again; or not, if another of this open has gone on from there.
        if place.position == step.end {
            place.position = step.end.saturating_sub(left);
            place.block = Some(step.block.clone());
            (place.at, place.into) = (step.at, step.into.saturating_add(n));
        } else {
            place.missed = place.missed.saturating_add(left);
        }
        true
    }

    fn missed(&self, cursor: &Cursor) -> u64 {
        let lag = self.chain.start().saturating_sub(cursor.log.position);
        cursor.log.missed.saturating_add(lag)
    }

    fn has_room(&self, _len: usize) -> bool {
        true
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
        self.clearing = self.chain.oldest().is_some();
        (dropped, !self.clearing)
    }
}

impl Records for Log {
    fn longest(&self) -> usize {
        self.capacity
    }

    fn shape(&self, len: usize) -> Extent {
        let fits = |newest: &Arc<Block>| {
            let extent = newest.extent();
            extent.is_packed() && extent.fits(len)
        };
        match len <= MAX_PACKED && !self.chain.newest().is_some_and(fits) {
            true => Extent::packed(PAGE_SIZE),
            false => Extent::plain(len),
        }
    }

    fn make_room(&mut self, len: usize, garbage: &mut Garbage) -> (usize, bool) {
        let capacity = self.capacity;
        self.evict_until(garbage, |chain| chain.quota().fits(len, capacity))
    }

    fn push(&mut self, record: &Arc<Block>, as_it_is: bool) -> bool {
        if self.chain.append(record) {
            return true;
        }
        let extent = record.extent();
        let whole = as_it_is || extent.is_packed() || extent.bytes() > MAX_PACKED;
        if whole {
            self.chain.push(record.clone());
        }
        whole
    }

    fn resize(&mut self, capacity: usize, garbage: &mut Garbage) -> (usize, bool) {
        let (truncated, done) = self.evict_until(garbage, |chain| chain.quota().within(capacity));
        if done {
            self.capacity = capacity;
        }
        (truncated, done)
    }
}
