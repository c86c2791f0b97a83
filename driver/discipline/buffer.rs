// SPDX-License-Identifier: GPL-2.0

//! `buffer`: one growing text, which every open reads from its own position.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use super::{
    Bytes, Claim, Cursor, Discipline, Full, Garbage, Inlet, OnEmpty, Reading, Replaced, Rules,
};
use crate::{
    kapi::memory::Memory,
    queue::{
        span::{Span, Spans},
        text::Text,
    },
};

/// Nothing is known of an open but its position.
pub(crate) type Place = ();

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
        seeks: true,
        whole_records: false,
        files: false,
        full: Full::NoSpace,
        on_empty: OnEmpty::Eof,
        capacity: None,
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

    fn capacity(&self) -> usize {
        self.text.capacity()
    }

    fn used(&self) -> usize {
        self.text.len()
    }

    fn available(&self, cursor: &Cursor) -> usize {
        self.text.at(cursor.position, usize::MAX).len
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        self.claim(self.text.at(cursor.position, max))
    }

    fn taken(&mut self, cursor: &mut Cursor, _claim: &Claim, n: usize) -> bool {
        cursor.position = cursor.position.saturating_add(n as u64);
        true
    }

    fn has_room(&self, _len: usize) -> bool {
        self.text.room() > 0
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Bytes(self)
    }

    fn clear(&mut self, _garbage: &mut Garbage) -> (usize, bool) {
        (self.text.clear(), true)
    }
}

impl Bytes for Buffer {
    fn target(&self, max: usize) -> Claim {
        self.claim(self.text.back(max))
    }

    fn added(&mut self, n: usize) {
        self.text.append(n);
    }

    fn memory(&self) -> &Arc<Memory> {
        &self.memory
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
}
