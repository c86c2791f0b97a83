// SPDX-License-Identifier: GPL-2.0

//! The seam between an instance and the rules by which it stores and hands out data.
//!
//! A discipline is a type that implements [`Discipline`], in a file of its own under `discipline/`, with its
//! arithmetic in `queue/`. Beside it the file has a type `Place`, for what the discipline knows of each open. It is
//! known to the rest of the driver by one line in the list at the end of this file.
//!
//! How a discipline takes what is written it chooses among three ways ([`Inlet`]): bytes copied to where they will be
//! read; records, copied before they are queued; and bytes of a file for each open.
//!
//! The instance does everything that the disciplines have in common: turns, sleeping, waking, counting, and
//! the copying itself, which happens without a lock. A discipline only says where bytes are. So each method
//! is called with the instance's lock held, must not sleep, and takes time that does not depend on how much
//! is stored, except where it says otherwise.

#![forbid(unsafe_code)]

use core::ops::{Deref, DerefMut};
use kernel::{
    iov::{IovIterDest, IovIterSource},
    prelude::*,
    sync::Arc,
};

use crate::{
    kapi::memory::{Memory, MAX_LEN},
    queue::{backlog::Piece, extent::Extent, ring::Ring, span::Spans},
};

mod chain;
mod list;

pub(crate) use chain::Block;
pub(crate) use spool::{File, Filled};

/// How reads are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A read takes bytes away, one reader at a time.
    Take,
    /// A read copies from its open's position, beside other readers.
    Copy,
}

/// What a write meets when there is no room at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// It waits, and a write that fits in part goes on when there is room again.
    Wait,
    /// ENOSPC, and a write that fits in part ends there.
    NoSpace,
}

/// What a read meets when there is nothing for it: the attribute `on_empty`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnEmpty {
    /// It waits.
    Block,
    /// It gets 0 at once.
    Eof,
    /// It waits while there is a writer, or its open has seen none yet; else it gets 0, as with a named pipe.
    Hangup,
}

impl OnEmpty {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Block, "block"),
        (Self::Eof, "eof"),
        (Self::Hangup, "hangup"),
    ];

    /// Its name in sysfs.
    pub(crate) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(value, _)| *value == self);
        found.map_or("", |(_, name)| name)
    }

    /// The one with this name in sysfs.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(value, _)| *value)
    }
}

/// What a discipline lays down once and for all.
pub(crate) struct Rules {
    /// Its name, in the module parameter, in sysfs and in `/proc`.
    pub(crate) name: &'static str,
    /// How reads are served.
    pub(crate) reading: Reading,
    /// Files have a position that can be sought and named in a read.
    pub(crate) seeks: bool,
    /// A read ends where a record ends.
    pub(crate) whole_records: bool,
    /// Each open reads and writes a file of its own, so that each waits for something else.
    pub(crate) files: bool,
    /// What a write meets when there is no room.
    pub(crate) full: Full,
    /// The `on_empty` of a new instance.
    pub(crate) on_empty: OnEmpty,
    /// The capacity of a new instance, in bytes; none for that of the module's parameter.
    pub(crate) capacity: Option<usize>,
    /// The `max_capacity` of a new instance, in bytes.
    pub(crate) max_capacity: usize,
}

/// The largest `max_capacity` there can be, in bytes.
pub(crate) const CAPACITY_LIMIT: usize = MAX_LEN;

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

    /// An open is about to read.
    fn begin_read(&mut self, _cursor: &mut Cursor) {}

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
    fn close(&mut self, _cursor: &mut Cursor) {}

    /// The bytes that the next read of this open could get.
    fn available(&self, cursor: &Cursor) -> usize;

    /// Where the next bytes for this open are, `max` at most.
    fn source(&mut self, cursor: &mut Cursor, max: usize) -> Claim;

    /// The first `n` bytes of a source have reached the reader.
    fn taken(&mut self, cursor: &mut Cursor, claim: &Claim, n: usize);

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

    /// Adds the record in this block, for which there is room. False, and nothing is changed, if it has to be brought
    /// in another shape than it was asked for before.
    fn push(&mut self, record: &Arc<Block>) -> bool;

    /// Sets the capacity, dropping records that are too many, as far as the garbage takes them. Returns how many
    /// bytes were dropped, and whether it is done.
    fn resize(&mut self, capacity: usize, garbage: &mut Garbage) -> (usize, bool);
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

