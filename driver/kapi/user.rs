// SPDX-License-Identifier: GPL-2.0

//! A buffer in user space, and copies to and from it: some that do not wait for its pages, and some that do.
//!
//! For the former `copy_to_user_nofault` would do, but for what it costs: it looks at the kernel's side of the copy as well
//! (`check_object_size`), which takes longer than copying a hundred bytes. The copies of `iov_iter` do not look either.
//! Otherwise they are what `copy_to_user` and `copy_from_user` are, see `helpers.c`. The latter are these two.
//!
//! C header: [`include/linux/uaccess.h`](srctree/include/linux/uaccess.h) (`pagefault_disable`, `raw_copy_to_user`,
//! `mask_user_address`)

use kernel::{
    bindings,
    iov::{IovIterDest, IovIterSource},
    prelude::*,
};

use super::raw;

/// A run of bytes in the calling task's user space.
///
/// Any address and length make a valid value: each copy sees to it that it touches user space alone.
#[derive(Clone, Copy, Debug)]
pub struct UserBuffer {
    start: *mut c_char,
    len: usize,
}

impl UserBuffer {
    /// The buffer that a system call was given.
    pub(super) fn new(start: *mut c_char, len: usize) -> Self {
        Self { start, len }
    }

    /// What a destination consists of, if that is one buffer in user space.
    pub fn of_dest(iov: &mut IovIterDest<'_>) -> Option<Self> {
        // SAFETY: It is a valid iterator, and ours.
        unsafe { Self::of(&*iov.as_raw()) }
    }

    /// What a source consists of, if that is one buffer in user space.
    pub fn of_source(iov: &mut IovIterSource<'_>) -> Option<Self> {
        // SAFETY: As in `of_dest`.
        unsafe { Self::of(&*iov.as_raw()) }
    }

    fn of(iter: &bindings::iov_iter) -> Option<Self> {
        if u32::from(iter.iter_type) != bindings::iter_type_ITER_UBUF {
            return None;
        }
        // SAFETY: An iterator of this type is one `struct iovec`.
        let buffer = unsafe { iter.__bindgen_anon_1.__ubuf_iovec.as_ref() };
        let start = buffer.iov_base.cast::<c_char>();
        Some(Self {
            start: start.wrapping_add(iter.iov_offset),
            len: buffer.iov_len,
        })
    }

    /// Its length in bytes.
    pub fn len(self) -> usize {
        self.len
    }

    /// Copies `len` bytes to its beginning, if that takes no page fault. Fails with [`EFAULT`] if it would, where it
    /// may not be written, and if it is shorter; some of the bytes may have got there even so.
    ///
    /// Does not sleep; may be called with a spinlock held.
    ///
    /// # Safety
    ///
    /// `from` must be valid for reading `len` bytes; they may change meanwhile.
    pub(super) unsafe fn put(self, from: *const c_void, len: usize) -> Result {
        if len > self.len {
            return Err(EFAULT);
        }
        // SAFETY: The kernel's memory is valid by the function's requirements, and nothing is asked of the user's.
        match unsafe { raw::copy_to_user_now(self.start.cast(), from, len) } {
            0 => Ok(()),
            _ => Err(EFAULT),
        }
    }

    /// Copies `len` bytes from its beginning, under the same conditions as [`Self::put`].
    ///
    /// # Safety
    ///
    /// `to` must be valid for writing `len` bytes.
    pub(super) unsafe fn get(self, to: *mut c_void, len: usize) -> Result {
        if len > self.len {
            return Err(EFAULT);
        }
        // SAFETY: As in `put`.
        match unsafe { raw::copy_from_user_now(to, self.start.cast(), len) } {
            0 => Ok(()),
            _ => Err(EFAULT),
        }
    }

    /// Copies `len` bytes to its beginning, and waits for its pages. Returns how many got there; none if it is shorter.
    ///
    /// May sleep.
    ///
    /// # Safety
    ///
    /// As for [`Self::put`].
    pub(super) unsafe fn put_waiting(self, from: *const c_void, len: usize) -> usize {
        if len > self.len {
            return 0;
        }
        // SAFETY: As in `put`.
        let left = unsafe { bindings::copy_to_user(self.start.cast(), from, len) };
        len.saturating_sub(left)
    }

    /// Copies `len` bytes from its beginning, under the same conditions as [`Self::put_waiting`]. What does not come is
    /// made 0.
    ///
    /// # Safety
    ///
    /// As for [`Self::get`].
    pub(super) unsafe fn get_waiting(self, to: *mut c_void, len: usize) -> usize {
        if len > self.len {
            return 0;
        }
        // SAFETY: As in `get`.
        let left = unsafe { bindings::copy_from_user(to, self.start.cast(), len) };
        len.saturating_sub(left)
    }
}
