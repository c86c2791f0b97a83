// SPDX-License-Identifier: GPL-2.0

//! Bytes and the stack in the log.
//!
//! C header: [`include/linux/printk.h`](srctree/include/linux/printk.h) (`print_hex_dump`, `dump_stack`)

use kernel::{bindings, prelude::*};

/// Prints bytes at info level, 16 a line, each line with `prefix`, its offset, and the bytes as ASCII at its end.
pub fn hex_dump(prefix: &CStr, bytes: &[u8]) {
    // SAFETY: Both strings end with a NUL, and `bytes` is valid for reading its length.
    unsafe {
        bindings::print_hex_dump(
            bindings::KERN_INFO.as_ptr().cast(),
            prefix.as_char_ptr(),
            bindings::DUMP_PREFIX_OFFSET as c_int,
            16,
            1,
            bytes.as_ptr().cast(),
            bytes.len(),
            true,
        )
    };
}

/// Prints the calls that lead here. May be called anywhere.
pub fn dump_stack() {
    // SAFETY: No requirements.
    unsafe { bindings::dump_stack() };
}
