// SPDX-License-Identifier: GPL-2.0

//! What an instance counts: the figures behind STATUS, STATS and `/proc`.
//!
//! All of them stay at `u64::MAX` where the true figure is larger.

/// The counters of one instance since it was made; `opens` is how many there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Opens (open file descriptions) on the instance now.
    pub opens: u64,
    /// Reads that moved at least one byte.
    pub reads: u64,
    /// Writes that moved at least one byte.
    pub writes: u64,
    /// Bytes that reads handed out.
    pub bytes_read: u64,
    /// Bytes that writes took in.
    pub bytes_written: u64,
    /// Times a reader had to wait for data or for its turn.
    pub reader_waits: u64,
    /// Times a writer had to wait for room or for its turn.
    pub writer_waits: u64,
    /// Bytes that a shrinking RESIZE dropped.
    pub bytes_truncated: u64,
    /// Bytes that CLEAR dropped.
    pub bytes_cleared: u64,
    /// Bytes that newer ones pushed out.
    pub bytes_evicted: u64,
    /// The most bytes that ever waited at once.
    pub high_water: u64,
}

impl Counters {
    /// An open began.
    pub fn opened(&mut self) {
        add(&mut self.opens, 1);
    }

    /// An open ended. Without one, nothing changes.
    pub fn closed(&mut self) {
        self.opens = self.opens.saturating_sub(1);
    }

    /// A read moved `n` bytes; `first` if these are the first bytes of its call, which counts the
    /// call. 0 bytes count nothing, so a call stays at its first bytes until one has moved.
    pub fn read(&mut self, n: usize, first: bool) {
        if n > 0 && first {
            add(&mut self.reads, 1);
        }
        add(&mut self.bytes_read, n);
    }

    /// A write moved `n` bytes, `first` as for [`Counters::read`], and now `used` bytes wait to be
    /// read, which may be the most there ever were.
    pub fn write(&mut self, n: usize, first: bool, used: usize) {
        if n > 0 && first {
            add(&mut self.writes, 1);
        }
        add(&mut self.bytes_written, n);
        self.high_water = self.high_water.max(wide(used));
    }

    /// A reader has to wait.
    pub fn reader_waited(&mut self) {
        add(&mut self.reader_waits, 1);
    }

    /// A writer has to wait.
    pub fn writer_waited(&mut self) {
        add(&mut self.writer_waits, 1);
    }

    /// A shrinking RESIZE dropped `n` bytes.
    pub fn truncated(&mut self, n: usize) {
        add(&mut self.bytes_truncated, n);
    }

    /// CLEAR dropped `n` bytes.
    pub fn cleared(&mut self, n: usize) {
        add(&mut self.bytes_cleared, n);
    }

    /// Newer bytes pushed out `n` older ones.
    pub fn evicted(&mut self, n: usize) {
        add(&mut self.bytes_evicted, n);
    }
}

/// `value`, or `u32::MAX` if it is more than that: for the 32-bit fields of STATUS.
pub fn saturate(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn add(counter: &mut u64, n: usize) {
    *counter = counter.saturating_add(wide(n));
}

/// No supported machine has a `usize` of more than 64 bits; one that had would saturate.
fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
