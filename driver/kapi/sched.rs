// SPDX-License-Identifier: GPL-2.0

//! Scheduling points.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)

use super::raw;

/// How many bytes long work handles between two scheduling points.
pub const CHUNK: usize = 64 * 1024;

/// Lets another task run if one is due: for long work in a kernel that does not preempt.
///
/// May sleep, so no spinlock may be held.
pub fn cond_resched() {
    // SAFETY: `cond_resched` may be called wherever sleeping is allowed; where it is not, the kernel's
    // own debug check reports it.
    unsafe { raw::cond_resched() };
}
