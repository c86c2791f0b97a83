// SPDX-License-Identifier: GPL-2.0

//! Blocks of memory in the order in which they came, for the disciplines that keep what was written in blocks.
//!
//! What a block holds lies still until the block is given up. So a reader that copies from one holds on to its
//! memory, and what becomes of the block meanwhile does not touch it; and removing one is giving it up.
//!
//! Every operation takes the same time, however many blocks there are. None of them frees anything:
//! what is removed is handed to the caller, to be dropped without the lock.

#![forbid(unsafe_code)]

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock, UniqueArc},
};

use super::list::{Linked, Links, List};
use crate::{
    kapi::{
        memory::{small, Memory},
        sched::cond_resched,
    },
    queue::{
        extent::{Extent, HEADER},
        quota::Quota,
        span::Span,
    },
};

/// A block of memory, queued or about to be, and where in it is what the queue holds.
///
/// The lock is taken only while the instance's lock is held, and never for two blocks at once.
#[pin_data]
pub(crate) struct Block {
    #[pin]
    state: SpinLock<BlockState>,
}

struct BlockState {
    /// None once it was removed, so that whoever still holds the block does not hold its memory.
    memory: Option<Arc<Memory>>,
    extent: Extent,
    links: Links<Block>,
}

impl Linked for Block {
    fn with_links<R>(&self, work: impl FnOnce(&mut Links<Self>) -> R) -> R {
        work(&mut self.state.lock().links)
    }
}

/// A record, or a run of bytes, in a block.
pub(super) struct Found {
    pub(super) memory: Arc<Memory>,
    pub(super) span: Span,
}

impl BlockState {
    fn find(&self, at: usize) -> Option<Found> {
        let memory = self.memory.as_ref()?;
        let span = self.extent.record(at, |header| memory.load_u16(header))?;
        Some(Found {
            memory: memory.clone(),
            span,
        })
    }

    /// Notes that the next record, of `len` bytes, is in the memory; writes the header that it needs.
    fn push(&mut self, len: usize, start: u64) {
        if let (true, Some(memory)) = (self.extent.is_packed(), &self.memory) {
            let header = self.extent.place().saturating_sub(HEADER);
            // A packed record is short.
            memory.store_u16(header, u16::try_from(len).unwrap_or(u16::MAX));
        }
        self.extent.push(len, start);
    }

    /// Drops the oldest record, unless it is the only one: then the block is to be removed. Returns its bytes.
    fn drop_first(&mut self) -> Option<usize> {
        let memory = self.memory.as_ref()?;
        if self.extent.records() <= 1 {
            return None;
        }
        let record = self.extent.drop_first(|header| memory.load_u16(header))?;
        Some(record.len)
    }
}

impl Block {
    /// Makes a block of memory to whose [`Extent::place`] `len` bytes were copied. Fails with ENOMEM; may sleep.
    pub(crate) fn new(memory: Memory, extent: Extent, len: usize) -> Result<Arc<Self>> {
        let place = small(|flags| Ok(UniqueArc::<Memory>::new_uninit(flags)?))?;
        let block = small(|flags| Ok(UniqueArc::<Self>::new_uninit(flags)?))?;
        let mut state = BlockState {
            memory: Some(place.write(memory).into()),
            extent,
            links: Links::NONE,
        };
        state.push(len, 0);
        let block = block.pin_init_with(pin_init!(Self {
            state <- new_spinlock!(state, "mydevice block"),
        }));
        let Ok(block) = block;
        Ok(block.into())
    }

    /// Where in it is what it holds.
    pub(crate) fn extent(&self) -> Extent {
        self.state.lock().extent
    }

    /// Its record, in memory of this shape: a block that can be queued as it is. None if it has no record. Fails with
    /// ENOMEM; may sleep.
    pub(crate) fn reshaped(&self, extent: Extent) -> Result<Option<Arc<Self>>> {
        let Some(from) = self.first() else {
            return Ok(None);
        };
        let memory = Memory::new(extent.size())?;
        memory.copy_from(
            extent.place(),
            &from.memory,
            from.span.offset,
            from.span.len,
        );
        Self::new(memory, extent, from.span.len).map(Some)
    }

    /// Whether it was removed from its queue.
    pub(super) fn is_removed(&self) -> bool {
        self.state.lock().memory.is_none()
    }

    /// The record at this offset, see [`Extent::record`]; none at the end, and if the block was removed.
    pub(super) fn find(&self, at: usize) -> Option<Found> {
        self.state.lock().find(at)
    }

    /// What is oldest in it; none if it is empty or was removed.
    pub(super) fn first(&self) -> Option<Found> {
        let state = self.state.lock();
        state.find(state.extent.first())
    }

