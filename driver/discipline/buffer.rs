// SPDX-License-Identifier: GPL-2.0

//! `buffer`: one growing text, which every open reads from its own position.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{Claim, Discipline, Full, OnEmpty, Reading, Replaced, Rules};
use crate::{
    kapi::memory::Memory,
    queue::{
        span::{Span, Spans},
        text::Text,
    },
};

/// A text that only grows, until CLEAR or RESIZE.
///
/// # Invariants
///
/// The memory is as long as the text's capacity.
pub(crate) struct Buffer {
    memory: Arc<Memory>,
    text: Text,
}

impl Buffer {
    pub(super) const RULES: Rules = Rules {
        name: "buffer",
        reading: Reading::Copy,
        full: Full::NoSpace,
        on_empty: OnEmpty::Eof,
        max_capacity: 1 << 20,
    };

    fn claim(&self, span: Span) -> Claim {
        Claim::new(&self.memory, Spans::new(span, Span::default()))
    }
}

impl Discipline for Buffer {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            memory: Arc::new(Memory::new(capacity)?, GFP_KERNEL)?,
            text: Text::new(capacity),
        })
    }

    fn rules(&self) -> &'static Rules {
        &Self::RULES
    }

    fn capacity(&self) -> usize {
        self.text.capacity()
    }

    fn used(&self) -> usize {
        self.text.len()
    }

    fn available(&self, position: u64) -> usize {
        self.text.at(position, usize::MAX).len
    }

    fn source(&self, position: u64, max: usize) -> Claim {
        self.claim(self.text.at(position, max))
    }

    fn taken(&mut self, _n: usize) {
        // The text stays; the position is the file's.
    }

    fn room(&self) -> usize {
        self.text.room()
    }

    fn target(&self, max: usize) -> Claim {
        self.claim(self.text.back(max))
    }

    fn added(&mut self, n: usize) {
        self.text.append(n);
    }

    fn clear(&mut self) -> usize {
        self.text.clear()
    }

    fn kept(&self, capacity: usize) -> Claim {
        let (_, keep, _) = self.text.resized(capacity);
        self.claim(keep)
    }

    fn replace(&mut self, memory: Arc<Memory>) -> Replaced {
        let (text, _, truncated) = self.text.resized(memory.len());
        self.text = text;
        Replaced {
            old: core::mem::replace(&mut self.memory, memory),
            truncated,
        }
    }

    fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }
}
