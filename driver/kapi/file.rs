// SPDX-License-Identifier: GPL-2.0

//! The file operations of a character device, whole: what `kernel::miscdevice` has, and poll, splice,
//! seeking and SIGIO.
//!
//! A driver implements [`FileOperations`] for a type of its own and registers devices with it by
//! [`super::device::Registration`]. The operations that it does not implement are absent, and the VFS does
//! what it does for an absent operation. SIGIO needs none: a device has its lists from its registration.
//!
//! Here is what such a type implements, and what it may ask of a file. How the VFS gets there is in [`table`].
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h) (`struct file_operations`)

use kernel::{
    bindings,
    error::VTABLE_DEFAULT_ERROR,
    fs::{file::flags, File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    page::PAGE_MASK,
    prelude::*,
    types::ForeignOwnable,
    ModuleMetadata,
};

use super::{
    poll::{Events, PollTable},
    raw,
    user::UserBuffer,
};

mod table;

pub(super) use table::operations;

/// The most bytes that one call of `read`, `write` or their kin moves: the VFS cuts longer ones to this. So who is given
/// as much does not know whether that is all.
pub const MAX_RW_COUNT: usize = c_int::MAX as usize & PAGE_MASK;

/// The operations of a character device's files.
///
/// All but [`Self::open`] and [`Self::release`] may run at the same time, on the same file too, and all may
/// sleep unless they say otherwise.
#[vtable]
pub trait FileOperations: Sized + 'static {
    /// What belongs to a device and is given when it is registered.
    type Device: Send + Sync + 'static;

    /// What belongs to an open file.
    type Ptr: ForeignOwnable + Send + Sync + 'static;

    /// The module that must stay loaded while a file is open.
    type Module: ModuleMetadata;

    /// A file is opened. What is returned is the file's own until [`Self::release`].
    fn open(device: &Self::Device, file: &Opening) -> Result<Self::Ptr>;

    /// The last descriptor of a file was closed.
    fn release(ptr: Self::Ptr) {
        drop(ptr);
    }

    /// `read`, `readv`, `pread` and what else ends in a read.
    ///
    /// The destination is empty for a `read` of length 0; a `readv` of length 0 does not get here. The same goes
    /// for writing.
    fn read_iter(_kiocb: Kiocb<'_, Self::Ptr>, _iov: &mut IovIterDest<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `write`, `writev`, `pwrite` and what else ends in a write.
    fn write_iter(_kiocb: Kiocb<'_, Self::Ptr>, _iov: &mut IovIterSource<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A `read` into one buffer, if there is a shorter way for it than [`Self::read_iter`], which is gone if this gives
    /// none. Then it must have moved nothing.
    ///
    /// A driver that has this saves the kernel the descriptions of the transfer. It loses `kernel_read`, as the kernel
    /// refuses that of files which have both ways (and `kernel_write` in the same way).
    fn read_buffer(
        _ptr: <Self::Ptr as ForeignOwnable>::Borrowed<'_>,
        _file: &File,
        _to: UserBuffer,
    ) -> Option<Result<usize>> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A `write` from one buffer, under the same conditions as [`Self::read_buffer`].
    fn write_buffer(
        _ptr: <Self::Ptr as ForeignOwnable>::Borrowed<'_>,
        _file: &File,
        _from: UserBuffer,
    ) -> Option<Result<usize>> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `poll`, `select`, `epoll` and io_uring's poll: registers the queues that tell of changes, then says
    /// what is true now.
    ///
    /// Must not sleep: epoll calls it under its own locks.
    fn poll<'file>(
        _ptr: <Self::Ptr as ForeignOwnable>::Borrowed<'file>,
        _file: &File,
        _table: PollTable<'file>,
    ) -> Events {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `ioctl`, of 32-bit programs as well: the argument is a pointer or unused, and structures have the
    /// same layout for both.
    fn ioctl(
        _ptr: <Self::Ptr as ForeignOwnable>::Borrowed<'_>,
        _file: &File,
        _cmd: u32,
        _arg: usize,
    ) -> Result<isize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The place that `SEEK_END` counts from, and beyond which `lseek` does not go, for files that were
    /// not opened as streams ([`Opening::stream`]).
    fn seek_end(_ptr: <Self::Ptr as ForeignOwnable>::Borrowed<'_>) -> SeekEnd {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// Where seeking goes, see [`FileOperations::seek_end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeekEnd {
    /// What `SEEK_END` counts from: the number of bytes there are.
    pub end: i64,
    /// The largest position.
    pub max: i64,
}

/// A file that is being opened, and what may be set only now.
///
/// # Invariants
///
/// Both pointers are valid, and the file is inside its `open` operation. Nobody else has it yet, and nobody gets it from
/// here: a reference to it could be counted, and put behind a descriptor before its private data is there.
pub struct Opening {
    file: *mut bindings::file,
    inode: *mut bindings::inode,
}

impl Opening {
    /// The flags that the file is opened with.
    pub fn flags(&self) -> u32 {
        // SAFETY: By the invariants the file is valid, and nobody else has it who could change them.
        unsafe { (*self.file).f_flags }
    }

    /// Whether the file can be read.
    pub fn reads(&self) -> bool {
        access(self.flags()).0
    }

    /// Whether the file can be written.
    pub fn writes(&self) -> bool {
        access(self.flags()).1
    }

    /// Makes the file one without a position: `lseek`, `pread` and `pwrite` give ESPIPE.
    pub fn stream(&self) {
        // SAFETY: By the invariants both are valid, and nobody else has the file; it always succeeds.
        unsafe { bindings::stream_open(self.inode, self.file) };
    }

    /// Promises that reads and writes honour `IOCB_NOWAIT` ([`nonblocking`]), so that io_uring tries them
    /// without a worker thread.
    pub fn nowait(&self) {
        // SAFETY: By the invariants the file is valid and nobody else has it, and this value belongs to one task.
        unsafe { (*self.file).f_mode |= raw::FMODE_NOWAIT };
    }
}

/// Whether a read or write must not wait: `O_NONBLOCK` on the file, `RWF_NOWAIT`, or io_uring's first try.
pub fn nonblocking<T: ForeignOwnable>(kiocb: &Kiocb<'_, T>) -> bool {
    // SAFETY: By the invariants of `Kiocb` it is valid, and so is its file. The flags of the file may change
    // at any time (`fcntl`), so they are read once, as `iocb_flags` and pipes do.
    let (kiocb_flags, file_flags) = unsafe {
        let raw = kiocb.as_raw();
        (
            (*raw).ki_flags,
            (&raw const (*(*raw).ki_filp).f_flags).read_volatile(),
        )
    };
    kiocb_flags & raw::IOCB_NOWAIT != 0 || file_flags & flags::O_NONBLOCK != 0
}

/// Whether calls on the file must not wait, as far as it says itself.
pub fn is_nonblocking(file: &File) -> bool {
    file.flags() & flags::O_NONBLOCK != 0
}

/// The file's position, for those who are not given one.
pub fn position(file: &File) -> i64 {
    // SAFETY: The file is valid. Other tasks may move its position at any time, so it is read once:
    // whole where a register holds 64 bits, elsewhere as the VFS itself reads it.
    unsafe { (&raw const (*file.as_ptr()).f_pos).read_volatile() }
}

/// The standard ioctl command: how many bytes a read could get now, an `int`.
pub const FIONREAD: u32 = raw::FIONREAD;

/// Whether a file with these flags can be read, and whether it can be written.
fn access(file_flags: u32) -> (bool, bool) {
    match file_flags & flags::O_ACCMODE {
        flags::O_RDONLY => (true, false),
        flags::O_WRONLY => (false, true),
        flags::O_RDWR => (true, true),
        // For `ioctl` alone.
        _ => (false, false),
    }
}
