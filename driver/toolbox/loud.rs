// SPDX-License-Identifier: GPL-2.0

//! What makes a log look like that of a kernel in trouble, and is tested only if the parameter `loud` asks for it.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/asm-generic/bug.h`](srctree/include/asm-generic/bug.h),
//! [`include/linux/printk.h`](srctree/include/linux/printk.h)

use kernel::prelude::*;

use crate::{
    kapi::dump::dump_stack,
    ktap::{check_eq, suite, Suite},
    printing::checked,
};

pub(crate) const SUITE: Suite = suite!("loud":
    a_warning_goes_on,
    the_stack_is_shown,
);

fn a_warning_goes_on() -> Result {
    check_eq!(checked(4097), Err(EINVAL));
    Ok(())
}

fn the_stack_is_shown() -> Result {
    // ANCHOR: stack
    dump_stack(); // dump_stack();
                  // ANCHOR_END: stack
    Ok(())
}
