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
    sync::{Arc, SpinLock},
};

use crate::{kapi::memory::Memory, queue::quota::Quota};

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
    older: Option<Arc<Record>>,
    newer: Option<Arc<Record>>,
}

/// Where a record's bytes are.
pub(super) struct Extent {
    pub(super) memory: Arc<Memory>,
    pub(super) start: u64,
    pub(super) taken: usize,
}

impl Record {
    /// Makes a record of these bytes. Fails with ENOMEM; may sleep.
    pub(crate) fn new(memory: Memory) -> Result<Arc<Self>> {
        let state = RecordState {
            memory: Some(Arc::new(memory, GFP_KERNEL_ACCOUNT)?),
            start: 0,
            taken: 0,
            older: None,
            newer: None,
        };
        Arc::pin_init(
            pin_init!(Self {
                state <- new_spinlock!(state, "mydevice record"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Its length in bytes, those that were taken included; 0 once it was removed.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.memory.as_ref().map_or(0, |memory| memory.len())
    }

    /// Where its bytes are; none if it was removed.
    pub(super) fn extent(&self) -> Option<Extent> {
        let state = self.state.lock();
        Some(Extent {
            memory: state.memory.clone()?,
            start: state.start,
            taken: state.taken,
        })
    }

    /// The record that came after it.
    pub(super) fn newer(&self) -> Option<Arc<Record>> {
        self.state.lock().newer.clone()
    }
}

/// Records, from the oldest to the newest.
#[derive(Default)]
pub(super) struct Chain {
    oldest: Option<Arc<Record>>,
    newest: Option<Arc<Record>>,
    quota: Quota,
    /// The bytes that were ever queued.
    end: u64,
}

impl Chain {
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
        self.oldest.as_ref()
    }

    /// The record that came last.
    pub(super) fn newest(&self) -> Option<&Arc<Record>> {
        self.newest.as_ref()
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
        {
            let mut state = record.state.lock();
            state.start = self.end;
            state.older = self.newest.clone();
        }
        match &self.newest {
            Some(newest) => newest.state.lock().newer = Some(record.clone()),
            None => self.oldest = Some(record.clone()),
        }
        self.newest = Some(record);
        self.quota.add(len);
        self.end = self.end.saturating_add(len as u64);
    }

    /// Notes that the first `n` bytes left of a record of this chain were taken.
    pub(super) fn take(&mut self, record: &Record, n: usize) {
        let mut state = record.state.lock();
        state.taken = state.taken.saturating_add(n);
        self.quota.take(n);
    }

    /// Removes a record of this chain; returns its memory, and how many bytes of it were left.
    pub(super) fn remove(&mut self, record: &Arc<Record>) -> Option<(Arc<Memory>, usize)> {
        let (memory, taken, older, newer) = {
            let mut state = record.state.lock();
            (
                state.memory.take()?,
                state.taken,
                state.older.take(),
                state.newer.take(),
            )
        };
        match &older {
            Some(older) => older.state.lock().newer = newer.clone(),
            None => self.oldest = newer.clone(),
        }
        match &newer {
            Some(newer) => newer.state.lock().older = older,
            None => self.newest = older,
        }
        let left = memory.len().saturating_sub(taken);
        self.quota.remove(left);
        Some((memory, left))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // One by one: dropping a record that still knows its neighbours would drop them in turn, as deep as the
        // chain is long.
        while let Some(record) = self.oldest.clone() {
            drop(self.remove(&record));
            crate::kapi::sched::cond_resched();
        }
    }
}
