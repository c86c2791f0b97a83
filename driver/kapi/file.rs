// SPDX-License-Identifier: GPL-2.0

//! The file operations of a character device, whole: what `kernel::miscdevice` has, and poll, splice,
//! seeking and SIGIO.
//!
//! A driver implements [`FileOperations`] for a type of its own and registers devices with it by
//! [`super::device::Registration`]. The operations that it does not implement are absent, and the VFS does
//! what it does for an absent operation. SIGIO needs none: a device has its lists from its registration.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h) (`struct file_operations`)

use core::marker::PhantomData;
use kernel::{
    bindings,
    error::{from_result, to_result, VTABLE_DEFAULT_ERROR},
    fs::{file::flags, File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    prelude::*,
    types::{ForeignOwnable, Opaque},
    ModuleMetadata,
};

use super::{
    compat::this_module,
    device::Node,
    fasync::Band,
    poll::{Events, PollTable},
    raw,
    user::UserBuffer,
};

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
/// Both pointers are valid, and the file is inside its `open` operation, so nobody else uses it yet.
pub struct Opening {
    file: *mut bindings::file,
    inode: *mut bindings::inode,
}

impl Opening {
    /// How the file may be used, and its flags.
    pub fn file(&self) -> &File {
        // SAFETY: The file is valid while it is being opened, and no `fdget_pos` region can exist for a file
        // that nobody has a descriptor of yet.
        unsafe { File::from_raw_file(self.file) }
    }

    /// Whether the file can be read.
    pub fn reads(&self) -> bool {
        access(self.file().flags()).0
    }

    /// Whether the file can be written.
    pub fn writes(&self) -> bool {
        access(self.file().flags()).1
    }

    /// Makes the file one without a position: `lseek`, `pread` and `pwrite` give ESPIPE.
    pub fn stream(&self) {
        // SAFETY: Both are valid while the file is being opened; it always succeeds.
        unsafe { bindings::stream_open(self.inode, self.file) };
    }

    /// Promises that reads and writes honour `IOCB_NOWAIT` ([`nonblocking`]), so that io_uring tries them
    /// without a worker thread.
    pub fn nowait(&self) {
        // SAFETY: Nobody else has the file yet.
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
    // SAFETY: The file is valid. Other tasks may move its position at any time, so it is read once, whole.
    unsafe { (&raw const (*file.as_ptr()).f_pos).read_volatile() }
}

/// The standard ioctl command: how many bytes a read could get now, an `int`.
pub const FIONREAD: u32 = raw::FIONREAD;

/// The `struct file_operations` that lead to `T`.
pub(super) const fn operations<T: FileOperations>() -> &'static bindings::file_operations {
    &Vtable::<T>::OPERATIONS
}

/// The C side of [`FileOperations`].
///
/// Every function here is called by the VFS for files of devices registered with [`operations::<T>`], with
/// valid pointers; all but `open` between the end of `open` and the end of `release`.
///
/// [`File::from_raw_file`] asks that no `fdget_pos` region of the file is without its lock, while that of a character
/// device always is (`file_needs_f_pos_lock`). What the lock is for is the position, and of that [`File`] gives away
/// nothing; [`position`] reads it once, whole, from a field that other tasks may be writing.
struct Vtable<T>(PhantomData<T>);

impl<T: FileOperations> Vtable<T> {
    const OPERATIONS: bindings::file_operations = bindings::file_operations {
        owner: this_module::<T::Module>().as_ptr(),
        open: Some(Self::open),
        release: Some(Self::release),
        read_iter: if T::HAS_READ_ITER {
            Some(Self::read_iter)
        } else {
            None
        },
        write_iter: if T::HAS_WRITE_ITER {
            Some(Self::write_iter)
        } else {
            None
        },
        read: if T::HAS_READ_BUFFER {
            Some(Self::read)
        } else {
            None
        },
        write: if T::HAS_WRITE_BUFFER {
            Some(Self::write)
        } else {
            None
        },
        // Both go through the iterators above.
        splice_read: if T::HAS_READ_ITER {
            Some(bindings::copy_splice_read)
        } else {
            None
        },
        splice_write: if T::HAS_WRITE_ITER {
            Some(bindings::iter_file_splice_write)
        } else {
            None
        },
        poll: if T::HAS_POLL { Some(Self::poll) } else { None },
        unlocked_ioctl: if T::HAS_IOCTL {
            Some(Self::ioctl)
        } else {
            None
        },
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: if T::HAS_IOCTL {
            bindings::compat_ptr_ioctl
        } else {
            None
        },
        llseek: if T::HAS_SEEK_END {
            Some(Self::llseek)
        } else {
            None
        },
        fasync: Some(Self::fasync),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// `file` must be between the end of `open` and the beginning of `release` for all of `'a`.
    unsafe fn private<'a>(file: *mut bindings::file) -> <T::Ptr as ForeignOwnable>::Borrowed<'a> {
        // SAFETY: `open` put there what `into_foreign` gave, and `release` takes it back.
        unsafe { <T::Ptr as ForeignOwnable>::borrow((*file).private_data) }
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        from_result(|| {
            // SAFETY: Devices with these operations are `Node<T>`s, and this inode is being opened.
            let device = unsafe { Node::<T>::of_inode(inode) };
            // INVARIANT: This is its `open` operation.
            let ptr = T::open(device, &Opening { file, inode })?;
            // SAFETY: A file that is being opened is ours.
            unsafe { (*file).private_data = ptr.into_foreign() };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn release(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `open` put it there, and nobody uses it after the file's release.
        T::release(unsafe { T::Ptr::from_foreign((*file).private_data) });
        0
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn read_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: Both are valid for the call; the file's private data is a `T::Ptr`; the VFS reads into
        // destinations only.
        let (kiocb, iov) = unsafe { (Kiocb::from_raw(kiocb), IovIterDest::from_raw(iter)) };
        let room = iov.len();
        from_result(|| {
            let n = T::read_iter(kiocb, iov)?;
            // Never more than was put there: splice would hand on pages that nobody wrote.
            Ok(n.min(room.saturating_sub(iov.len())) as isize)
        })
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn write_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: As in `read_iter`; the VFS writes from sources only.
        let (kiocb, iov) = unsafe { (Kiocb::from_raw(kiocb), IovIterSource::from_raw(iter)) };
        let len = iov.len();
        from_result(|| {
            let n = T::write_iter(kiocb, iov)?;
            // Never more than was taken: splice would look for the rest beyond the pipe's last buffer.
            Ok(n.min(len.saturating_sub(iov.len())) as isize)
        })
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn read(
        file: *mut bindings::file,
        buffer: *mut c_char,
        len: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The private data stays until `release`, and so does the file; for `fdget_pos` see [`Vtable`].
        let (ptr, at) = unsafe { (Self::private(file), File::from_raw_file(file)) };
        match T::read_buffer(ptr, at, UserBuffer::new(buffer, len)) {
            Some(result) => Self::moved(result, len),
            // SAFETY: Everything is as the VFS gave it.
            None => unsafe {
                Self::iterate(
                    bindings::ITER_DEST,
                    file,
                    buffer,
                    len,
                    position,
                    Self::read_iter,
                )
            },
        }
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn write(
        file: *mut bindings::file,
        buffer: *const c_char,
        len: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        let buffer = buffer.cast_mut();
        // SAFETY: As in `read`.
        let (ptr, at) = unsafe { (Self::private(file), File::from_raw_file(file)) };
        match T::write_buffer(ptr, at, UserBuffer::new(buffer, len)) {
            Some(result) => Self::moved(result, len),
            // SAFETY: Everything is as the VFS gave it.
            None => unsafe {
                Self::iterate(
                    bindings::ITER_SOURCE,
                    file,
                    buffer,
                    len,
                    position,
                    Self::write_iter,
                )
            },
        }
    }

    /// What `read` and `write` return to the VFS, which has asked for at most `MAX_RW_COUNT` bytes.
    fn moved(result: Result<usize>, asked: usize) -> isize {
        match result {
            Ok(n) => n.min(asked) as isize,
            Err(error) => error.to_errno() as isize,
        }
    }

    /// Does with an iterator over one buffer what the VFS does for files without `read` and `write`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read`]; `direction` is the one of `transfer`.
    unsafe fn iterate(
        direction: u32,
        file: *mut bindings::file,
        buffer: *mut c_char,
        len: usize,
        position: *mut bindings::loff_t,
        transfer: unsafe extern "C" fn(*mut bindings::kiocb, *mut bindings::iov_iter) -> isize,
    ) -> isize {
        let iter = Opaque::uninit();
        // SAFETY: The iterator is ours, and is initialised unless this fails.
        let result =
            unsafe { bindings::import_ubuf(direction as c_int, buffer.cast(), len, iter.get()) };
        if let Err(error) = to_result(result) {
            return error.to_errno() as isize;
        }
        // SAFETY: File and position are valid, the latter unless it is null: then the file has none.
        unsafe {
            let mut kiocb = bindings::kiocb {
                ki_filp: file,
                ki_flags: (&raw const (*file).f_iocb_flags).read_volatile() as c_int,
                ki_pos: position.as_ref().copied().unwrap_or(0),
                ..pin_init::zeroed()
            };
            let result = transfer(&raw mut kiocb, iter.get());
            if let Some(position) = position.as_mut() {
                *position = kiocb.ki_pos;
            }
            result
        }
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) -> bindings::__poll_t {
        // SAFETY: Whoever polls holds a reference to the file during this call, epoll included (`epi_fget`), so the
        // file is valid and not yet released. Entries that stay behind are taken out before `release`: by the
        // end of the system call for `poll` and `select`, by io_uring, which keeps its reference until then, and
        // by `eventpoll_release`, which `__fput` calls first.
        let (ptr, table, file) = unsafe {
            (
                Self::private(file),
                PollTable::from_raw(file, table),
                File::from_raw_file(file),
            )
        };
        T::poll(ptr, file, table).bits()
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn ioctl(file: *mut bindings::file, cmd: c_uint, arg: c_ulong) -> c_long {
        // SAFETY: The private data stays until `release`, and so does the file; for `fdget_pos` see [`Vtable`].
        let (ptr, file) = unsafe { (Self::private(file), File::from_raw_file(file)) };
        from_result(|| Ok(T::ioctl(ptr, file, cmd, arg)? as c_long))
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn llseek(
        file: *mut bindings::file,
        offset: bindings::loff_t,
        whence: c_int,
    ) -> bindings::loff_t {
        // SAFETY: The private data stays until `release`.
        let SeekEnd { end, max } = T::seek_end(unsafe { Self::private(file) });
        // SAFETY: The file is valid; this changes nothing but its position, in the way of regular files.
        unsafe { bindings::generic_file_llseek_size(file, offset, whence, max, end) }
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe extern "C" fn fasync(fd: c_int, file: *mut bindings::file, on: c_int) -> c_int {
        // SAFETY: This is called of open files, the last time right before `release`.
        let (lists, file_flags) = unsafe {
            (
                Node::<T>::fasync_of(file),
                (&raw const (*file).f_flags).read_volatile(),
            )
        };
        // The access mode never changes, so the file is always put on the same lists.
        let bands: &[Band] = match (on != 0, access(file_flags)) {
            (true, (true, true)) => &[Band::In, Band::Out],
            (true, (true, false)) => &[Band::In],
            (true, (false, true)) => &[Band::Out],
            _ => &[],
        };
        // SAFETY: The file is valid, though at its last close nobody has a reference to it any more. `__fput` calls this
        // function of files with FASYNC, and the lists of a file are always the same.
        from_result(|| unsafe { lists.set(bands, fd, file) }.map(|()| 0))
    }
}

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
