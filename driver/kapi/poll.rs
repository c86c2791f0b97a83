// SPDX-License-Identifier: GPL-2.0

//! Poll with keys: who polls for data is not woken by room.
//!
//! [`kernel::sync::poll::PollCondVar`] wakes without a key, so that every event reaches every poller, who has to look, and
//! an edge-triggered one is told of changes that it did not ask for; and its destructor waits for an RCU
//! grace period. [`PollQueue`] does the former only where it is told to, and not the latter.
//!
//! C headers: [`include/linux/poll.h`](srctree/include/linux/poll.h),
//! [`include/uapi/linux/eventpoll.h`](srctree/include/uapi/linux/eventpoll.h)

use core::{marker::PhantomData, ops::BitOr, ptr::without_provenance_mut};
use kernel::{
    bindings, fs::File, prelude::*, sync::LockClassKey, task::TASK_NORMAL, types::Opaque,
};

use super::wait::is_empty;

/// A set of poll events, `__poll_t` in C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events(u32);

impl Events {
    /// Nothing, or nothing that is known.
    pub const NONE: Self = Self(0);
    /// A read would not wait: `EPOLLIN | EPOLLRDNORM`.
    pub const READABLE: Self = Self(bindings::POLLIN | bindings::POLLRDNORM);
    /// A write would not wait: `EPOLLOUT | EPOLLWRNORM`.
    pub const WRITABLE: Self = Self(bindings::POLLOUT | bindings::POLLWRNORM);

    /// The other side is gone: `EPOLLHUP`.
    pub const HANGUP: Self = Self(bindings::POLLHUP);

    /// There is nothing behind the file any more: `EPOLLERR | EPOLLHUP`.
    pub const GONE: Self = Self(bindings::POLLERR | bindings::POLLHUP);

    /// The events as the kernel has them.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for Events {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which pollers a wake-up reaches that asked to be woken alone (`EPOLLEXCLUSIVE`). Everybody else that
/// polls for the event is always woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One of them: what happened can serve one.
    One,
    /// All of them: what happened can serve all.
    All,
}

impl Reach {
    /// All if `so`, else one.
    pub fn all_if(so: bool) -> Self {
        match so {
            true => Self::All,
            false => Self::One,
        }
    }
}

/// The pollers of a file's data.
///
/// # Invariants
///
/// `head` is an initialised wait queue head. Its entries belong to poll tables of open files whose
/// private data owns this queue ([`PollTable::register`]).
#[pin_data]
pub struct PollQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue head belongs to no task and carries its own lock.
unsafe impl Send for PollQueue {}
// SAFETY: As above.
unsafe impl Sync for PollQueue {}

impl PollQueue {
    /// Makes an empty queue.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid while the closure runs; name and key are static.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
        })
    }

    /// Whether nobody polls. For whoever has, or has just had, the lock with which `poll` handlers look, nobody who should
    /// have been told is missed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // SAFETY: The head is initialised by the invariants.
        unsafe { is_empty(self.head.get()) }
    }

    /// Tells those who poll for any of `events` to look again; or, by [`Events::NONE`], all, whatever they poll for.
    ///
    /// Some do not look but take `events` for the answer: io_uring's and AIO's polls. So these are to hold for everybody.
    ///
    /// The change must have been made under the lock with which `poll` handlers look once they have registered. Then an
    /// empty queue misses nobody: see [`super::wait::WaitQueue`].
    ///
    /// Does not sleep; may be called with a spinlock held.
    pub fn wake(&self, events: Events, reach: Reach) {
        if self.is_empty() {
            return;
        }
        let (head, key) = (self.head.get(), without_provenance_mut(events.0 as usize));
        // SAFETY: The head is initialised by the invariants. The wake functions that poll registers take the
        // key for a set of events (`key_to_poll`), and do not follow it. The number is that of exclusive entries, 0
        // for all.
        unsafe {
            match reach {
                Reach::One => bindings::__wake_up_sync_key(head, TASK_NORMAL, key),
                Reach::All => _ = bindings::__wake_up(head, TASK_NORMAL, 0, key),
            }
        }
    }
}

/// Creates a [`PollQueue`] initialiser with a lock class of its own.
macro_rules! new_poll_queue {
    ($name:literal) => {
        $crate::kapi::poll::PollQueue::new(::kernel::c_str!($name), ::kernel::static_lock_class!())
    };
}
pub(crate) use new_poll_queue;

/// Where a `poll` handler registers the queues that tell of changes (`poll_table` in C).
///
/// A registered queue must live until the kernel has taken the registration back, which it does at the
/// latest before the file's `release`. The lifetime says so: `'file` stands for the time in which the
/// file's private data is borrowed, a handler must work for every such lifetime, and `PollTable` is
/// invariant in it. So the only queues that can be registered are those that live inside the private data,
/// where nothing can take them away while the file is open, and those that live for ever.
///
/// # Invariants
///
/// `table` is null or valid for this call of `poll` of `file`.
pub struct PollTable<'file> {
    table: *mut bindings::poll_table,
    file: *mut bindings::file,
    _file: PhantomData<fn(&'file File) -> &'file File>,
}

impl<'file> PollTable<'file> {
    /// # Safety
    ///
    /// - `file` must be valid, and `table` null or valid, as long as the value is used.
    /// - `'file` must end only when no poll entry of `file` is registered any more: before `release`
    ///   ends the life of the private data.
    pub(super) unsafe fn from_raw(
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            table,
            file,
            _file: PhantomData,
        }
    }

    /// Registers a queue.
    ///
    /// To be called before the state is looked at: what changes afterwards wakes the poller. The barrier
    /// that this needs is in `poll_wait`.
    pub fn register(&self, queue: &'file PollQueue) {
        // SAFETY: File and table are valid by the invariants. The queue lives for `'file`, so until every
        // entry that this adds has been removed.
        unsafe { bindings::poll_wait(self.file, queue.head.get(), self.table) };
    }
}
