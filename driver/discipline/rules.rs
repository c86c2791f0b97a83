// SPDX-License-Identifier: GPL-2.0

//! What a discipline lays down once and for all, and the words for it.

#![forbid(unsafe_code)]

use crate::kapi::memory::MAX_LEN;

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
