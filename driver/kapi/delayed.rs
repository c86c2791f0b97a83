// SPDX-License-Identifier: GPL-2.0

//! The end of delayed work on one of the kernel's own queues, which a module has to wait for before it goes.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use kernel::{
    bindings, container_of,
    sync::Arc,
    workqueue::{HasDelayedWork, Work, WorkItem},
};

/// Runs delayed work now if its time has not come, and waits for its end: `flush_delayed_work`. May sleep.
///
/// Work on one of the kernel's own queues has left the module's code when this returns, unless somebody enqueues it again.
pub fn flush_delayed<T, const ID: u64>(work: &Arc<T>)
where
    T: WorkItem<ID, Pointer = Arc<T>> + HasDelayedWork<T, ID>,
{
    // SAFETY: The `Arc` keeps the item valid. By the requirements of `HasDelayedWork` its work is the field `work` of a
    // `delayed_work`, which was initialised as such.
    unsafe {
        let work = T::raw_get_work(Arc::as_ptr(work).cast_mut());
        let work = Work::raw_get(work);
        bindings::flush_delayed_work(container_of!(work, bindings::delayed_work, work));
    }
}
