// SPDX-License-Identifier: GPL-2.0

//! `spool`: whole files, handed over in the order of their first write.
//!
//! A file's bytes are in pages of their own, which are given back as they are read. So memory follows what is
//! stored, by pages: a file that is being written keeps its last page, and that is all the reserve there is.

#![forbid(unsafe_code)]

use kernel::{
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    sync::{Arc, SpinLock, UniqueArc},
};

use super::{
    chain::{Chain, Record},
    list::{Linked, Links, List},
    Claim, Cursor, Discipline, Files, Full, Garbage, Inlet, OnEmpty, Piece, Reading, Rules,
};
use crate::kapi::memory::{small, Memory};

/// The most files that there can be at once.
const MAX_FILES: usize = 65536;

/// A queue of files.
pub(crate) struct Spool {
    /// The files that nobody reads, in the order in which they are to be read: that of their first write, but
    /// that what a reader has let go of comes first.
    queue: List<File>,
    /// The files that somebody reads.
    claimed: List<File>,
    /// How many files both lists have.
    count: usize,
    used: usize,
    /// The bytes that writers are about to add.
    reserved: usize,
    capacity: usize,
}

/// What was written through one open.
///
/// The lock is taken only while the instance's lock is held, and never for two files at once.
#[pin_data]
pub(crate) struct File {
    #[pin]
    state: SpinLock<FileState>,
}

struct FileState {
    pages: Chain,
    /// It has, or had, bytes, and is in one of the lists.
    listed: bool,
    /// An open is reading it.
    claimed: bool,
    /// Its writer has closed.
    finished: bool,
    /// CLEAR has dropped it.
    cleared: bool,
    links: Links<File>,
}

impl Linked for File {
    fn with_links<R>(&self, work: impl FnOnce(&mut Links<Self>) -> R) -> R {
        work(&mut self.state.lock().links)
    }
}

impl File {
    /// A file without bytes. Fails with ENOMEM; may sleep.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let state = FileState {
            pages: Chain::new(),
            listed: false,
            claimed: false,
            finished: false,
            cleared: false,
            links: Links::NONE,
        };
        let file = small(|flags| Ok(UniqueArc::<Self>::new_uninit(flags)?))?;
        let file = file.pin_init_with(pin_init!(Self {
            state <- new_spinlock!(state, "mydevice file"),
        }));
        let Ok(file) = file;
        Ok(file.into())
    }

    fn used(&self) -> usize {
        self.state.lock().pages.quota().used()
    }
}

impl FileState {
    /// Nothing more will come of it.
    fn is_over(&self) -> bool {
        self.cleared || self.finished && self.pages.quota().used() == 0
    }
}

impl Spool {
    pub(super) const RULES: Rules = Rules {
        name: "spool",
        reading: Reading::Take,
        seeks: false,
        whole_records: false,
        full: Full::Wait,
        on_empty: OnEmpty::Block,
        capacity: Some(Self::LIMIT),
        max_capacity: Self::LIMIT,
    };

    const LIMIT: usize = 100_000 * PAGE_SIZE;

    /// The file that a read of this open is from.
    fn file<'a>(&'a self, cursor: &'a Cursor) -> Option<&'a Arc<File>> {
        cursor.reads.as_ref().or_else(|| self.queue.oldest())
    }

    /// The list that a file is in.
    fn list_of(&mut self, claimed: bool) -> &mut List<File> {
        match claimed {
            true => &mut self.claimed,
            false => &mut self.queue,
        }
    }

    /// Takes a file off its list if nothing is left of it and nothing more will come.
    fn tidy(&mut self, file: &File) {
        let claimed = {
            let mut state = file.state.lock();
            // CLEAR may be in the middle of it: then its pages are still to be counted and dropped.
            let pages = state.pages.quota().records();
            if !state.listed || !state.is_over() || state.cleared && pages > 0 {
                return;
            }
            state.listed = false;
            state.claimed
        };
        self.list_of(claimed).remove(file);
        self.count = self.count.saturating_sub(1);
    }

