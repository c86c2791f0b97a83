// SPDX-License-Identifier: GPL-2.0

//! The seam between an instance and the rules by which it stores and hands out data.
//!
//! A discipline is a type that implements [`Discipline`], in a file of its own under `discipline/`, with its
//! arithmetic in `queue/`. It is known to the rest of the driver by one line in the list at the end of this
//! file.
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
    queue::span::Spans,
};

mod buffer;
mod stream;

/// How reads are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A read takes bytes away, one reader at a time; a file has no position.
    Take,
    /// A read copies from the file's position, beside other readers; files can be sought.
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
    /// What a write meets when there is no room.
    pub(crate) full: Full,
    /// The `on_empty` of a new instance.
    pub(crate) on_empty: OnEmpty,
    /// The `max_capacity` of a new instance, in bytes.
    pub(crate) max_capacity: usize,
}

/// The largest `max_capacity` there can be, in bytes.
pub(crate) const CAPACITY_LIMIT: usize = MAX_LEN;

/// What [`Discipline::replace`] did.
pub(crate) struct Replaced {
    /// The memory that is no longer used, to be dropped without the lock.
    pub(crate) old: Arc<Memory>,
    /// The bytes that did not fit and are gone.
    pub(crate) truncated: usize,
}

/// The data of one instance: see the module's documentation for what holds for every method.
pub(crate) trait Discipline: Send {
    /// An empty one. Allocates, so it may sleep and is called without the lock.
    fn new(capacity: usize) -> Result<Self>
    where
        Self: Sized;

    /// What it lays down for all its instances.
    fn rules(&self) -> &'static Rules;

    /// The bytes of data that it may hold.
    fn capacity(&self) -> usize;

    /// The bytes that wait to be read.
    fn used(&self) -> usize;

    /// The bytes that a reader at this position could get. The position means nothing to [`Reading::Take`].
    fn available(&self, position: u64) -> usize;

    /// Where the next bytes for a reader at this position are, `max` at most.
    fn source(&self, position: u64, max: usize) -> Claim;

    /// The first `n` bytes of the last source have reached the reader.
    fn taken(&mut self, n: usize);

    /// The bytes that a write could add.
    fn room(&self) -> usize;

    /// Where the next bytes of a write go, `max` at most.
    fn target(&self, max: usize) -> Claim;

    /// The first `n` bytes of the last target have been filled.
    fn added(&mut self, n: usize);

    /// Drops everything; returns how many bytes that were.
    fn clear(&mut self) -> usize;

    /// What a change to this capacity would keep: the first bytes that a reader would get.
    fn kept(&self, capacity: usize) -> Claim;

    /// Goes over to memory of another capacity, to whose beginning [`Self::kept`] was copied.
    fn replace(&mut self, memory: Arc<Memory>) -> Replaced;

    /// The memory it uses.
    fn memory(&self) -> &Arc<Memory>;
}

/// A region of an instance's memory that somebody is about to copy into or out of.
///
/// It keeps the memory alive; that nobody else uses the region is for the instance's gate to see to.
pub(crate) struct Claim {
    memory: Arc<Memory>,
    spans: Spans,
}

impl Claim {
    fn new(memory: &Arc<Memory>, spans: Spans) -> Self {
        Self {
            memory: memory.clone(),
            spans,
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
        for span in self.spans.iter() {
            let copied = copy(&self.memory, span.offset, span.len);
            done = done.saturating_add(copied);
            if copied < span.len {
                break;
            }
        }
        done
    }
}

/// Makes, of the list of disciplines, the type that holds any one of them.
macro_rules! disciplines {
    ($($kind:ident => $type:ty),+ $(,)?) => {
        /// A discipline's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $(
                #[doc = concat!("[`", stringify!($type), "`]")]
                $kind,
            )+
        }

        impl Kind {
            const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// What it lays down.
            pub(crate) fn rules(self) -> &'static Rules {
                match self {
                    $(Self::$kind => &<$type>::RULES,)+
                }
            }
        }

        /// The names of all disciplines, the default first.
        pub(crate) const NAMES: [&str; Kind::ALL.len()] = [$(<$type>::RULES.name),+];

        /// The data of an instance, of whatever discipline.
        pub(crate) enum Store {
            $(
                #[doc = concat!("[`", stringify!($type), "`]")]
                $kind($type),
            )+
        }

        impl Store {
            /// An empty one of this kind; may sleep. Fails with ENOMEM.
            pub(crate) fn new(kind: Kind, capacity: usize) -> Result<Self> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(<$type>::new(capacity)?),)+
                })
            }
        }

        impl Deref for Store {
            type Target = dyn Discipline;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$kind(discipline) => discipline,)+
                }
            }
        }

        impl DerefMut for Store {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $(Self::$kind(discipline) => discipline,)+
                }
            }
        }
    };
}

// The list of disciplines: the first is the default.
disciplines! {
    Stream => stream::Stream,
    Buffer => buffer::Buffer,
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
