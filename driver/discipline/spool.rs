// SPDX-License-Identifier: GPL-2.0

//! `spool`: whole files, handed over in the order of their first write.
//!
//! A file's bytes are in pages of its own, the first ones half as long, which are given back as they are read. So
//! memory follows what is stored, by pages: a file that is being written keeps its last page, and that is all the
//! reserve there is.

#![forbid(unsafe_code)]

use kernel::{
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    sync::{Arc, SpinLock, UniqueArc},
};

use super::{
    chain::{Block, Chain},
    list::{Linked, Links, List},
    Claim, Closed, Cursor, Discipline, Files, Full, Garbage, Inlet, OnEmpty, Reading, Rules,
    CAPACITY_LIMIT,
};
use crate::{
    kapi::{
        memory::{small, Memory},
        sched::cond_resched,
    },
    queue::backlog::{Backlog, Held, Life, Piece},
};

/// A queue of files.
pub(crate) struct Spool {
    /// The files that nobody reads, in the order in which they are to be read: that of their first write, but
    /// that what a reader has let go of comes first.
    queue: List<File>,
    /// The files that somebody reads.
    claimed: List<File>,
    backlog: Backlog,
    /// A CLEAR is under way: what is there is about to be dropped.
    clearing: bool,
}

/// What an open reads and writes.
#[derive(Default)]
pub(crate) struct Place {
    /// The file that it reads, and whether it has got a byte of it.
    reads: Option<Arc<File>>,
    got: bool,
    /// The file and its page that bytes are being taken from.
    taking: Option<(Arc<File>, Arc<Block>)>,
    /// The file that it writes.
    writes: Option<Arc<File>>,
}

impl Place {
    /// The file that the open reads. One that ended before it got a byte of it was not handed to it.
    fn file(&self) -> Option<&Arc<File>> {
        let missed = |file: &Arc<File>| !self.got && file.is_over() && !file.is_cleared();
        self.reads.as_ref().filter(|file| !missed(file))
    }
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
    life: Life,
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
            life: Life::default(),
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
        self.state.lock().stored()
    }

    /// Whether nothing more will come of it.
    fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.life.is_over(state.stored())
    }

    fn is_cleared(&self) -> bool {
        self.state.lock().life.is_cleared()
    }
}

impl FileState {
    /// Nobody writes any more. Returns the last page if it was kept for that alone.
    fn finish(&mut self) -> Option<Arc<Memory>> {
        self.life.finish();
        if self.life.is_cleared() {
            // CLEAR zeroes it.
            return None;
        }
        let page = self.pages.oldest().cloned()?;
        let left = page.extent();
        match self.life.page_is_done(left.bytes(), left.spare()) {
            true => self.pages.remove(&page).map(|(memory, _)| memory),
            false => None,
        }
    }

    /// The bytes of it that are stored.
    fn stored(&self) -> usize {
        self.pages.quota().used()
    }
}

impl Spool {
    pub(super) const RULES: Rules = Rules {
        name: "spool",
        reading: Reading::Take,
        seeks: false,
        whole_records: false,
        files: true,
        full: Full::Wait,
        on_empty: OnEmpty::Block,
        capacity: Some(Self::LIMIT),
        max_capacity: Self::LIMIT,
    };

    const LIMIT: usize = match CAPACITY_LIMIT / PAGE_SIZE {
        pages if pages < 100_000 => CAPACITY_LIMIT,
        _ => 100_000 * PAGE_SIZE,
    };

    /// So many files are dropped between two times that the lock is taken.
    const CLEARED: usize = 64;

    /// The file that a read of this open is from.
    fn file<'a>(&'a self, cursor: &'a Cursor) -> Option<&'a Arc<File>> {
        cursor.spool.file().or_else(|| self.queue.oldest())
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
            let (stored, pages) = (state.stored(), state.pages.quota().records());
            if !state.life.leave(stored, pages) {
                return;
            }
            state.life.is_claimed()
        };
        self.list_of(claimed).remove(file);
        self.backlog.file_went();
    }

    /// The bytes that may be added to this file now.
    fn allowed(&self, file: Option<&Arc<File>>) -> usize {
        match file {
            Some(file) => {
                let state = file.state.lock();
                self.backlog.allowance(Some(&state.life), state.stored())
            }
            None => self.backlog.allowance(None, 0),
        }
    }
}

