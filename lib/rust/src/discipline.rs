// SPDX-License-Identifier: GPL-2.0

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
    }
}

impl Discipline {
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
        !matches!(self, Self::Buffer | Self::Log)
    }
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
