// SPDX-License-Identifier: GPL-2.0

//! Enums whose values are words in sysfs and `/proc`.

use std::{error, fmt, io};

/// A word that is none of those that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    pub(crate) word: String,
    pub(crate) known: &'static [&'static str],
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.join(", ");
        write!(f, "{:?} is none of {known}", self.word)
    }
}

impl error::Error for UnknownWord {}

/// For what the kernel says: a newer module may know more words than this crate.
impl From<UnknownWord> for io::Error {
    fn from(error: UnknownWord) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// Defines an enum with a word for each value; after `..` may stand one more, for words that are not known.
macro_rules! words {
    (
        $(#[$outer:meta])*
        pub enum $name:ident {
            $($(#[$inner:meta])* $value:ident = $word:literal,)+
            $(.. $(#[$rest:meta])* $other:ident)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$inner])* $value,)+
            $($(#[$rest])* #[non_exhaustive] $other(&'static str))?
        }

        impl $name {
            /// Every value that is known.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];
            /// The words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word in sysfs and `/proc`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                    $(Self::$other(word) => word)?
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$value),)+
                    _ => Err($crate::UnknownWord { word: word.to_owned(), known: Self::WORDS }),
                }
            }
        }
    };
}

pub(crate) use words;