    /// The bytes that may be added to this file now.
    fn allowance(&self, file: Option<&Arc<File>>) -> usize {
        let taken = self.used.saturating_add(self.reserved);
        let room = self.capacity.saturating_sub(taken);
        let (listed, drained) = match file {
            Some(file) => {
                let state = file.state.lock();
                let drained = state.listed && state.pages.quota().used() == 0;
                (state.listed, drained)
            }
            None => (false, false),
        };
        if !listed && self.count >= MAX_FILES {
            return 0;
        }
        // Else a reader that follows a file would wait for its writer, and the writer for room.
        match drained {
            true => room.max(PAGE_SIZE),
            false => room,
        }
    }
}

impl Discipline for Spool {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            queue: List::new(),
            claimed: List::new(),
            count: 0,
            used: 0,
            reserved: 0,
            capacity,
        })
    }

    fn rules(&self) -> &'static Rules {
        &Self::RULES
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn used(&self) -> usize {
        self.used
    }

    fn offers(&self) -> bool {
        self.queue.oldest().is_some()
    }

    fn begin_read(&mut self, cursor: &mut Cursor) {
        // A file that ended before this open got a byte of it is no file that was handed to it.
        let ended = |file: &Arc<File>| {
            let state = file.state.lock();
            state.is_over() && !state.cleared
        };
        if !cursor.got && cursor.reads.as_ref().is_some_and(ended) {
            cursor.reads = None;
        }
        if cursor.reads.is_none() {
            cursor.got = false;
            // What a CLEAR is about to drop is nobody's any more.
            let oldest = self.queue.oldest().cloned();
            if let Some(file) = oldest.filter(|file| !file.state.lock().cleared) {
                self.queue.remove(&file);
                file.state.lock().claimed = true;
                self.claimed.push(file.clone());
                cursor.reads = Some(file);
            }
        }
    }

    fn follows(&self, cursor: &Cursor) -> bool {
        cursor.reads.is_some()
    }

    fn is_over(&self, cursor: &Cursor) -> bool {
        let file = cursor.reads.as_ref();
        file.is_some_and(|file| file.state.lock().is_over())
    }

    fn available(&self, cursor: &Cursor) -> usize {
        self.file(cursor).map_or(0, |file| file.used())
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        let Some(file) = &cursor.reads else {
            return Claim::none();
        };
        let page = file.state.lock().pages.oldest().cloned();
        let Some((page, extent)) = page.and_then(|page| Some((page.clone(), page.extent()?)))
        else {
            return Claim::none();
        };
        let claim = Claim::part(&extent.memory, extent.taken, max.min(extent.left()));
        cursor.taking = Some((file.clone(), page));
        claim
    }

    fn taken(&mut self, cursor: &mut Cursor, _claim: &Claim, n: usize) {
        let Some((file, page)) = cursor.taking.take() else {
            return;
        };
        cursor.got |= n > 0;
        {
            let mut state = file.state.lock();
            state.pages.take(&page, n);
            self.used = self.used.saturating_sub(n);
            let drained = page.extent().is_some_and(|extent| {
                // The last page of a file that is being written will be filled further.
                extent.left() == 0 && (state.finished || extent.filled >= extent.memory.len())
            });
            if drained {
                // The reader's claim keeps the memory, and drops it without the lock.
                drop(state.pages.remove(&page));
            }
        }
        self.tidy(&file);
    }

    fn let_go(&mut self, cursor: &mut Cursor) -> bool {
        if let Some(file) = cursor.reads.take() {
            let listed = {
                let mut state = file.state.lock();
                state.claimed = false;
                state.listed
            };
            if listed {
                self.claimed.remove(&file);
                self.queue.push_oldest(file);
            }
        }
        cursor.got = false;
        true
    }

    fn close(&mut self, cursor: &mut Cursor) {
        self.let_go(cursor);
        if let Some(file) = cursor.writes.take() {
            file.state.lock().finished = true;
            self.tidy(&file);
        }
    }

    fn has_room(&self, _len: usize) -> bool {
        self.allowance(None) > 0
    }

    fn room_for(&self, cursor: &Cursor, _len: usize) -> bool {
        !cursor.writing && self.allowance(cursor.writes.as_ref()) > 0
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Files(self)
    }

    fn clear(&mut self, garbage: &mut Garbage) -> (usize, bool) {
        let mut dropped: usize = 0;
        let next = |spool: &Self| spool.queue.oldest().or(spool.claimed.oldest()).cloned();
        while let Some(file) = next(self) {
            let mut state = file.state.lock();
            state.cleared = true;
            while let Some(page) = state.pages.oldest().cloned() {
                if garbage.is_full() {
                    return (dropped, false);
                }
                state.pages.zero_oldest();
                if let Some((memory, left)) = state.pages.remove(&page) {
                    garbage.add(memory);
                    dropped = dropped.saturating_add(left);
                    self.used = self.used.saturating_sub(left);
                }
            }
            drop(state);
            self.tidy(&file);
        }
        (dropped, true)
    }
}

