// SPDX-License-Identifier: GPL-2.0

//! A backlog of files: how much may be added, and what becomes of each file.
//!
//! A file's life:
//!
//! ```text
//!   no bytes yet --first bytes--> queued <--claim / let go--> claimed
//!                                   |                           |
//!                                   +---- over and empty: gone -+
//! ```
//!
//! It is *finished* when its writer closes, and *cleared* when CLEAR drops it: either means that nothing more
//! comes, and a cleared file's writer begins another.

/// The most files that there can be at once.
pub const MAX_FILES: usize = 65536;

/// So many half pages a file begins with. What it costs beside its bytes is then at most a page and a tenth of them:
/// the longer it is, the more a tenth is.
pub const HALVES: usize = 10;

/// What all files of a backlog hold, against its limit. All sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    limit: usize,
    page: usize,
    used: usize,
    reserved: usize,
    files: usize,
    /// New files whose first bytes are on their way.
    coming: usize,
}

impl Backlog {
    /// An empty one, for files that are stored in pages of `page` bytes.
    pub const fn new(limit: usize, page: usize) -> Backlog {
        Backlog {
            limit,
            page,
            used: 0,
            reserved: 0,
            files: 0,
            coming: 0,
        }
    }

    /// The bytes that may be stored.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Sets the limit, unless more is stored.
    #[must_use]
    pub fn set_limit(&mut self, limit: usize) -> bool {
        let may = self.used <= limit;
        if may {
            self.limit = limit;
        }
        may
    }

    /// The bytes that are stored.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The bytes that may be added now: to this file, or to a new one.
    pub fn allowance(&self, file: Option<&Life>, stored: usize) -> usize {
        let listed = file.is_some_and(Life::is_listed);
        if !listed && self.files.saturating_add(self.coming) >= MAX_FILES {
            return 0;
        }
        let taken = self.used.saturating_add(self.reserved);
        let room = self.limit.saturating_sub(taken);
        // Else a reader that has taken all of a file would wait for its writer, and the writer for room.
        match file.is_some_and(|file| file.is_drained(stored)) {
            true => room.max(self.page),
            false => room,
        }
    }

    /// How the next piece of a write of `wanted` bytes is stored, by a file that has this much, and of which this
    /// much is allowed. None if nothing may be added.
    ///
    /// A file begins with [`HALVES`] half pages, so that a short one takes no more than a page beside its bytes, with
    /// all that it costs. One that a reader has drained gets a whole page, which is what it may always have.
    pub fn piece(&self, life: &Life, held: &Held, wanted: usize, allowed: usize) -> Option<Piece> {
        let half = self.page.div_ceil(2);
        let halves = u64::try_from(half.saturating_mul(HALVES)).unwrap_or(u64::MAX);
        let fills = held.spare > 0;
        let memory = match fills {
            true => held.spare,
            false if life.is_drained(held.stored) || held.ever >= halves => self.page,
            false => half,
        };
        let len = wanted.min(allowed).min(memory);
        (len > 0).then_some(Piece {
            len,
            memory: if fills { len } else { memory },
            fills,
            begins: !life.is_listed(),
        })
    }

    /// A piece is on its way: its bytes are spoken for, and its file is, if it is a new one.
    pub fn reserve(&mut self, piece: &Piece) {
        self.reserved = self.reserved.saturating_add(piece.len);
        self.coming = self.coming.saturating_add(piece.begins.into());
    }

    /// The piece has come, or comes to nothing.
    pub fn release(&mut self, piece: &Piece) {
        self.reserved = self.reserved.saturating_sub(piece.len);
        self.coming = self.coming.saturating_sub(piece.begins.into());
    }

    /// Bytes were stored.
    pub fn add(&mut self, n: usize) {
        self.used = self.used.saturating_add(n);
    }

    /// Bytes were taken or dropped.
    pub fn take(&mut self, n: usize) {
        self.used = self.used.saturating_sub(n);
    }

    /// A file got its first bytes.
    pub fn file_came(&mut self) {
        self.files = self.files.saturating_add(1);
    }

    /// A file is gone.
    pub fn file_went(&mut self) {
        self.files = self.files.saturating_sub(1);
    }
}

/// What a file has, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// What is stored of it.
    pub stored: usize,
    /// What was ever stored of it.
    pub ever: u64,
    /// What its last page has to spare.
    pub spare: usize,
}

/// A piece of a write into a file, see [`Backlog::piece`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub len: usize,
    /// The bytes of memory that it is to be copied to.
    pub memory: usize,
    /// It goes to the end of the file's last page, rather than on a page of its own.
    pub fills: bool,
    /// It is the first of a file that is not in the backlog yet.
    pub begins: bool,
}

/// Where a file is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    listed: bool,
    claimed: bool,
    finished: bool,
    cleared: bool,
}

impl Life {
    /// Whether it has, or had, bytes, and is in the backlog.
    pub const fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether somebody is reading it.
    pub const fn is_claimed(&self) -> bool {
        self.claimed
    }

    /// Whether a reader has taken all that it had, when so many bytes of it are stored.
    pub const fn is_drained(&self, stored: usize) -> bool {
        self.listed && stored == 0
    }

    /// Whether CLEAR has dropped it.
    pub const fn is_cleared(&self) -> bool {
        self.cleared
    }

    /// It got bytes. Whether these are its first, so that it is to be queued.
    #[must_use]
    pub fn bytes_came(&mut self) -> bool {
        !core::mem::replace(&mut self.listed, true)
    }

    /// An open begins to read it.
    pub fn claim(&mut self) {
        self.claimed = true;
    }

    /// Its reader lets go. Whether it is to be queued again.
    #[must_use]
    pub fn let_go(&mut self) -> bool {
        self.claimed = false;
        self.listed
    }

    /// Its writer has closed.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// CLEAR drops it.
    pub fn clear(&mut self) {
        self.cleared = true;
    }

    /// Whether nothing more will come of it, when so many bytes of it are stored.
    pub const fn is_over(&self, stored: usize) -> bool {
        self.cleared || self.finished && stored == 0
    }

    /// Takes it off the backlog, if nothing is left of it and nothing more will come. Whether that was so now.
    ///
    /// A cleared file keeps its place until its last page is dropped, since CLEAR counts them page by page.
    #[must_use]
    pub fn leave(&mut self, stored: usize, pages: usize) -> bool {
        let gone = self.listed && self.is_over(stored) && !(self.cleared && pages > 0);
        if gone {
            self.listed = false;
        }
        gone
    }

    /// Whether a page of which so many bytes are left to read, and so many to spare, is needed no more: the last
    /// page of a file that is being written will be filled further.
    pub const fn page_is_done(&self, left: usize, spare: usize) -> bool {
        left == 0 && (self.finished || spare == 0)
    }
}
