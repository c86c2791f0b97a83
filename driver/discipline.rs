// SPDX-License-Identifier: GPL-2.0

//! The seam between an instance and the rules by which it stores and hands out data.
//!
//! A discipline is a type in a file of its own under `discipline/`, with its arithmetic in `queue/`. It provides
//!
//! - `RULES`: what holds for it once and for all ([`Rules`], in `discipline/rules.rs`);
//! - [`Discipline`], below: what it holds, and where the next bytes are;
//! - one of three ways to take what is written ([`Inlet`], below): bytes copied to where they will be read; records,
//!   copied before they are queued; and bytes of a file for each open;
//! - `Place`, beside the type: what it knows of each open.
//!
//! It is known to the rest of the driver by one line in the list at the end of this file. What is made of the list is
//! in `discipline/store.rs`.
//!
//! The instance does everything that the disciplines have in common: turns, sleeping, waking, counting, and
//! the copying itself, which happens without a lock. A discipline only says where bytes are. So each method
//! is called with the instance's lock held, must not sleep, and takes time that does not depend on how much
//! is stored, except where it says otherwise.

#![forbid(unsafe_code)]

use kernel::{prelude::*, sync::Arc};

use crate::{
    kapi::memory::Memory,
    queue::{backlog::Piece, extent::Extent, ring::Ring},
};

mod chain;
mod claim;
mod list;
mod rules;
mod store;

pub(crate) use chain::Block;
pub(crate) use claim::{Claim, Garbage};
pub(crate) use rules::{Full, OnEmpty, Reading, Rules, CAPACITY_LIMIT};
pub(crate) use spool::{File, Filled};
use store::disciplines;
pub(crate) use store::Store;

/// The data of one instance: see the module's documentation for what holds for every method.
pub(crate) trait Discipline: Send {
    /// An empty one. May allocate, so it is called without the lock.
    fn new(capacity: usize) -> Result<Self>
    where
        Self: Sized;

    /// The bytes of data that it may hold.
    fn capacity(&self) -> usize;

    /// The instance's `max_capacity` is this now.
    fn set_max_capacity(&mut self, _max: usize) {}

    /// The bytes that wait to be read.
    fn used(&self) -> usize;

    /// Where an open begins.
    fn cursor(&self) -> Cursor {
        Cursor::default()
    }

    /// Whether there is something for a reader that follows nothing yet.
    fn offers(&self) -> bool {
        self.used() > 0
    }

    /// An open is about to read. Whether it follows something from now on that it did not follow before.
    fn begin_read(&mut self, _cursor: &mut Cursor) -> bool {
        false
    }

    /// Whether this open waits for one thing to go on, rather than for the next that comes.
    fn follows(&self, _cursor: &Cursor) -> bool {
        false
    }

    /// Whether this open has come to an end, which no `on_empty` changes.
    fn is_over(&self, _cursor: &Cursor) -> bool {
        false
    }

    /// An open lets go of what it reads. Whether that means anything here.
    fn let_go(&mut self, _cursor: &mut Cursor) -> bool {
        false
    }

    /// An open ends.
    fn close(&mut self, _cursor: &mut Cursor) -> Closed {
        Closed::default()
    }

    /// The bytes that the next read of this open could get.
    fn available(&self, cursor: &Cursor) -> usize;

    /// Where the next bytes for this open are, `max` at most.
    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim;

    /// The first `n` bytes of a source have reached the reader. Whether its read may go on: not where the open has gone
    /// over to something else meanwhile.
    fn taken(&mut self, cursor: &mut Cursor, claim: &Claim, n: usize) -> bool;

    /// The bytes that this open missed.
    fn missed(&self, _cursor: &Cursor) -> u64 {
        0
    }

    /// Whether a write of `len` bytes, never 0, could begin now.
    fn has_room(&self, len: usize) -> bool;

    /// Whether a write of `len` bytes, never 0, through this open could begin now.
    fn room_for(&self, _cursor: &Cursor, len: usize) -> bool {
        self.has_room(len)
    }

    /// Its bytes, if all opens read and write the same ring of them and nothing else is to be known: then the instance
    /// has a shorter way for some transfers.
    fn ring(&mut self) -> Option<(&mut Ring, &Arc<Memory>)> {
        None
    }

