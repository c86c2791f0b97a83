// SPDX-License-Identifier: GPL-2.0

use crate::words::words;

words! {
    /// A file of an instance in sysfs.
    pub enum Attribute {
        /// The rule by which the instance stores and hands out data.
        Discipline = "discipline",
        /// Bytes of data that the instance may hold now.
        Capacity = "capacity",
        /// The largest capacity that it may be given, or grow to.
        MaxCapacity = "max_capacity",
        /// What a read meets when there is nothing for it.
        OnEmpty = "on_empty",
        /// How long a read waits for data, in milliseconds; 0 is without end.
        ReadTimeoutMs = "read_timeout_ms",
        /// Bytes that wait to be read.
        BytesUsed = "bytes_used",
        /// The most bytes that were ever stored at once.
        HighWater = "high_water",
        /// Open files that can be read.
        Readers = "readers",
        /// Open files that can be written.
        Writers = "writers",
        /// Tasks that sleep in a read now.
        WaitingReaders = "waiting_readers",
        /// Tasks that sleep in a write now.
        WaitingWriters = "waiting_writers",
    }
}

impl Attribute {
    /// Whether root can set it.
    pub const fn is_writable(self) -> bool {
        matches!(
            self,
            Self::Discipline
                | Self::Capacity
                | Self::MaxCapacity
                | Self::OnEmpty
                | Self::ReadTimeoutMs
        )
    }
}
