// SPDX-License-Identifier: GPL-2.0

//! The C side of [`FileOperations`]: the functions that the VFS calls, and the table of them.
//!
//! Each takes what C gives it, calls the type's own operation, and gives C what came of it. What may be believed of the
//! pointers stands at [`Vtable`]; `SAFETY` comments go back to that.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h) (`struct file_operations`)

use core::marker::PhantomData;
use kernel::{
    bindings,
    error::to_result,
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    prelude::*,
    types::{ForeignOwnable, Opaque},
};

use super::{
    super::{
        callback::{ended, from_ended},
        compat::this_module,
        device::Node,
        fasync::Band,
        poll::PollTable,
        user::UserBuffer,
    },
    access, FileOperations, Opening, SeekEnd,
};

/// The `struct file_operations` that lead to `T`.
pub(in super::super) const fn operations<T: FileOperations>() -> &'static bindings::file_operations
{
    &Vtable::<T>::OPERATIONS
}

/// The C side of [`FileOperations`].
///
/// Every function here is called by the VFS for files of devices registered with [`operations::<T>`], with
/// valid pointers; all but `open` between the end of `open` and the end of `release`.
///
/// [`File::from_raw_file`] asks that no `fdget_pos` region of the file is without its lock, while that of a character
/// device always is (`file_needs_f_pos_lock`). What the lock is for is the position, and of that [`File`] gives away
/// nothing; [`position`](super::position) reads it once, from a field that other tasks may be writing.
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
        from_ended(|| {
            // SAFETY: Devices with these operations are `Node<T>`s, and this inode is being opened.
            let device = unsafe { Node::<T>::of_inode(inode) };
            // INVARIANT: This is its `open` operation: the VFS gives it a descriptor afterwards.
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
        from_ended(|| {
            let n = T::read_iter(kiocb, iov)?;
            // Never more than the iterator went on: splice would look for the rest beyond its last page.
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
        from_ended(|| {
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
            Err(error) => ended(error).to_errno() as isize,
        }
    }

    /// Does with an iterator over one buffer what the VFS does for files without `read` and `write`, but that the request has
    /// no I/O priority.
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
            if let (Some(position), true) = (position.as_mut(), result > 0) {
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
        from_ended(|| Ok(T::ioctl(ptr, file, cmd, arg)? as c_long))
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
        from_ended(|| unsafe { lists.set(bands, fd, file) }.map(|()| 0))
    }
}