impl Files for Spool {
    fn needs_file(&self, cursor: &Cursor) -> bool {
        let file = cursor.writes.as_ref();
        file.is_none_or(|file| file.state.lock().cleared)
    }

    fn begin(&mut self, cursor: &mut Cursor, max: usize) -> Option<Piece> {
        let file = cursor.writes.clone()?;
        let allowed = self.allowance(Some(&file)).min(max);
        if allowed == 0 {
            return None;
        }
        let spare = {
            let state = file.state.lock();
            let newest = state.pages.newest().and_then(|newest| newest.extent());
            newest.map_or(0, |extent| {
                extent.memory.len().saturating_sub(extent.filled)
            })
        };
        let piece = match spare {
            0 => Piece {
                len: allowed.min(PAGE_SIZE),
                memory: PAGE_SIZE,
                fills: false,
            },
            _ => {
                let len = allowed.min(spare);
                Piece {
                    len,
                    memory: len,
                    fills: true,
                }
            }
        };
        self.reserved = self.reserved.saturating_add(piece.len);
        Some(piece)
    }

    fn end(
        &mut self,
        cursor: &mut Cursor,
        piece: &Piece,
        filled: Option<(Filled, usize)>,
    ) -> usize {
        self.reserved = self.reserved.saturating_sub(piece.len);
        let (Some((bytes, n)), Some(file)) = (filled, cursor.writes.clone()) else {
            return 0;
        };
        if n == 0 {
            return 0;
        }
        let listed = {
            let mut state = file.state.lock();
            if state.cleared {
                // CLEAR came meanwhile: these bytes are among those that it dropped.
                return n;
            }
            match bytes {
                Filled::More(memory) => state.pages.fill(&memory, n),
                Filled::Page(page) => state.pages.push(page),
            }
            core::mem::replace(&mut state.listed, true)
        };
        self.used = self.used.saturating_add(n);
        if !listed {
            self.queue.push(file);
            self.count = self.count.saturating_add(1);
        }
        0
    }

    fn set_limit(&mut self, capacity: usize) -> Result {
        if self.used > capacity {
            return Err(EBUSY);
        }
        self.capacity = capacity;
        Ok(())
    }
}

/// The bytes of a [`Piece`], on their way into a file.
pub(crate) enum Filled {
    /// For the rest of its last page.
    More(Memory),
    /// A page of their own.
    Page(Arc<Record>),
}

impl Drop for Spool {
    fn drop(&mut self) {
        // One by one, see `List`.
        for claimed in [false, true] {
            while let Some(file) = self.list_of(claimed).oldest().cloned() {
                self.list_of(claimed).remove(&file);
            }
        }
    }
}
