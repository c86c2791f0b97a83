// SPDX-License-Identifier: GPL-2.0

//! Wait queues whose sleepers keep their place.
//!
//! [`kernel::sync::CondVar`] puts a waiter that was woken in vain at the end of the queue, and says
//! nothing of time-outs and signals together. Here a waiter stays where it is until it leaves for good,
//! so that the order in which waiters are woken is the order in which they came.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h) (`wait_woken`)

use core::ptr::null_mut;
use kernel::{
    bindings,
    prelude::*,
    sync::{
        lock::{Backend, Guard},
        LockClassKey,
    },
    task::{MAX_SCHEDULE_TIMEOUT, TASK_INTERRUPTIBLE, TASK_NORMAL},
    time::{msecs_to_jiffies, Instant, Monotonic, Msecs},
    types::Opaque,
};

/// Why a wait ended without what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A signal is pending.
    Signal,
    /// The time is over.
    TimedOut,
}

/// How long waits may last: all in which it is used, from when it was made.
#[derive(Clone, Copy)]
pub struct Patience(Option<(Instant<Monotonic>, u32)>);

impl Patience {
    /// Without end.
    pub const ENDLESS: Self = Self(None);

    /// So many milliseconds at least, and as much longer as the kernel's timers are coarse: an eighth, for long ones.
    pub fn millis(millis: u32) -> Self {
        Self(Some((Instant::now(), millis)))
    }

    /// For how many more ticks, 0 when the time is over. By the clock: what `wait_woken` returns leaves out the time in
    /// which the task is awake.
    fn ticks(self) -> c_long {
        let Some((since, millis)) = self.0 else {
            return MAX_SCHEDULE_TIMEOUT;
        };
        let waited = u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX);
        // More than `INT_MAX` stands for a wait without end; what is left then is asked for once more.
        let left = millis.saturating_sub(waited).min(c_int::MAX as Msecs);
        c_long::try_from(msecs_to_jiffies(left)).unwrap_or(MAX_SCHEDULE_TIMEOUT)
    }
}

