// SPDX-License-Identifier: GPL-2.0

//! `stream`: bytes, first in, first out. The device of every day.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{
    Bytes, Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Replaced, Rules,
};
use crate::{kapi::memory::Memory, queue::ring::Ring};

/// Nothing is known of an open: all take from one ring.
pub(crate) type Place = ();

/// A ring of bytes.
///
/// # Invariants
///
/// The memory is as long as the ring's capacity.
pub(crate) struct Stream {
    memory: Arc<Memory>,
    ring: Ring,
}

impl Stream {
    pub(super) const RULES: Rules = Rules {
        name: "stream",
        reading: Reading::Take,
        seeks: false,
        whole_records: false,
        files: false,
        full: Full::Wait,
        on_empty: OnEmpty::Block,
        capacity: None,
        max_capacity: 1 << 20,
    };
}

impl Discipline for Stream {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            memory: Arc::new(Memory::new(capacity)?, GFP_KERNEL)?,
            ring: Ring::new(capacity),
        })
    }

    fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    fn used(&self) -> usize {
        self.ring.used()
    }

    fn available(&self, _cursor: &Cursor) -> usize {
        self.ring.used()
    }

    fn source(&mut self, _cursor: &mut Cursor, max: usize) -> Claim {
        Claim::new(&self.memory, self.ring.front(max))
    }

    fn taken(&mut self, _cursor: &mut Cursor, _claim: &Claim, n: usize) -> bool {
        self.ring.consume(n);
        true
    }

    fn has_room(&self, _len: usize) -> bool {
        self.ring.room() > 0
    }

    fn ring(&mut self) -> Option<(&mut Ring, &Arc<Memory>)> {
        Some((&mut self.ring, &self.memory))
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Bytes(self)
    }

    fn clear(&mut self, _garbage: &mut Garbage) -> (usize, bool) {
        (self.ring.clear(), true)
    }
}

impl Bytes for Stream {
    fn target(&self, max: usize) -> Claim {
        Claim::new(&self.memory, self.ring.back(max))
    }

    fn added(&mut self, n: usize) {
        self.ring.append(n);
    }

    fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    fn kept(&self, capacity: usize) -> Claim {
        Claim::new(&self.memory, self.ring.resized(capacity).keep)
    }

    fn replace(&mut self, memory: Arc<Memory>) -> Replaced {
        let resized = self.ring.resized(memory.len());
        self.ring = resized.ring;
        Replaced {
            old: core::mem::replace(&mut self.memory, memory),
            truncated: resized.truncated,
        }
    }
}
