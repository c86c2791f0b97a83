// SPDX-License-Identifier: GPL-2.0

//! Scheduling points, waiting awake, and whether others sleep.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)

use kernel::{
    page::PAGE_SIZE,
    task::{Task, TASK_NORMAL},
};

use super::raw;

/// How many bytes long work handles between two scheduling points.
pub const CHUNK: usize = 64 * 1024;

// Long work goes by whole pages too. Larger ones can be chosen for PowerPC 44x alone, of what runs Rust.
const _: () = assert!(CHUNK >= PAGE_SIZE);

/// Lets another task run if one is due: for long work in a kernel that does not preempt.
///
/// May sleep, so no spinlock may be held.
pub fn cond_resched() {
    // SAFETY: `cond_resched` may be called wherever sleeping is allowed; where it is not, the kernel's
    // own debug check reports it.
    unsafe { raw::cond_resched() };
}

/// Whether the caller is being killed, so that what it is doing is of no use to it any more.
pub fn is_being_killed() -> bool {
    // SAFETY: No requirements.
    unsafe { raw::fatal_signal_pending() }
}

/// Whether there is one processor only, so that whoever waits awake keeps what he waits for from happening.
pub fn is_alone() -> bool {
    // SAFETY: No requirements.
    unsafe { raw::num_online_cpus() == 1 }
}

/// Whether no other task is to run on this processor, which the caller would keep from it. True at this moment only.
pub fn is_only_task() -> bool {
    // SAFETY: No requirements; the count that it reads may change at any time.
    unsafe { raw::single_task_running() }
}

/// Waits awake for a moment: a `pause` of the processor. Whether there is time for another: no other task is to run here.
pub fn relax() -> bool {
    core::hint::spin_loop();
    // `need_resched` says so of an urgent one at once, but of others not before the next tick (`TIF_NEED_RESCHED_LAZY`),
    // or not at all where the caller is the urgent one.
    // SAFETY: No requirements.
    is_only_task() && !unsafe { raw::need_resched() }
}

/// Whether a task sleeps at this moment, rather than runs or is about to: what it does next needs somebody to wake it.
pub fn is_asleep(task: &Task) -> bool {
    // SAFETY: The task is valid, by its reference. Its state may change at any time, so it is read once, whole.
    let state = unsafe { (&raw const (*task.as_ptr()).__state).read_volatile() };
    state & TASK_NORMAL != 0
}
