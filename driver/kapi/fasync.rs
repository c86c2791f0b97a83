// SPDX-License-Identifier: GPL-2.0

//! SIGIO for files with `O_ASYNC`.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h) (`fasync_helper`, `kill_fasync`)

use kernel::{bindings, error::to_result, prelude::*, types::Opaque};

/// What a signal tells, as `si_code` in `siginfo_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// `POLL_IN`: there is something to read.
    In,
    /// `POLL_OUT`: there is room to write.
    Out,
}

/// The files that want a signal when something changes.
///
/// # Invariants
///
/// `list` is null or the head of a list that only `fasync_helper` and `kill_fasync` touch, and the files on it are
/// valid.
pub struct Fasync {
    list: Opaque<*mut bindings::fasync_struct>,
}

// SAFETY: The list belongs to no task.
unsafe impl Send for Fasync {}
// SAFETY: `fasync_helper` and `kill_fasync` do their own locking.
unsafe impl Sync for Fasync {}

impl Fasync {
    /// Makes an empty list.
    pub const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            list: Opaque::new(core::ptr::null_mut()),
        }
    }

    /// Puts a file on the list or takes it off. May sleep. Fails with [`ENOMEM`] when it puts one on.
    ///
    /// # Safety
    ///
    /// `file` must be valid, and must be taken off again before it is freed.
    pub(super) unsafe fn set(&self, fd: c_int, file: *mut bindings::file, on: bool) -> Result {
        // SAFETY: The file is valid, the list is valid by the invariants. A negative result is an errno; anything
        // else says whether the list changed.
        // INVARIANT: By the function's requirements.
        let result = unsafe { bindings::fasync_helper(fd, file, on.into(), self.list.get()) };
        to_result(result.min(0))
    }

    /// Sends SIGIO, or what `F_SETSIG` named, to the owners of the files on the list.
    ///
    /// Does not sleep.
    pub fn signal(&self, band: Band) {
        let band = match band {
            Band::In => bindings::POLL_IN,
            Band::Out => bindings::POLL_OUT,
        };
        // SAFETY: The list is valid by the invariants.
        unsafe {
            bindings::kill_fasync(self.list.get(), bindings::SIGIO as c_int, band as c_int);
        }
    }
}
