// SPDX-License-Identifier: GPL-2.0

use std::sync::Mutex;

use crate::words::words;

words! {
    /// The rule by which an instance stores and hands out data.
    ///
    /// ```
    /// use mydevice::Discipline;
    ///
    /// assert_eq!("spool".parse(), Ok(Discipline::Spool));
    /// assert_eq!(Discipline::Spool.to_string(), "spool");
    /// ```
    pub enum Discipline {
        /// Bytes, first in first out, each read once.
        Stream = "stream",
        /// One growing text, which every reader reads from its beginning.
        Buffer = "buffer",
        /// The newest records; every reader sees each.
        Log = "log",
        /// Whole files, each for one reader.
        Spool = "spool",
        /// Records, the newest first.
        Stack = "stack",
        ..
        /// One that this crate does not know, by its name: a newer module may have more. What it keeps apart and whether its
        /// reads take is not known. [`Discipline::named`] makes it, and `Discipline::Other { .. }` matches it.
        Other
    }
}

impl Discipline {
    /// The one that the kernel calls so. Parsing, for what people write, takes known words alone.
    ///
    /// ```
    /// use mydevice::Discipline;
    ///
    /// assert_eq!(Discipline::named("log"), Discipline::Log);
    /// assert_eq!(Discipline::named("heap").as_str(), "heap");
    /// assert!("heap".parse::<Discipline>().is_err());
    /// ```
    pub fn named(name: &str) -> Self {
        name.parse().unwrap_or_else(|_| Self::Other(kept(name)))
    }

    /// Whether each write is a record that reads keep apart: see [`Records`](crate::Records).
    pub const fn keeps_records(self) -> bool {
        matches!(self, Self::Log | Self::Stack)
    }

    /// Whether what is written through one open is a file that reads keep apart: see [`Files`](crate::Files).
    pub const fn keeps_files(self) -> bool {
        matches!(self, Self::Spool)
    }

    /// Whether reading takes away what was read.
    pub const fn takes(self) -> bool {
        matches!(self, Self::Stream | Self::Spool | Self::Stack)
    }
}

/// The name, for as long as the program runs. Each is kept once, and a kernel has few.
fn kept(name: &str) -> &'static str {
    static NAMES: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(|broken| broken.into_inner());
    if let Some(known) = names.iter().find(|known| **known == name) {
        return known;
    }
    let name: &str = Box::leak(name.into());
    names.push(name);
    name
}

words! {
    /// What a read meets when there is nothing (more) for it.
    pub enum OnEmpty {
        /// It waits.
        Block = "block",
        /// It returns 0 at once.
        Eof = "eof",
        /// As in a named pipe: it waits until its open has seen a writer, and returns 0 after the last writer's close.
        Hangup = "hangup",
    }
}