    /// How writes come in.
    fn inlet(&mut self) -> Inlet<'_>;

    /// Drops what is stored, as far as the garbage takes it, and sees to it that memory which is given up is
    /// zeroed. Returns how many bytes were dropped, and whether it is empty now.
    fn clear(&mut self, garbage: &mut Garbage) -> (usize, bool);
}

/// What the end of an open has left, see [`Discipline::close`].
#[derive(Default)]
pub(crate) struct Closed {
    /// There may be more to read for others, or an end.
    pub(crate) data: bool,
    /// There may be more room for them.
    pub(crate) room: bool,
    /// Memory that is no longer used, to be dropped without the lock.
    pub(crate) spare: Option<Arc<Memory>>,
}

/// How writes come in, see [`Discipline::inlet`].
pub(crate) enum Inlet<'a> {
    /// As bytes, copied to where they will be read.
    Bytes(&'a mut dyn Bytes),
    /// As records, whole.
    Records(&'a mut dyn Records),
    /// As bytes of their open's file.
    Files(&'a mut dyn Files),
}

/// A discipline whose writes add to their open's file.
pub(crate) trait Files {
    /// Whether the open has to be given a file before it can write.
    fn needs_file(&self, cursor: &Cursor) -> bool;

    /// Gives an open a file to write.
    fn give_file(&mut self, cursor: &mut Cursor, file: Arc<File>);

    /// How many bytes could be added to the open's file now.
    fn allowance(&self, cursor: &Cursor) -> usize;

    /// Begins a piece of a write of `max` bytes; none if there is no room.
    fn begin(&mut self, cursor: &mut Cursor, max: usize) -> Option<Piece>;

    /// Ends a piece, with the bytes that came, and how many, if any did. Returns how many were dropped at once.
    fn end(&mut self, cursor: &mut Cursor, piece: &Piece, filled: Option<(Filled, usize)>)
        -> usize;

    /// Sets the capacity. EBUSY if more is stored.
    fn set_limit(&mut self, capacity: usize) -> Result;
}

/// A discipline whose writes add bytes to one run of memory.
pub(crate) trait Bytes {
    /// Where the next bytes of a write go, `max` at most.
    fn target(&self, max: usize) -> Claim;

    /// The first `n` bytes of the last target have been filled.
    fn added(&mut self, n: usize);

    /// What a change to this capacity would keep: the first bytes that a reader would get.
    fn kept(&self, capacity: usize) -> Claim;

    /// The memory that it uses.
    fn memory(&self) -> &Arc<Memory>;

    /// Goes over to memory of another capacity, to whose beginning [`Self::kept`] was copied.
    fn replace(&mut self, memory: Arc<Memory>) -> Replaced;
}

/// What [`Bytes::replace`] did.
pub(crate) struct Replaced {
    /// The memory that is no longer used, to be dropped without the lock.
    pub(crate) old: Arc<Memory>,
    /// The bytes that did not fit and are gone.
    pub(crate) truncated: usize,
}

/// A discipline whose writes add a record each.
pub(crate) trait Records {
    /// The longest record that it could ever hold, in bytes.
    fn longest(&self) -> usize;

    /// Makes room for a record of `len` bytes by dropping others, as far as the garbage takes them. Returns how
    /// many bytes were dropped, and whether there is room now.
    fn make_room(&mut self, len: usize, garbage: &mut Garbage) -> (usize, bool);

    /// The memory in which a record of `len` bytes is to be brought.
    fn shape(&self, len: usize) -> Extent;

    /// Adds the record in this block, for which there is room. False, and nothing is changed, if it should rather be
    /// brought in another shape than it was asked for before; not where it is to be taken `as_it_is`.
    fn push(&mut self, record: &Arc<Block>, as_it_is: bool) -> bool;

    /// Sets the capacity, dropping records that are too many, as far as the garbage takes them. Returns how many
    /// bytes were dropped, and whether it is done.
    fn resize(&mut self, capacity: usize, garbage: &mut Garbage) -> (usize, bool);
}

// The list of disciplines: the first is the default.
disciplines! {
    stream: Stream,
    buffer: Buffer,
    log: Log,
    spool: Spool,
    stack: Stack,
}
