// SPDX-License-Identifier: GPL-2.0

//! Log lines at debug level.
//!
//! The kernel crate's `pr_debug!` is compiled out of every kernel without Rust debug assertions, and knows
//! nothing of dynamic debug. A driver with a switch of its own needs a line that is there.
//!
//! C header: [`include/linux/printk.h`](srctree/include/linux/printk.h)

use kernel::{
    fmt,
    print::{call_printk, format_strings},
};

/// Prints at debug level, whatever the build; see [`debug_line!`].
#[doc(hidden)]
pub fn debug(prefix: &'static core::ffi::CStr, args: fmt::Arguments<'_>) {
    // SAFETY: The format string is one of the crate's own, and the prefix ends with a NUL.
    unsafe { call_printk(&format_strings::DEBUG, prefix.to_bytes_with_nul(), args) };
}

/// Like `pr_debug!`, but always compiled in: for lines that a parameter switches on.
macro_rules! debug_line {
    ($($arg:tt)*) => {
        $crate::kapi::print::debug(
            <$crate::LocalModule as ::kernel::ModuleMetadata>::NAME,
            ::kernel::prelude::fmt!($($arg)*),
        )
    };
}
pub(crate) use debug_line;
