// SPDX-License-Identifier: GPL-2.0

//! Memory that goes from a discipline to the instance: to be copied, or to be dropped, and both without the lock.

#![forbid(unsafe_code)]

use kernel::{
    iov::{IovIterDest, IovIterSource},
    sync::Arc,
};

use super::log::Step;
use crate::{kapi::memory::Memory, queue::span::Spans};

/// A region of an instance's memory that somebody is about to copy into or out of.
///
/// It keeps the memory alive; that nobody else uses the region is for the instance's gate to see to.
pub(crate) struct Claim {
    memory: Option<Arc<Memory>>,
    spans: Spans,
    /// The way that a log's open has gone by it.
    pub(super) step: Option<Step>,
}

impl Claim {
    pub(super) fn new(memory: &Arc<Memory>, spans: Spans) -> Self {
        Self {
            memory: Some(memory.clone()),
            spans,
            step: None,
        }
    }

    /// Nothing.
    pub(super) fn none() -> Self {
        Self {
            memory: None,
            spans: Spans::default(),
            step: None,
        }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Copies the region to a reader; returns how many bytes got there, fewer if it faults. May sleep.
    pub(crate) fn copy_to(&self, iov: &mut IovIterDest<'_>) -> usize {
        self.each(|memory, at, len| memory.copy_to_iter(at, len, iov))
    }

    /// Fills the region from a writer; returns how many bytes came, fewer if it faults. May sleep.
    pub(crate) fn copy_from(&self, iov: &mut IovIterSource<'_>) -> usize {
        self.each(|memory, at, len| memory.copy_from_iter(at, len, iov))
    }

    /// Copies the region to the beginning of other memory. May sleep.
    pub(crate) fn copy_into(&self, other: &Memory) {
        let mut to: usize = 0;
        self.each(|memory, at, len| {
            other.copy_from(to, memory, at, len);
            to = to.saturating_add(len);
            len
        });
    }

    /// Does `copy` with each span in turn until one is done only in part; returns the bytes that were done.
    fn each(&self, mut copy: impl FnMut(&Memory, usize, usize) -> usize) -> usize {
        let mut done: usize = 0;
        let Some(memory) = &self.memory else {
            return 0;
        };
        for span in self.spans.iter() {
            let copied = copy(memory, span.offset, span.len);
            done = done.saturating_add(copied);
            if copied < span.len {
                break;
            }
        }
        done
    }
}

/// Memory that was removed under the lock, to be dropped without it.
#[derive(Default)]
pub(crate) struct Garbage {
    memory: [Option<Arc<Memory>>; Self::SIZE],
    count: usize,
}

impl Garbage {
    /// How much is dropped between two times that the lock is taken.
    const SIZE: usize = 16;

    /// Whether it takes no more.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= Self::SIZE
    }

    /// Takes what is not needed any more. What it has no place for, it drops at once.
    pub(crate) fn add(&mut self, memory: Arc<Memory>) {
        if let Some(place) = self.memory.get_mut(self.count) {
            *place = Some(memory);
            self.count = self.count.saturating_add(1);
        }
    }
}
