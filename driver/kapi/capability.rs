// SPDX-License-Identifier: GPL-2.0

//! What the current task may do.
//!
//! C header: [`include/linux/capability.h`](srctree/include/linux/capability.h)

use kernel::bindings;

/// Whether the current task has `CAP_SYS_ADMIN` in the initial user namespace, and notes that it was used.
pub fn is_admin() -> bool {
    // SAFETY: Any capability may be asked for in the context of a task.
    unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as i32) }
}
