// SPDX-License-Identifier: GPL-2.0

//! Records in the order in which they came, for the disciplines that keep records whole.
//!
//! Each record has memory of its own, filled before it is queued. So a writer copies its bytes once; a
//! reader that copies from a record holds on to its memory, and what becomes of the record meanwhile does
//! not touch it; and removing one is giving it up.
//!
//! Every operation takes the same time, however many records there are. None of them frees anything:
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
    queue::quota::Quota,
};

/// A record, queued or about to be.
///
/// The lock is taken only while the instance's lock is held, and never for two records at once.
#[pin_data]
pub(crate) struct Record {
    #[pin]
    state: SpinLock<RecordState>,
}

struct RecordState {
    /// Its bytes; none once it was removed, so that whoever still holds the record does not hold them.
    memory: Option<Arc<Memory>>,
    /// Where its first byte is in all that was ever queued.
    start: u64,
    /// The bytes at its beginning that were taken away.
    taken: usize,
    /// The bytes at its beginning that are there.
    filled: usize,
    links: Links<Record>,
}

impl Linked for Record {
    fn with_links<R>(&self, work: impl FnOnce(&mut Links<Self>) -> R) -> R {
        work(&mut self.state.lock().links)
    }
}

/// Where a record's bytes are.
pub(super) struct Extent {
    pub(super) memory: Arc<Memory>,
    pub(super) start: u64,
    pub(super) taken: usize,
    pub(super) filled: usize,
}

impl Extent {
    /// The bytes that are there and were not taken.
    pub(super) fn left(&self) -> usize {
        self.filled.saturating_sub(self.taken)
    }
}

impl Record {
    /// Makes a record of the first `filled` of these bytes. Fails with ENOMEM; may sleep.
    pub(crate) fn new(memory: Memory, filled: usize) -> Result<Arc<Self>> {
        let filled = filled.min(memory.len());
        let place = small(|flags| Ok(UniqueArc::<Memory>::new_uninit(flags)?))?;
        let record = small(|flags| Ok(UniqueArc::<Self>::new_uninit(flags)?))?;
        let state = RecordState {
            memory: Some(place.write(memory).into()),
            start: 0,
            taken: 0,
            filled,
            links: Links::NONE,
        };
        let record = record.pin_init_with(pin_init!(Self {
            state <- new_spinlock!(state, "mydevice record"),
        }));
        let Ok(record) = record;
        Ok(record.into())
    }

    /// Its length in bytes, those that were taken included; 0 once it was removed.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        match state.memory {
            Some(_) => state.filled,
            None => 0,
        }
    }

    /// Where its bytes are; none if it was removed.
    pub(super) fn extent(&self) -> Option<Extent> {
        let state = self.state.lock();
        Some(Extent {
            memory: state.memory.clone()?,
            start: state.start,
            taken: state.taken,
            filled: state.filled,
        })
    }

    /// The record that came after it.
    pub(super) fn newer(&self) -> Option<Arc<Record>> {
        self.state.lock().links.newer().cloned()
    }
}

/// Records, from the oldest to the newest.
pub(super) struct Chain {
    records: List<Record>,
    quota: Quota,
    /// The bytes that were ever queued.
    end: u64,
}

impl Chain {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            records: List::new(),
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

    /// The record that came first.
    pub(super) fn oldest(&self) -> Option<&Arc<Record>> {
        self.records.oldest()
    }

    /// The record that came last.
    pub(super) fn newest(&self) -> Option<&Arc<Record>> {
        self.records.newest()
    }

    /// Makes the bytes of the oldest record 0 when they are given up.
    pub(super) fn zero_oldest(&self) {
        if let Some(extent) = self.oldest().and_then(|oldest| oldest.extent()) {
            extent.memory.zero_when_dropped();
        }
    }

    /// Queues a record that is in no chain.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        let len = record.len();
        record.state.lock().start = self.end;
        self.records.push(record);
        self.quota.add(len);
        self.end = self.end.saturating_add(len as u64);
    }

    /// Notes that the first `n` bytes left of a record of this chain were taken.
    pub(super) fn take(&mut self, record: &Record, n: usize) {
        let mut state = record.state.lock();
        state.taken = state.taken.saturating_add(n);
        self.quota.take(n);
    }

    /// Copies more bytes, as many as a page at most, to the end of what is there of the newest record.
    pub(super) fn fill(&mut self, memory: &Memory, n: usize) {
        if let Some(newest) = self.newest() {
            let mut state = newest.state.lock();
            if let Some(to) = &state.memory {
                to.copy_from(state.filled, memory, 0, n);
                state.filled = state.filled.saturating_add(n);
            }
        }
        self.quota.refill(n);
        self.end = self.end.saturating_add(n as u64);
    }

    /// Removes a record of this chain; returns its memory, and how many bytes of it were left.
    pub(super) fn remove(&mut self, record: &Arc<Record>) -> Option<(Arc<Memory>, usize)> {
        let left = record.extent()?.left();
        let memory = record.state.lock().memory.take()?;
        self.records.remove(record);
        self.quota.remove(left);
        Some((memory, left))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // One by one: dropping a record that still knows its neighbours would drop them in turn, as deep as the
        // chain is long.
        while let Some(record) = self.oldest().cloned() {
            drop(self.remove(&record));
            // A file's last page may be dropped under a lock; anything longer is not.
            if self.oldest().is_some() {
                cond_resched();
            }
        }
    }
}