/// A queue of sleeping tasks.
///
/// A waiter waits for a condition on what a lock guards; whoever makes the condition true while holding
/// that lock wakes the queue, before or after giving the lock back. Then no wake-up is lost: the waiter is in the
/// queue before it looks at the condition under the lock, and a wake-up that comes after its look and before its sleep
/// ends the sleep at once (`WQ_FLAG_WOKEN`, see `wait_woken`).
///
/// That is also why waking an empty queue costs no more than a look: a waiter that has looked in vain before the
/// condition became true gave the lock back before the waker had it, and all that it did until then, queueing
/// included, is seen by the waker.
///
/// # Invariants
///
/// `head` is an initialised wait queue head. Its entries are those of tasks inside [`Self::wait_until`],
/// which take them out before they return.
#[pin_data]
pub struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue head belongs to no task and carries its own lock.
unsafe impl Send for WaitQueue {}
// SAFETY: As above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// Makes an empty queue.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid while the closure runs; name and key are static.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
        })
    }

    /// Sleeps, interruptibly, until `ready` gives something.
    ///
    /// `ready` is called with the lock held, once the task is in the queue and after each sleep. What it does when it
    /// gives something counts; it must not sleep. What is given back holds the lock again, which is not held during the
    /// sleep.
    ///
    /// A waiter that gives up on a signal or after its time may have been the one that a
    /// [`Self::wake_one`] woke. It holds the lock when it learns so, and must wake the next one if there
    /// is still something to be had.
    pub fn wait_until<'a, T, B: Backend, R>(
        &self,
        mut guard: Guard<'a, T, B>,
        patience: Patience,
        mut ready: impl FnMut(&mut Guard<'a, T, B>) -> Option<R>,
    ) -> (Guard<'a, T, B>, Result<R, Ended>) {
        let entry = Opaque::new(bindings::wait_queue_entry {
            func: Some(wake),
            // `wait_woken` sleeps as the current task, and the entry is gone when this function returns.
            private: kernel::current!().as_ptr().cast(),
            ..Default::default()
        });
        let lock = guard.lock_ref();

        // SAFETY: The head is initialised by the invariants. The entry is initialised, is not moved from
        // here on, and is removed below before it goes out of scope: nothing between returns or panics.
        unsafe { bindings::add_wait_queue_exclusive(self.head.get(), entry.get()) };
        let result = loop {
            if let Some(found) = ready(&mut guard) {
                break Ok(found);
            }
            if kernel::current!().signal_pending() {
                break Err(Ended::Signal);
            }
            let ticks = patience.ticks();
            if ticks == 0 {
                break Err(Ended::TimedOut);
            }
            drop(guard);
            // SAFETY: The entry is in the queue, its function is `woken_wake_function` in effect, and no lock that
            // forbids sleeping is held by this function.
            unsafe { bindings::wait_woken(entry.get(), TASK_INTERRUPTIBLE as c_uint, ticks) };
            guard = lock.lock();
        };
        // SAFETY: The entry is in this queue: `wake` never takes one out.
        unsafe { bindings::remove_wait_queue(self.head.get(), entry.get()) };

        (guard, result)
    }

    /// Wakes the waiter that came first.
    ///
    /// If that one is awake already, and has not looked yet whether it can go on, nobody else is woken: else the
    /// second could overtake the first. So whoever was woken and goes on or leaves must wake the next one if there
    /// is still something to be had.
    ///
    /// Does not sleep; may be called with a spinlock held.
    pub fn wake_one(&self) {
        if self.is_empty() {
            return;
        }
        // SAFETY: The head is initialised by the invariants.
        unsafe { bindings::__wake_up_sync_key(self.head.get(), TASK_NORMAL, null_mut()) };
    }

    /// Wakes every waiter.
    ///
    /// Does not sleep; may be called with a spinlock held.
    pub fn wake_all(&self) {
        if self.is_empty() {
            return;
        }
        // SAFETY: The head is initialised by the invariants; 0 stands for all.
        unsafe { bindings::__wake_up(self.head.get(), TASK_NORMAL, 0, null_mut()) };
    }

    /// Whether nobody waits. For whoever has, or has just had, the lock that waiters wait with, nobody who should
    /// have been woken is missed.
    pub fn is_empty(&self) -> bool {
        // SAFETY: The head is initialised by the invariants.
        unsafe { is_empty(self.head.get()) }
    }
}

/// Whether a wait queue has no entry at this moment (`waitqueue_active`).
///
/// # Safety
///
/// `head` must point to an initialised wait queue head.
#[inline]
pub(super) unsafe fn is_empty(head: *mut bindings::wait_queue_head) -> bool {
    // SAFETY: By the function's requirements. Others may change the list at any time, so it is read once, whole;
    // the pointer is compared and not followed.
    unsafe {
        let list = &raw const (*head).head;
        (&raw const (*list).next).read_volatile().cast_const() == list
    }
}

/// What waking does to an entry: `woken_wake_function`, but for the result. That says whether the task was
/// asleep, and by a 0 the wake-up would go on to the next in the queue.
///
/// # Safety
///
/// To be called by the kernel's wake-up functions alone, for an entry of [`WaitQueue::wait_until`].
unsafe extern "C" fn wake(
    entry: *mut bindings::wait_queue_entry,
    mode: c_uint,
    flags: c_int,
    key: *mut c_void,
) -> c_int {
    // SAFETY: By the function's requirements.
    unsafe { bindings::woken_wake_function(entry, mode, flags, key) };
    1
}

/// Creates a [`WaitQueue`] initialiser with a lock class of its own.
macro_rules! new_wait_queue {
    ($name:literal) => {
        $crate::kapi::wait::WaitQueue::new(::kernel::c_str!($name), ::kernel::static_lock_class!())
    };
}
pub(crate) use new_wait_queue;
