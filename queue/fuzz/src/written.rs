// SPDX-License-Identifier: GPL-2.0

//! The memory of a queue of bytes, and its writer.

use mydevice_queue::span::Spans;

use crate::memory::{Source, UNWRITTEN, copy_in, moved};

/// A memory that one writer fills, in two steps as in the driver: others go on between its claim and its end.
pub struct Written {
    /// What is in it.
    pub memory: Vec<u8>,
    source: Source,
    writing: Option<(Spans, Vec<u8>)>,
}

impl Written {
    /// One in which nobody wrote yet.
    pub fn new(capacity: usize) -> Self {
        Self {
            memory: vec![UNWRITTEN; capacity],
            source: Source::default(),
            writing: None,
        }
    }

    /// Whether nobody is writing.
    pub fn is_idle(&self) -> bool {
        self.writing.is_none()
    }

    /// The writer may write there from now on, and at any time: rubbish at once, its data last.
    pub fn claim(&mut self, spans: impl Into<Spans>) {
        let spans = spans.into();
        copy_in(&mut self.memory, spans, &vec![UNWRITTEN; spans.len()]);
        self.writing = Some((spans, self.source.take(spans.len())));
    }

    /// The writer's data is there, and `n` bytes of it at most count. Those that do; none if nobody was writing.
    pub fn finish(&mut self, n: usize) -> Option<Vec<u8>> {
        let (spans, mut data) = self.writing.take()?;
        copy_in(&mut self.memory, spans, &data);
        data.truncate(n);
        Some(data)
    }

    /// Another capacity, of which what was kept is the beginning.
    pub fn resize(&mut self, keep: impl Into<Spans>, capacity: usize) {
        self.memory = moved(&self.memory, keep, capacity);
    }
}
