// SPDX-License-Identifier: GPL-2.0

//! Memory that several tasks copy into and out of at once.
//!
//! C headers: [`include/linux/slab.h`](srctree/include/linux/slab.h) (`kvmalloc`),
//! [`include/linux/vmalloc.h`](srctree/include/linux/vmalloc.h) (`vmap`),
//! [`include/linux/uio.h`](srctree/include/linux/uio.h)

use core::ptr::NonNull;
use kernel::{
    alloc::{flags::GFP_NOWAIT, Flags},
    bindings,
    iov::{IovIterDest, IovIterSource},
    page::PAGE_SIZE,
    prelude::*,
    sync::atomic::{Atomic, Relaxed},
};

use super::{
    raw,
    sched::{cond_resched, is_being_killed, CHUNK},
    user::UserBuffer,
};

/// The longest memory there can be, in bytes: `kvmalloc` warns about more.
pub const MAX_LEN: usize = c_int::MAX as usize;

/// From this length on, in bytes, memory is made of single pages.
const LARGE: usize = 8 * PAGE_SIZE;

/// Charged to the caller's memory cgroup. `__GFP_RETRY_MAYFAIL` makes a cgroup at its limit, and a machine
/// out of memory, an error where the default would run the OOM killer. `__GFP_ZERO` costs nothing where the kernel
/// clears all that it allocates, as Debian's does.
const FLAGS: bindings::gfp_t = bindings::GFP_KERNEL_ACCOUNT
    | raw::__GFP_RETRY_MAYFAIL
    | bindings::__GFP_NOWARN
    | bindings::__GFP_ZERO;

/// A run of bytes that is copied to and from user space while other tasks do the same.
///
/// It is charged to the memory cgroup of the task that makes it. Its bytes start out as 0: a caller that hands out some
/// of them before anything was put there makes a mistake, and gives away nothing of the kernel's.
///
/// Copies that overlap in place and time leave a mixture of bytes, and nothing worse: which task may copy
/// where is the caller's to decide.
///
/// # Invariants
///
/// - `start` points to `len` bytes, `len` at most [`MAX_LEN`], which `kvfree` takes back, owned by this
///   value.
/// - The bytes are reached through raw pointers only, by C functions that the compiler knows nothing of and by
///   volatile accesses of single bytes: no Rust reference to them and no other load or store exists. So concurrent
///   copies are, as in C code, a matter of which byte is seen last, and never undefined behaviour of the Rust code.
///   `memcpy` and its kin are no such functions when they are called by their own names, see `helpers.c`.
pub struct Memory {
    start: NonNull<c_void>,
    len: usize,
    /// To be made 0 before it is freed.
    secret: Atomic<bool>,
}

// SAFETY: The memory belongs to no task or CPU.
unsafe impl Send for Memory {}
// SAFETY: By the invariants, concurrent use of the bytes through `&self` is no data race in Rust.
unsafe impl Sync for Memory {}

