// SPDX-License-Identifier: GPL-2.0

//! Commands and structures of the ioctl interface.
//!
//! C header: `uapi/mydevice_ioctl.h`
//!
//! This is an ABI: nothing here is ever renumbered, moved or changed in size.

/// The type of every command, `'M'`.
pub const MYDEV_MAGIC: u32 = b'M' as u32;

/// Drops what is stored and zeroes the memory; wakes writers.
pub const MYDEV_CLEAR: u32 = io(0);
/// Sets the capacity in bytes, a `u32`; wakes both sides.
pub const MYDEV_RESIZE: u32 = iow::<u32>(1);
/// The counters of [`Status`].
pub const MYDEV_STATUS: u32 = ior::<Status>(2);
/// The counters of [`Stats`].
pub const MYDEV_STATS: u32 = ior::<Stats>(3);
/// Lets go of this open's file, so that its next read takes the next one (spool).
pub const MYDEV_NEXT: u32 = io(4);

/// The counters at one moment, as [`MYDEV_STATUS`] gives them.
///
/// Each field stays at its largest value where the true one does not fit; [`Stats`] has the counters
/// whole.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Capacity: the bytes of data that the instance may hold now.
    pub buffer_size: u32,
    /// The bytes that wait to be read.
    pub bytes_used: u32,
    /// Opens (open file descriptions) on the instance now.
    pub open_count: u32,
    /// Reads that moved at least one byte, since the instance was made.
    pub read_count: u32,
    /// Writes that moved at least one byte, since the instance was made.
    pub write_count: u32,
    /// 0.
    pub _reserved: u32,
}

impl Status {
    /// The fields in the order in which the structure has them: all that there is of it, without padding.
    pub const fn words(&self) -> [u32; 6] {
        [
            self.buffer_size,
            self.bytes_used,
            self.open_count,
            self.read_count,
            self.write_count,
            self._reserved,
        ]
    }
}

/// The counters since the instance was made, as [`MYDEV_STATS`] gives them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that reads handed out.
    pub bytes_read: u64,
    /// Bytes that writes took in.
    pub bytes_written: u64,
    /// Reads that moved at least one byte.
    pub reads: u64,
    /// Writes that moved at least one byte.
    pub writes: u64,
    /// Times a reader had to wait for data or for its turn.
    pub reader_waits: u64,
    /// Times a writer had to wait for room or for its turn.
    pub writer_waits: u64,
    /// Bytes that a shrinking [`MYDEV_RESIZE`] dropped.
    pub bytes_truncated: u64,
    /// Bytes that [`MYDEV_CLEAR`] dropped.
    pub bytes_cleared: u64,
    /// Bytes that newer ones pushed out (log).
    pub bytes_evicted: u64,
    /// Bytes that this open missed: evicted or cleared before it read them, or left by a read that failed (log).
    pub bytes_missed: u64,
    /// The most bytes that ever waited at once.
    pub high_water: u64,
    /// 0, for counters to come.
    pub _spare: [u64; 5],
}

impl Stats {
    /// The fields in the order in which the structure has them: all that there is of it, without padding.
    pub const fn words(&self) -> [u64; 16] {
        let [a, b, c, d, e] = self._spare;
        [
            self.bytes_read,
            self.bytes_written,
            self.reads,
            self.writes,
            self.reader_waits,
            self.writer_waits,
            self.bytes_truncated,
            self.bytes_cleared,
            self.bytes_evicted,
            self.bytes_missed,
            self.high_water,
            a,
            b,
            c,
            d,
            e,
        ]
    }
}

/// Where an architecture puts the direction of a command, and its values there.
struct Layout {
    shift: u32,
    none: u32,
    write: u32,
    read: u32,
}

const LAYOUT: Layout = if cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc",
    target_arch = "sparc64",
)) {
    Layout {
        shift: 29,
        none: 1,
        write: 4,
        read: 2,
    }
} else {
    // <asm-generic/ioctl.h>
    Layout {
        shift: 30,
        none: 0,
        write: 1,
        read: 2,
    }
};

/// `_IO`: a command without an argument.
const fn io(number: u32) -> u32 {
    ioc(LAYOUT.none, number, 0)
}

/// `_IOR`: a command that user space reads a `T` from.
const fn ior<T>(number: u32) -> u32 {
    ioc(LAYOUT.read, number, size_of::<T>())
}

/// `_IOW`: a command that user space hands a `T` to.
const fn iow<T>(number: u32) -> u32 {
    ioc(LAYOUT.write, number, size_of::<T>())
}

/// `_IOC`: direction, size, magic and number in one word.
const fn ioc(direction: u32, number: u32, size: usize) -> u32 {
    (direction << LAYOUT.shift) | ((size as u32) << 16) | (MYDEV_MAGIC << 8) | number
}
