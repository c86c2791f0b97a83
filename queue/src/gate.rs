// SPDX-License-Identifier: GPL-2.0

//! Who is using an instance's memory, and who may.
//!
//! Copies to and from user space happen without a lock, and may take for ever. The gate is what the
//! lock protects instead: a note of who is at work on the memory. Nothing here waits. An answer of
//! `false` changes nothing, and means: not now. The caller sleeps until somebody has ended
//! something, and asks again, or gives up with EAGAIN.
//!
//! Three parties share the memory:
//!
//! - **The writer.** One at a time has the *turn*, for the whole of a blocking write, asleep for
//!   room included, so that what it writes is contiguous. It touches the memory only while it is
//!   *copying*.
//! - **Readers.** Either one *alone* (its read takes the bytes away) or any number *shared* (theirs
//!   leave them). They touch the memory from begin to end; a reader that sleeps has not begun.
//! - **An overhaul.** CLEAR or RESIZE. Nobody copies when it begins, and until it ends nobody changes
//!   the memory but itself. Shared readers may begin meanwhile: a RESIZE only copies from the memory
//!   that they read. A CLEAR has to see to it that there are none when it drops what is stored; nobody
//!   is given that any more.
//!
//! | may begin, while there is | a turn | a write copy | a reader alone | shared readers | an overhaul |
//! | --- | --- | --- | --- | --- | --- |
//! | write turn | no | no | yes | yes | yes |
//! | write copy | must be one's own | no | yes | yes | no |
//! | read alone | yes | yes | no | no | no |
//! | read shared | yes | yes | no | yes | yes |
//! | overhaul | yes | no | no | no | no |
//!
//! So reading and writing overlap, and an overhaul passes over a writer that has the turn and
//! sleeps. An overhaul that waits keeps nobody out: a reader stalled in its copy would else hold up
//! the writers, by way of a CLEAR that waits for it.
//!
//! # Misuse
//!
//! Ending or releasing what was not begun changes nothing. A turn that is released in the middle of
//! its own copy is free for the next writer when that copy ends, not before: so the order in which
//! a caller ends the two does not matter.

/// Where the writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    /// Nobody has the turn.
    Free,
    /// Somebody has the turn, and does not touch the memory.
    Idle,
    /// The one who has the turn is copying.
    Copying,
    /// The one who had the turn gave it back while copying.
    Leaving,
}

/// Who is reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Readers {
    /// Nobody.
    None,
    /// One, and it shares with no other.
    Alone,
    /// So many, never 0, that share.
    Shared(u32),
}

/// Who is using an instance's memory: see the [module](self).
///
/// # Invariants
///
/// While `overhauling`, `readers` is not `Alone` and `writer` is `Free` or `Idle`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    writer: Writer,
    readers: Readers,
    overhauling: bool,
}

impl Gate {
    /// A gate that nobody uses.
    pub const fn new() -> Gate {
        Gate {
            writer: Writer::Free,
            readers: Readers::None,
            overhauling: false,
        }
    }

    /// Takes the write turn, if it is free.
    #[must_use]
    pub fn take_write_turn(&mut self) -> bool {
        let free = self.write_turn_free();
        if free {
            self.writer = Writer::Idle;
        }
        free
    }

    /// Whether [`Gate::take_write_turn`] would get the turn now.
    pub fn write_turn_free(&self) -> bool {
        self.writer == Writer::Free
    }

    /// Begins a copy into the memory, for the writer that has the turn, unless one is under way or
    /// an overhaul is.
    #[must_use]
    pub fn begin_write_copy(&mut self) -> bool {
        let may = self.writer == Writer::Idle && !self.overhauling;
        if may {
            self.writer = Writer::Copying;
        }
        may
    }

    /// Ends the copy; the writer keeps its turn.
    pub fn end_write_copy(&mut self) {
        self.writer = match self.writer {
            Writer::Copying => Writer::Idle,
            Writer::Leaving => Writer::Free,
            other => other,
        };
    }

    /// Gives the turn back; if its copy is still under way, as soon as that ends.
    pub fn release_write_turn(&mut self) {
        self.writer = match self.writer {
            Writer::Idle => Writer::Free,
            Writer::Copying => Writer::Leaving,
            other => other,
        };
    }

    /// Begins a copy out of the memory by a reader that shares with no other, unless anybody is
    /// reading or an overhaul is under way.
    #[must_use]
    pub fn begin_read_alone(&mut self) -> bool {
        let may = self.read_alone_free();
        if may {
            self.readers = Readers::Alone;
        }
        may
    }

    /// Whether [`Gate::begin_read_alone`] would succeed now.
    pub fn read_alone_free(&self) -> bool {
        self.readers == Readers::None && !self.overhauling
    }

    /// Ends the copy of the reader that is alone.
    pub fn end_read_alone(&mut self) {
        if self.reading_alone() {
            self.readers = Readers::None;
        }
    }

    /// Whether a reader that shares with no other is copying now.
    pub fn reading_alone(&self) -> bool {
        self.readers == Readers::Alone
    }

    /// Whether readers that share are copying now.
    pub fn reading_shared(&self) -> bool {
        matches!(self.readers, Readers::Shared(_))
    }

    /// Begins a copy out of the memory beside other shared readers, and beside an overhaul, unless a
    /// reader is alone or `u32::MAX` readers share already.
    #[must_use]
    pub fn begin_read_shared(&mut self) -> bool {
        let before = match self.readers {
            Readers::None => 0,
            Readers::Shared(count) => count,
            Readers::Alone => return false,
        };
        match before.checked_add(1) {
            Some(count) => {
                self.readers = Readers::Shared(count);
                true
            }
            None => false,
        }
    }

    /// Ends the copy of one shared reader.
    pub fn end_read_shared(&mut self) {
        if let Readers::Shared(count) = self.readers {
            self.readers = match count.saturating_sub(1) {
                0 => Readers::None,
                left => Readers::Shared(left),
            };
        }
    }

    /// Begins an overhaul, if the memory is [idle](Gate::idle).
    #[must_use]
    pub fn begin_overhaul(&mut self) -> bool {
        let may = self.idle();
        if may {
            self.overhauling = true;
        }
        may
    }

    /// Ends the overhaul.
    pub fn end_overhaul(&mut self) {
        self.overhauling = false;
    }

    /// Whether an overhaul is under way.
    pub fn overhauling(&self) -> bool {
        self.overhauling
    }

    /// Whether nobody is at work on the memory: no copy and no overhaul, so that
    /// [`Gate::begin_overhaul`] would succeed. A writer that has the turn and is not copying does
    /// not count.
    pub fn idle(&self) -> bool {
        let writer_off = matches!(self.writer, Writer::Free | Writer::Idle);
        writer_off && self.readers == Readers::None && !self.overhauling
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}
