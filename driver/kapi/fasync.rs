// SPDX-License-Identifier: GPL-2.0

//! SIGIO for files with `O_ASYNC`.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h) (`fasync_helper`, `kill_fasync`)

use kernel::{bindings, error::to_result, new_mutex, prelude::*, sync::Mutex, types::Opaque};

/// What a signal tells, as `si_code` in `siginfo_t`, and whom: those who can make use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// `POLL_IN`: there is something to read.
    In,
    /// `POLL_OUT`: there is room to write.
    Out,
}

/// The files that want a signal when something changes, of one device or several.
///
/// A device has it from its registration on ([`super::device::Registration::new`]), and an open file keeps its device:
/// so the lists that a file is taken off at its end are those that it was put on.
///
/// # Invariants
///
/// - Each list is null or the head of a list that only `fasync_helper` and `kill_fasync` touch.
/// - While nobody holds `turn`, a file on any of the lists has the flag FASYNC. `__fput` takes files with that flag off
///   the lists, so the files on them are valid.
#[pin_data]
pub struct Fasync {
    #[pin]
    turn: Mutex<()>,
    readers: Opaque<*mut bindings::fasync_struct>,
    writers: Opaque<*mut bindings::fasync_struct>,
}

// SAFETY: The lists belong to no task.
unsafe impl Send for Fasync {}
// SAFETY: `fasync_helper` and `kill_fasync` do their own locking.
unsafe impl Sync for Fasync {}

impl Fasync {
    /// Makes empty lists.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: Null.
        pin_init!(Self {
            turn <- new_mutex!((), "fasync"),
            readers: Opaque::new(core::ptr::null_mut()),
            writers: Opaque::new(core::ptr::null_mut()),
        })
    }

    /// Puts a file on the lists of these bands, or takes it off all. May sleep. Fails with [`ENOMEM`] when it puts one
    /// on; then it is on none.
    ///
    /// # Safety
    ///
    /// `file` must be valid, and be taken off these very lists by `__fput`, if it has FASYNC then, before it is freed.
    pub(super) unsafe fn set(
        &self,
        bands: &[Band],
        fd: c_int,
        file: *mut bindings::file,
    ) -> Result {
        // Two threads may change the flag of a file at once, and the kernel serialises no more than a single list. An
        // addition to one list between the removals from both would leave the file there without its flag, for ever.
        let _turn = self.turn.lock();
        let set = |band, on: bool| {
            // SAFETY: The file is valid, the list is valid by the invariants. A negative result is an errno; anything
            // else says whether the list changed.
            let result = unsafe { bindings::fasync_helper(fd, file, on.into(), self.list(band)) };
            to_result(result.min(0))
        };
        // INVARIANT: `fasync_helper` sets the flag when it adds the file to a list, and clears it when it takes it off
        // one. So it is set after nothing but additions, and after a removal from all the file is on none.
        let result = bands.iter().try_for_each(|&band| set(band, true));
        if bands.is_empty() || result.is_err() {
            // Taking off does not fail, also where the file is not on the list.
            let _ = set(Band::In, false);
            let _ = set(Band::Out, false);
        }
        result
    }

    /// Whether nobody wants a signal at this moment.
    #[inline]
    pub fn is_empty(&self) -> bool {
        [Band::In, Band::Out].iter().all(|&band| {
            // SAFETY: The list is valid by the invariants. Others may change it at any time, so it is read once, whole.
            unsafe { self.list(band).read_volatile() }.is_null()
        })
    }

    /// Sends SIGIO, or what `F_SETSIG` named, to the owners of the files that can read, or that can write.
    ///
    /// Does not sleep.
    pub fn signal(&self, band: Band) {
        let si_code = match band {
            Band::In => bindings::POLL_IN,
            Band::Out => bindings::POLL_OUT,
        };
        // SAFETY: The list is valid by the invariants.
        unsafe {
            bindings::kill_fasync(self.list(band), bindings::SIGIO as c_int, si_code as c_int);
        }
    }

    fn list(&self, band: Band) -> *mut *mut bindings::fasync_struct {
        match band {
            Band::In => self.readers.get(),
            Band::Out => self.writers.get(),
        }
    }
}
