// SPDX-License-Identifier: GPL-2.0

//! One open of a modelled instance: what the contract gives to each open by itself.

/// An open file description.
#[derive(Clone, Debug)]
pub struct Open {
    /// Open for reading.
    pub read: bool,
    /// Open for writing.
    pub write: bool,
    /// With `O_NONBLOCK`.
    pub nonblock: bool,
    /// There has been a writer since it was opened (`hangup`).
    pub seen_writer: bool,
    /// Where it reads next (`buffer`).
    pub position: u64,
    /// The number of the record that it reads next (`log`).
    pub record: u64,
    /// What it has had of that record.
    pub had: usize,
    /// Bytes that went before it read them (`log`).
    pub missed: u64,
    /// The size last refused (`stack`), at first 1 byte.
    pub refused: usize,
    /// The file that it reads (`spool`).
    pub claim: Claim,
    /// It has had a byte of that file.
    pub got: bool,
    /// The file that it writes (`spool`).
    pub own: Option<u64>,
}

/// What an open reads of a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing yet.
    Nothing,
    /// That file.
    File(u64),
    /// A file of which nothing is left, and nothing will come: it reads 0.
    Ended,
}

/// A record of a log or a stack.
#[derive(Clone, Debug)]
pub struct Record {
    /// Records are numbered in the order of their writes.
    pub number: u64,
    /// What is left of it.
    pub bytes: Vec<u8>,
}

/// A file of a spool.
#[derive(Clone, Debug)]
pub struct File {
    /// Files are numbered in the order of their first writes.
    pub number: u64,
    /// What is stored of it.
    pub bytes: std::collections::VecDeque<u8>,
    /// Its writer is still there.
    pub unfinished: bool,
    /// An open reads it.
    pub claimed: bool,
}
