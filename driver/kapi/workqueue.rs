// SPDX-License-Identifier: GPL-2.0

//! A work queue of one's own, which is empty before a module's code goes.
//!
//! What is queued on one of the kernel's own queues may still be running when the module that queued it is
//! unloaded. Dropping an [`OwnedQueue`] waits for its work to the last instruction.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    workqueue::{Queue, RawWorkItem},
};

/// A work queue.
///
/// Dropping it waits for its work: one that outlives the module, by `mem::forget` or a cycle of references, may leave some
/// that runs code which is gone.
///
/// It is no [`Queue`] to the outside, and takes no delayed work: until its time has come, such work is known to a timer
/// alone, and `destroy_workqueue` does not wait for it.
///
/// # Invariants
///
/// `queue` is a work queue that was allocated for this value alone.
pub struct OwnedQueue {
    queue: NonNull<bindings::workqueue_struct>,
}

// SAFETY: Work queues may be used and destroyed by any task.
unsafe impl Send for OwnedQueue {}
// SAFETY: As above.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Allocates a queue whose work may run for long and on any CPU: as much of it at once as the kernel allows.
    pub fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The format takes one string, which is static.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(
                c"%s".as_char_ptr(),
                bindings::wq_flags_WQ_UNBOUND,
                bindings::wq_consts_WQ_MAX_ACTIVE as c_int,
                name.as_char_ptr(),
            )
        };
        // INVARIANT: It was allocated for us.
        Ok(Self {
            queue: NonNull::new(queue).ok_or(ENOMEM)?,
        })
    }

    /// Enqueues a work item, see [`Queue::enqueue`].
    pub fn enqueue<W, const ID: u64>(&self, work: W) -> W::EnqueueOutput
    where
        W: RawWorkItem<ID> + Send + 'static,
    {
        // SAFETY: By the invariants it is valid as long as `self`.
        unsafe { Queue::from_raw(self.queue.as_ptr()) }.enqueue(work)
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: By the invariants it is ours. All work on it has ended when this returns.
        unsafe { bindings::destroy_workqueue(self.queue.as_ptr()) };
    }
}
