// SPDX-License-Identifier: GPL-2.0

//! `stream`: bytes, first in, first out. The device of every day.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{Claim, Discipline, Full, OnEmpty, Reading, Replaced, Rules};
use crate::{kapi::memory::Memory, queue::ring::Ring};

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
        full: Full::Wait,
        on_empty: OnEmpty::Block,
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

    fn rules(&self) -> &'static Rules {
        &Self::RULES
    }

    fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    fn used(&self) -> usize {
        self.ring.used()
    }

    fn available(&self, _position: u64) -> usize {
        self.ring.used()
    }

    fn source(&self, _position: u64, max: usize) -> Claim {
        Claim::new(&self.memory, self.ring.front(max))
    }

    fn taken(&mut self, n: usize) {
        self.ring.consume(n);
    }

    fn room(&self) -> usize {
        self.ring.room()
    }

    fn target(&self, max: usize) -> Claim {
        Claim::new(&self.memory, self.ring.back(max))
    }

    fn added(&mut self, n: usize) {
        self.ring.append(n);
    }

    fn clear(&mut self) -> usize {
        self.ring.clear()
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

    fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }
}