impl Memory {
    /// Allocates `len` bytes.
    ///
    /// Fails with [`EINVAL`] if `len` is 0 or more than [`MAX_LEN`], with [`EINTR`] if the task is being killed
    /// meanwhile, and with [`ENOMEM`] if the machine or
    /// the caller's memory cgroup has too little: without a warning in the log, and without the OOM killer.
    ///
    /// May sleep.
    pub fn new(len: usize) -> Result<Self> {
        if len == 0 || len > MAX_LEN {
            return Err(EINVAL);
        }
        let start = match len {
            LARGE.. => pages(len.div_ceil(PAGE_SIZE))?,
            _ => kvmalloc(len)?,
        };
        // INVARIANT: Both gave us at least `len` bytes for `kvfree`; nobody else has the pointer.
        Ok(Self {
            start,
            len,
            secret: Atomic::new(false),
        })
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The part of `at .. at + len` that lies inside: its address and its length, 0 if there is none.
    fn part(&self, at: usize, len: usize) -> (*mut c_void, usize) {
        let at = at.min(self.len);
        // SAFETY: `at` is at most the length, so this stays within the allocation or at its end.
        let start = unsafe { self.start.as_ptr().byte_add(at) };
        (start, len.min(self.len.saturating_sub(at)))
    }

    /// Copies `len` bytes from `at` to the destination, and returns how many went there: fewer if the
    /// destination is full or faults.
    ///
    /// May sleep, for as long as user memory takes to come.
    pub fn copy_to_iter(&self, at: usize, len: usize, iov: &mut IovIterDest<'_>) -> usize {
        let (start, len) = self.part(at, len);
        // SAFETY: `start` is valid for `len` bytes by `part`; `iov` is a valid destination. The invariants
        // allow the bytes to change meanwhile.
        in_chunks(start, len, |start, len| unsafe {
            bindings::_copy_to_iter(start, len, iov.as_raw())
        })
    }

    /// Copies up to `len` bytes from the source to `at`, and returns how many came: fewer if the source
    /// ends or faults.
    ///
    /// May sleep, for as long as user memory takes to come.
    pub fn copy_from_iter(&self, at: usize, len: usize, iov: &mut IovIterSource<'_>) -> usize {
        let (start, len) = self.part(at, len);
        // SAFETY: As in `copy_to_iter`, for writing.
        in_chunks(start, len, |start, len| unsafe {
            bindings::_copy_from_iter(start, len, iov.as_raw())
        })
    }

    /// Copies `len` bytes from `at` to user space, if they are there and that takes no page fault. Fails with [`EFAULT`]
    /// if not; some may have got there even so.
    ///
    /// Does not sleep; may be called with a spinlock held.
    pub fn copy_to_user_now(&self, at: usize, len: usize, to: UserBuffer) -> Result {
        match self.part(at, len) {
            // SAFETY: `start` is valid for `len` bytes by `part`, and the invariants allow them to change meanwhile.
            (start, there) if there == len => unsafe { to.put(start, len) },
            _ => Err(EFAULT),
        }
    }

    /// Copies `len` bytes from user space to `at`, under the same conditions as [`Self::copy_to_user_now`].
    pub fn copy_from_user_now(&self, at: usize, len: usize, from: UserBuffer) -> Result {
        match self.part(at, len) {
            // SAFETY: As in `copy_to_user_now`, for writing.
            (start, there) if there == len => unsafe { from.get(start, len) },
            _ => Err(EFAULT),
        }
    }

    /// Copies `len` bytes from `at` to user space; returns how many got there, fewer if it faults.
    ///
    /// May sleep, for as long as user memory takes to come.
    pub fn copy_to_user(&self, at: usize, len: usize, to: UserBuffer) -> usize {
        let (start, len) = self.part(at, len.min(to.len()));
        // SAFETY: As in `copy_to_user_now`.
        unsafe { to.put_waiting(start, len) }
    }

    /// Copies `len` bytes from user space to `at`; returns how many came, fewer if it faults.
    ///
    /// May sleep, for as long as user memory takes to come.
    pub fn copy_from_user(&self, at: usize, len: usize, from: UserBuffer) -> usize {
        let (start, len) = self.part(at, len.min(from.len()));
        // SAFETY: As in `copy_from_user_now`.
        unsafe { from.get_waiting(start, len) }
    }

    /// Copies `len` bytes at `from_at` in `from` to `at`, as far as both reach. What that leaves is undefined where the
    /// two overlap in the same memory. May sleep.
    pub fn copy_from(&self, at: usize, from: &Self, from_at: usize, len: usize) {
        let (to, len) = self.part(at, len);
        let (from, len) = from.part(from_at, len);
        let mut done: usize = 0;
        in_chunks(to, len, |to, len| {
            // SAFETY: `to` and `from + done` are valid for `len` bytes by `part`. `memmove`, because the two
            // may be the same memory, and `memcpy` is allowed anything then.
            unsafe { raw::memmove(to, from.byte_add(done), len) };
            done = done.saturating_add(len);
            len
        });
    }

    /// The number that [`Self::store_u16`] put at `at`; where that is beyond the end, what is there of it, and 0.
    pub fn load_u16(&self, at: usize) -> u16 {
        let mut bytes = [0u8; 2];
        let (start, len) = self.part(at, bytes.len());
        let start = start.cast::<u8>();
        for (index, byte) in bytes.iter_mut().take(len).enumerate() {
            // SAFETY: `start` is valid for `len` bytes by `part`, and this is one of them.
            *byte = unsafe { start.add(index).read_volatile() };
        }
        u16::from_ne_bytes(bytes)
    }

    /// Puts a number at `at`, as far as the memory reaches.
    pub fn store_u16(&self, at: usize, number: u16) {
        let bytes = number.to_ne_bytes();
        let (start, len) = self.part(at, bytes.len());
        let start = start.cast::<u8>();
        for (index, byte) in bytes.iter().take(len).enumerate() {
            // SAFETY: As in `load_u16`, for writing.
            unsafe { start.add(index).write_volatile(*byte) };
        }
    }

    /// Makes every byte 0 before the memory is freed, when nobody uses it any more.
    pub fn zero_when_dropped(&self) {
        self.secret.store(true, Relaxed);
    }

    /// Makes every byte 0. May sleep.
    pub fn zero(&self) {
        in_chunks(self.start.as_ptr(), self.len, |start, len| {
            // SAFETY: `start` is valid for `len` bytes by the invariants.
            unsafe { raw::memset(start, 0, len) };
            len
        });
    }
}

/// May sleep if it is to be zeroed or longer than a page.
impl Drop for Memory {
    fn drop(&mut self) {
        if self.secret.load(Relaxed) {
            self.zero();
        }
        // SAFETY: By the invariants this is ours, and nobody uses it any more.
        unsafe { bindings::kvfree(self.start.as_ptr()) };
    }
}

/// Makes something small with `make`, for which there may be very many: charged to the caller's memory cgroup, and
/// without the OOM killer, like [`Memory`].
///
/// The kernel crate's flags have no `__GFP_RETRY_MAYFAIL`. So `make` is given flags that do not reclaim at all, and
/// where that fails, room is made for another try by an allocation that does. May sleep.
pub fn small<T>(mut make: impl FnMut(Flags) -> Result<T>) -> Result<T> {
    let account = GFP_KERNEL_ACCOUNT & !GFP_KERNEL;
    for _ in 0..3 {
        match make(GFP_NOWAIT | account) {
            Err(error) if error == ENOMEM => drop(Memory::new(PAGE_SIZE)?),
            result => return result,
        }
    }
    make(GFP_NOWAIT | account)
}

/// Allocates at least `len` bytes, at most [`MAX_LEN`], for `kvfree`.
fn kvmalloc(len: usize) -> Result<NonNull<c_void>> {
    // SAFETY: Any size up to `INT_MAX` and any of these flags may be asked for where sleeping is allowed.
    let start = unsafe { raw::kvmalloc(len, FLAGS) };
    NonNull::new(start).ok_or(ENOMEM)
}

/// Allocates so many pages, in a row of addresses, for `kvfree`.
///
/// `vmalloc` would do the same, but what it has got when it fails it gives back later, by a work item. Until
/// then a cgroup is at its limit, or a machine without memory, for pages that nobody wants; and the next small
/// allocation of anybody there runs the OOM killer. So the pages are allocated here, where they can be given
/// back at once, and what the machine plainly does not have is not even begun with.
fn pages(count: usize) -> Result<NonNull<c_void>> {
    // SAFETY: No requirements.
    let available = unsafe { bindings::si_mem_available() };
    if usize::try_from(available).unwrap_or(0) < count {
        return Err(ENOMEM);
    }
    let mut pages = Pages {
        list: kvmalloc(count.saturating_mul(size_of::<*mut bindings::page>()))?.cast(),
        count: 0,
    };
    while pages.count < count {
        // SAFETY: These flags may be used where sleeping is allowed.
        let page = unsafe { bindings::alloc_pages(FLAGS, 0) };
        if page.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: The list has room for `count` pages.
        unsafe { pages.list.add(pages.count).write(page) };
        // INVARIANT: One more of them is a page of ours.
        pages.count = pages.count.saturating_add(1);
        if pages.count % PAGES_PER_CHUNK == 0 {
            cond_resched();
            if is_being_killed() {
                return Err(EINTR);
            }
        }
    }
    // SAFETY: The list, which is from `kvmalloc`, holds `count` pages; there are at most `INT_MAX` bytes of
    // them, so the number fits. The page tables come from where nothing is reclaimed and nobody killed for
    // them, as in `vmalloc`.
    let start = unsafe {
        let before = raw::memalloc_noreclaim_save();
        let start = raw::vmap_owned(pages.list.as_ptr(), count as c_uint);
        raw::memalloc_noreclaim_restore(before);
        start
    };
    let start = NonNull::new(start).ok_or(ENOMEM)?;
    // The list and the pages belong to the mapping now, and `kvfree` frees all three.
    core::mem::forget(pages);
    Ok(start)
}

/// How many pages are handled between two scheduling points.
const PAGES_PER_CHUNK: usize = CHUNK / PAGE_SIZE;

/// Pages that are being collected.
///
/// # Invariants
///
/// `list` is from `kvmalloc`, and its first `count` entries are pages of order 0; all of it is owned by this
/// value.
struct Pages {
    list: NonNull<*mut bindings::page>,
    count: usize,
}

impl Drop for Pages {
    fn drop(&mut self) {
        for index in 0..self.count {
            // SAFETY: By the invariants.
            unsafe { bindings::__free_pages(self.list.add(index).read(), 0) };
            if index % PAGES_PER_CHUNK == 0 {
                cond_resched();
            }
        }
        // SAFETY: By the invariants.
        unsafe { bindings::kvfree(self.list.as_ptr().cast()) };
    }
}

/// Calls `work` on one chunk after the other, with a scheduling point between them, until it does less
/// than it was asked to; returns the bytes that were done.
fn in_chunks(
    start: *mut c_void,
    len: usize,
    mut work: impl FnMut(*mut c_void, usize) -> usize,
) -> usize {
    let mut done: usize = 0;
    while done < len {
        let chunk = CHUNK.min(len.saturating_sub(done));
        // `done < len`, so this stays within what the caller named.
        let worked = work(start.wrapping_byte_add(done), chunk).min(chunk);
        done = done.saturating_add(worked);
        if worked < chunk {
            break;
        }
        if done < len {
            cond_resched();
        }
    }
    done
}