    /// The block that came after it.
    pub(super) fn newer(&self) -> Option<Arc<Block>> {
        self.state.lock().links.newer().cloned()
    }
}

/// Blocks, from the oldest to the newest.
pub(super) struct Chain {
    blocks: List<Block>,
    quota: Quota,
    /// The bytes that were ever queued.
    end: u64,
}

impl Chain {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            blocks: List::new(),
            quota: Quota::default(),
            end: 0,
        }
    }

    /// The bytes and records that it holds.
    pub(super) fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The bytes that were ever queued: where the next record starts.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Where the oldest record that is still there starts.
    pub(super) fn start(&self) -> u64 {
        self.oldest()
            .map_or(self.end, |oldest| oldest.extent().start())
    }

    /// The block that came first.
    pub(super) fn oldest(&self) -> Option<&Arc<Block>> {
        self.blocks.oldest()
    }

    /// The block that came last.
    pub(super) fn newest(&self) -> Option<&Arc<Block>> {
        self.blocks.newest()
    }

    /// Queues a block that is in no chain.
    pub(super) fn push(&mut self, block: Arc<Block>) {
        let len = {
            let mut state = block.state.lock();
            state.extent.begin(self.end);
            state.extent.bytes()
        };
        self.blocks.push(block);
        self.quota.add(len);
        self.end = self.end.saturating_add(len as u64);
    }

    /// Adds, to the newest block, a copy of the record that another block holds, if it fits there.
    ///
    /// Such a record is short, see [`Extent::fits`]: this copies no more than a page.
    pub(super) fn append(&mut self, record: &Block) -> bool {
        let (Some(newest), Some(from)) = (self.newest(), record.first()) else {
            return false;
        };
        let len = from.span.len;
        {
            let mut state = newest.state.lock();
            let extent = state.extent;
            let memory = match &state.memory {
                Some(memory) if extent.is_packed() && extent.fits(len) => memory,
                _ => return false,
            };
            memory.copy_from(extent.place(), &from.memory, from.span.offset, len);
            state.push(len, self.end);
        }
        self.quota.add(len);
        self.end = self.end.saturating_add(len as u64);
        true
    }

    /// Drops the oldest record of a chain of packed and whole records. Returns its bytes, and the memory of the
    /// block if it was the last one there.
    pub(super) fn evict(&mut self) -> (usize, Option<Arc<Memory>>) {
        let Some(oldest) = self.oldest().cloned() else {
            return (0, None);
        };
        let dropped = oldest.state.lock().drop_first();
        if let Some(bytes) = dropped {
            self.quota.remove(bytes, 1);
            return (bytes, None);
        }
        match self.remove(&oldest) {
            Some((memory, left)) => (left, Some(memory)),
            None => (0, None),
        }
    }

    /// Takes the first `n` bytes left from a block of this chain.
    pub(super) fn take(&mut self, block: &Block, n: usize) {
        let taken = block.state.lock().extent.take(n);
        self.quota.take(taken);
    }

    /// Copies more bytes, as many as a page at most, to the end of what is there of the newest block.
    pub(super) fn fill(&mut self, memory: &Memory, n: usize) {
        if let Some(newest) = self.newest() {
            let mut state = newest.state.lock();
            if let Some(to) = &state.memory {
                to.copy_from(state.extent.place(), memory, 0, n);
                state.extent.fill(n);
            }
        }
        self.quota.refill(n);
        self.end = self.end.saturating_add(n as u64);
    }

    /// Removes a block of this chain; returns its memory, and how many bytes of it were left.
    pub(super) fn remove(&mut self, block: &Arc<Block>) -> Option<(Arc<Memory>, usize)> {
        let (memory, extent) = {
            let mut state = block.state.lock();
            (state.memory.take()?, state.extent)
        };
        self.blocks.remove(block);
        self.quota.remove(extent.bytes(), extent.records());
        Some((memory, extent.bytes()))
    }

    /// Removes the oldest block, and sees to it that its memory is zeroed; see [`Self::remove`].
    pub(super) fn wipe_oldest(&mut self) -> Option<(Arc<Memory>, usize)> {
        let oldest = self.oldest().cloned()?;
        let (memory, left) = self.remove(&oldest)?;
        memory.zero_when_dropped();
        Some((memory, left))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // One by one: dropping a block that still knows its neighbours would drop them in turn, as deep as the
        // chain is long.
        while let Some(block) = self.oldest().cloned() {
            drop(self.remove(&block));
            // A file's last page may be dropped under a lock; anything longer is not.
            if self.oldest().is_some() {
                cond_resched();
            }
        }
    }
}
