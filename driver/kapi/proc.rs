// SPDX-License-Identifier: GPL-2.0

//! Files in `/proc` whose contents are made by one function, through `seq_file`.
//!
//! C headers: [`include/linux/proc_fs.h`](srctree/include/linux/proc_fs.h),
//! [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use core::{marker::PhantomData, ptr::NonNull};
use kernel::{bindings, prelude::*, seq_file::SeqFile, types::ForeignOwnable};

use super::{callback::from_ended, raw};

/// What a file in `/proc` shows.
pub trait Show {
    /// What it is made from, given when the entry is made.
    type Data: ForeignOwnable + Send + Sync + 'static;

    /// Writes the whole file, or says why there is nothing to be read. May sleep; removal of the entry waits for it, and for
    /// the copy to the reader that follows.
    fn show(data: <Self::Data as ForeignOwnable>::Borrowed<'_>, out: &SeqFile) -> Result;
}

/// An entry in `/proc`, there while this value lives.
///
/// One that outlives the module, by `mem::forget` or a cycle of references, leads the kernel to code that is gone.
///
/// # Invariants
///
/// `entry` is an entry that is registered in `/proc` itself, with `data` as its data; `data` came from `into_foreign`, and
/// is owned by this value.
pub struct Entry<P: Show> {
    entry: NonNull<bindings::proc_dir_entry>,
    data: *mut c_void,
    _show: PhantomData<P::Data>,
}

// SAFETY: An entry may be removed by any task; the data is `Send`.
unsafe impl<P: Show> Send for Entry<P> {}
// SAFETY: `&Entry` gives access to nothing.
unsafe impl<P: Show> Sync for Entry<P> {}

impl<P: Show> Entry<P> {
    /// Makes `/proc/<name>`, which everybody may read unless root changes its mode.
    ///
    /// Fails with [`EINVAL`] if the name has a `/`, and with [`ENOMEM`], which is also what the kernel gives if the name is
    /// taken. May sleep.
    pub fn new(name: &CStr, data: P::Data) -> Result<Self> {
        // It would lie below another entry, a file even, and be freed with that.
        if name.to_bytes().contains(&b'/') {
            return Err(EINVAL);
        }
        let data = data.into_foreign();
        // SAFETY: The name is copied. `show` takes what `into_foreign` gave, which stays valid until
        // `proc_remove` has waited for the last reader.
        let entry = unsafe {
            raw::proc_create_single_data(
                name.as_char_ptr(),
                0o444,
                core::ptr::null_mut(),
                Some(show::<P>),
                data,
            )
        };
        let Some(entry) = NonNull::new(entry) else {
            // SAFETY: It came from `into_foreign` above, and no entry has it.
            drop(unsafe { P::Data::from_foreign(data) });
            return Err(ENOMEM);
        };
        // INVARIANT: Registered above.
        Ok(Self {
            entry,
            data,
            _show: PhantomData,
        })
    }
}

impl<P: Show> Drop for Entry<P> {
    fn drop(&mut self) {
        // SAFETY: By the invariants the entry is registered. This waits until nobody is in `show` any more
        // and lets nobody in, so the data is ours again afterwards.
        unsafe {
            raw::proc_remove(self.entry.as_ptr());
            drop(P::Data::from_foreign(self.data));
        }
    }
}

/// # Safety
///
/// `file` must be the sequential file of an [`Entry<P>`] that is being read.
unsafe extern "C" fn show<P: Show>(file: *mut bindings::seq_file, _: *mut c_void) -> c_int {
    // SAFETY: For files made by `proc_create_single_data`, `private` is the entry's data, which is valid
    // during this call by the invariants of `Entry`. The caller uses the file for nothing else meanwhile.
    let (data, out) = unsafe { (P::Data::borrow((*file).private), SeqFile::from_raw(file)) };
    from_ended(|| P::show(data, out).map(|()| 0))
}
