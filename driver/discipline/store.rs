// SPDX-License-Identifier: GPL-2.0

//! Any one of the disciplines: what is made of their list, and how a call finds the one that an instance has.
//!
//! Whoever adds a discipline need not come here.

#![forbid(unsafe_code)]

use kernel::prelude::*;

use super::{Cursor, Data, Kind, Rules};

/// The data of an instance, of whatever discipline.
pub(crate) struct Store {
    rules: &'static Rules,
    pub(super) data: Data,
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
    /// The one at this place in [`NAMES`](super::NAMES); the default if there is no such place.
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

/// Makes, of the list of disciplines, the types that hold any one of them. They become items of `discipline.rs`, whose
/// names this uses.
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
            /// The callers of this open that sleep among those who wait for a file to begin.
            pub(crate) asleep: usize,
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

        impl core::ops::Deref for Store {
            type Target = dyn Discipline;

            #[inline]
            fn deref(&self) -> &Self::Target {
                match &self.data {
                    $(Data::$kind(discipline) => discipline,)+
                }
            }
        }

        impl core::ops::DerefMut for Store {
            #[inline]
            fn deref_mut(&mut self) -> &mut Self::Target {
                match &mut self.data {
                    $(Data::$kind(discipline) => discipline,)+
                }
            }
        }
    };
}

pub(super) use disciplines;