/// A region of an instance's memory that somebody is about to copy into or out of.
///
/// It keeps the memory alive; that nobody else uses the region is for the instance's gate to see to.
pub(crate) struct Claim {
    memory: Option<Arc<Memory>>,
    spans: Spans,
    /// The position behind it, where reads have a position.
    end: u64,
}

impl Claim {
    fn new(memory: &Arc<Memory>, spans: Spans) -> Self {
        Self {
            memory: Some(memory.clone()),
            spans,
            end: 0,
        }
    }

    /// Nothing.
    fn none() -> Self {
        Self {
            memory: None,
            spans: Spans::default(),
            end: 0,
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

/// Makes, of the list of disciplines, the types that hold any one of them.
macro_rules! disciplines {
    ($($module:ident: $kind:ident),+ $(,)?) => {
        $(mod $module;)+

        /// Where an open is in what it reads and writes.
        #[derive(Default)]
        pub(crate) struct Cursor {
            /// The next byte to read, where files can be sought.
            pub(crate) position: u64,
            /// The length of the write that was last refused for want of room.
            pub(crate) refused: usize,
            /// A write into the open's file is under way.
            pub(crate) writing: bool,
            $(
                #[doc = concat!("What [`", stringify!($module), "`] knows of it.")]
                #[allow(dead_code, reason = "some know nothing")]
                $module: $module::Place,
            )+
        }

        /// A discipline's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $(
                #[doc = concat!("[`", stringify!($module), "`]")]
                $kind,
            )+
        }

        impl Kind {
            const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// What it lays down.
            pub(crate) fn rules(self) -> &'static Rules {
                match self {
                    $(Self::$kind => &$module::$kind::RULES,)+
                }
            }
        }

        /// The names of all disciplines, the default first.
        pub(crate) const NAMES: [&str; Kind::ALL.len()] = [$($module::$kind::RULES.name),+];

        /// The data of an instance, by its discipline.
        enum Data {
            $($kind($module::$kind),)+
        }

        impl Data {
            fn new(kind: Kind, capacity: usize) -> Result<Self> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind($module::$kind::new(capacity)?),)+
                })
            }
        }

        // What is asked at each small read and write, called directly: by way of the table of a `dyn Discipline`, where
        // nothing can be inlined, it costs more than the answer.
        impl Store {
            /// [`Discipline::ring`].
            #[inline]
            pub(crate) fn ring(&mut self) -> Option<(&mut Ring, &Arc<Memory>)> {
                match &mut self.data {
                    $(Data::$kind(discipline) => discipline.ring(),)+
                }
            }

            /// [`Discipline::has_room`].
            #[inline]
            pub(crate) fn has_room(&self, len: usize) -> bool {
                match &self.data {
                    $(Data::$kind(discipline) => discipline.has_room(len),)+
                }
            }

            /// [`Discipline::offers`].
            #[inline]
            pub(crate) fn offers(&self) -> bool {
                match &self.data {
                    $(Data::$kind(discipline) => discipline.offers(),)+
                }
            }
        }

        impl Deref for Store {
            type Target = dyn Discipline;

            #[inline]
            fn deref(&self) -> &Self::Target {
                match &self.data {
                    $(Data::$kind(discipline) => discipline,)+
                }
            }
        }

        impl DerefMut for Store {
            #[inline]
            fn deref_mut(&mut self) -> &mut Self::Target {
                match &mut self.data {
                    $(Data::$kind(discipline) => discipline,)+
                }
            }
        }
    };
}

// The list of disciplines: the first is the default.
disciplines! {
    stream: Stream,
    buffer: Buffer,
    log: Log,
    spool: Spool,
    stack: Stack,
}

/// The data of an instance, of whatever discipline.
pub(crate) struct Store {
    rules: &'static Rules,
    data: Data,
}

impl Store {
    /// An empty one of this kind; may sleep. Fails with ENOMEM.
    pub(crate) fn new(kind: Kind, capacity: usize) -> Result<Self> {
        Ok(Self {
            rules: kind.rules(),
            data: Data::new(kind, capacity)?,
        })
    }

    /// What its discipline lays down.
    pub(crate) fn rules(&self) -> &'static Rules {
        self.rules
    }
}

impl Cursor {
    /// At this position.
    pub(crate) fn at(position: u64) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }
}

impl Kind {
    /// The one at this place in [`NAMES`]; the default if there is no such place.
    pub(crate) fn from_index(index: usize) -> Self {
        Self::ALL.get(index).copied().unwrap_or(Self::Stream)
    }

    /// The one with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.rules().name == name)
    }
}