impl Discipline for Spool {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            queue: List::new(),
            claimed: List::new(),
            backlog: Backlog::new(capacity, PAGE_SIZE),
            clearing: false,
        })
    }

    fn capacity(&self) -> usize {
        self.backlog.limit()
    }

    fn used(&self) -> usize {
        self.backlog.used()
    }

    fn offers(&self) -> bool {
        self.queue.oldest().is_some()
    }

    fn begin_read(&mut self, cursor: &mut Cursor) -> bool {
        let place = &mut cursor.spool;
        if place.file().is_some() {
            return false;
        }
        place.reads = None;
        place.got = false;
        // What a CLEAR is about to drop is nobody's any more.
        let Some(file) = self.queue.oldest().filter(|_| !self.clearing).cloned() else {
            return false;
        };
        self.queue.remove(&file);
        file.state.lock().life.claim();
        self.claimed.push(file.clone());
        place.reads = Some(file);
        true
    }

    fn follows(&self, cursor: &Cursor) -> bool {
        cursor.spool.file().is_some()
    }

    fn is_over(&self, cursor: &Cursor) -> bool {
        cursor.spool.file().is_some_and(|file| file.is_over())
    }

    fn available(&self, cursor: &Cursor) -> usize {
        self.file(cursor).map_or(0, |file| file.used())
    }

    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim {
        let Some(file) = &cursor.spool.reads else {
            return Claim::none();
        };
        let page = file.state.lock().pages.oldest().cloned();
        let Some((page, found)) = page.and_then(|page| Some((page.clone(), page.first()?))) else {
            return Claim::none();
        };
        cursor.spool.taking = Some((file.clone(), page));
        Claim::new(&found.memory, found.span.take(max).into())
    }

    fn taken(&mut self, cursor: &mut Cursor, _claim: &Claim, n: usize) -> bool {
        let place = &mut cursor.spool;
        let Some((file, page)) = place.taking.take() else {
            return false;
        };
        // Another caller may have let go of it and begun the next one.
        let reads = place.reads.as_ref();
        let goes_on = reads.is_some_and(|reads| Arc::ptr_eq(reads, &file));
        place.got |= goes_on && n > 0;
        {
            let mut state = file.state.lock();
            state.pages.take(&page, n);
            self.backlog.take(n);
            let left = page.extent();
            if state.life.page_is_done(left.bytes(), left.spare()) {
                // The reader's claim keeps the memory, and drops it without the lock.
                drop(state.pages.remove(&page));
            }
        }
        self.tidy(&file);
        goes_on
    }

    fn let_go(&mut self, cursor: &mut Cursor) -> bool {
        if let Some(file) = cursor.spool.reads.take() {
            let stays = file.state.lock().life.let_go();
            if stays {
                self.claimed.remove(&file);
                self.queue.push_oldest(file);
            }
        }
        cursor.spool.got = false;
        true
    }

    fn close(&mut self, cursor: &mut Cursor) -> Closed {
        let data = cursor.spool.reads.is_some();
        self.let_go(cursor);
        let Some(file) = cursor.spool.writes.take() else {
            return Closed {
                data,
                ..Closed::default()
            };
        };
        let spare = file.state.lock().finish();
        self.tidy(&file);
        Closed {
            data: true,
            room: true,
            spare,
        }
    }

    fn has_room(&self, _len: usize) -> bool {
        self.allowed(None) > 0
    }

    fn room_for(&self, cursor: &Cursor, _len: usize) -> bool {
        !cursor.writing && self.allowance(cursor) > 0
    }

    fn inlet(&mut self) -> Inlet<'_> {
        Inlet::Files(self)
    }

    fn clear(&mut self, garbage: &mut Garbage) -> (usize, bool) {
        let mut dropped: usize = 0;
        let mut files: usize = 0;
        let next = |spool: &Self| spool.queue.oldest().or(spool.claimed.oldest()).cloned();
        self.clearing = true;
        while let Some(file) = next(self) {
            // Those that were read to their end have no pages, and fill no garbage.
            if files >= Self::CLEARED {
                return (dropped, false);
            }
            files = files.saturating_add(1);
            let mut state = file.state.lock();
            state.life.clear();
            while state.pages.oldest().is_some() {
                if garbage.is_full() {
                    return (dropped, false);
                }
                if let Some((memory, left)) = state.pages.wipe_oldest() {
                    garbage.add(memory);
                    dropped = dropped.saturating_add(left);
                    self.backlog.take(left);
                }
            }
            drop(state);
            self.tidy(&file);
        }
        self.clearing = false;
        (dropped, true)
    }
}

impl Files for Spool {
    fn needs_file(&self, cursor: &Cursor) -> bool {
        let file = cursor.spool.writes.as_ref();
        file.is_none_or(|file| file.is_cleared())
    }

    fn give_file(&mut self, cursor: &mut Cursor, file: Arc<File>) {
        cursor.spool.writes = Some(file);
    }

    fn allowance(&self, cursor: &Cursor) -> usize {
        self.allowed(cursor.spool.writes.as_ref())
    }

    fn begin(&mut self, cursor: &mut Cursor, max: usize) -> Option<Piece> {
        let file = cursor.spool.writes.as_ref()?;
        let allowed = self.allowed(Some(file));
        let piece = {
            let state = file.state.lock();
            let newest = state.pages.newest();
            let held = Held {
                stored: state.stored(),
                ever: state.pages.end(),
                spare: newest.map_or(0, |newest| newest.extent().spare()),
            };
            self.backlog.piece(&state.life, &held, max, allowed)?
        };
        self.backlog.reserve(&piece);
        Some(piece)
    }

    fn end(
        &mut self,
        cursor: &mut Cursor,
        piece: &Piece,
        filled: Option<(Filled, usize)>,
    ) -> usize {
        self.backlog.release(piece);
        let (Some((bytes, n)), Some(file)) = (filled, cursor.spool.writes.clone()) else {
            return 0;
        };
        if n == 0 {
            return 0;
        }
        let new = {
            let mut state = file.state.lock();
            if state.life.is_cleared() {
                // CLEAR came meanwhile: these bytes are among those that it dropped.
                return n;
            }
            match bytes {
                Filled::More(memory) => state.pages.fill(&memory, n),
                Filled::Page(page) => state.pages.push(page),
            }
            state.life.bytes_came()
        };
        self.backlog.add(n);
        if new {
            self.queue.push(file);
            self.backlog.file_came();
        }
        0
    }

    fn set_limit(&mut self, capacity: usize) -> Result {
        match self.backlog.set_limit(capacity) {
            true => Ok(()),
            false => Err(EBUSY),
        }
    }
}

/// The bytes of a [`Piece`], on their way into a file.
pub(crate) enum Filled {
    /// For the rest of its last page.
    More(Memory),
    /// A page of their own.
    Page(Arc<Block>),
}

impl Drop for Spool {
    fn drop(&mut self) {
        // One by one, see `List`.
        for claimed in [false, true] {
            while let Some(file) = self.list_of(claimed).oldest().cloned() {
                self.list_of(claimed).remove(&file);
                drop(file);
                cond_resched();
            }
        }
    }
}
