// SPDX-License-Identifier: GPL-2.0

//! Lines in the log.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/printk.h`](srctree/include/linux/printk.h),
//! [`include/linux/dev_printk.h`](srctree/include/linux/dev_printk.h)
//!
//! What the log must show afterwards is checked by `tests/tests/toolbox`.

use kernel::{faux, pr_cont, pr_info_once, prelude::*, warn_on};

use crate::{
    kapi::{
        compat::samples::faux_device,
        dump::hex_dump,
        param::{module_param, Switch},
        print::debug_line,
        ratelimit::RateLimit,
    },
    ktap::{check_eq, suite, Suite},
};

pub(crate) const SUITE: Suite = suite!("printing":
    levels,
    a_line_goes_on,
    said_once,
    a_device_names_itself,
    a_limit_holds,
    a_switch_of_its_own,
    bytes_in_hex,
    a_warning_that_is_not_due,
);

fn levels() -> Result {
    let (name, size) = ("queue", 4096);
    // ANCHOR: levels
    pr_err!("{name}: no room for {size} bytes\n"); // pr_err("%s: no room for %zu bytes\n", name, size);
    pr_warn!("{name}: {size:#x} is odd\n"); // pr_warn("%s: %#zx is odd\n", name, size);
                                            // any type that derives Debug
    pr_info!("{name}: {:?}\n", Some(size));
    // ANCHOR_END: levels
    Ok(())
}

fn a_line_goes_on() -> Result {
    // ANCHOR: cont
    pr_info!("one,");
    pr_cont!(" two\n");
    // ANCHOR_END: cont
    Ok(())
}

// ANCHOR: once
/// `pr_info_once("said once\n");`, and `do_once_lite!` for anything else that is to happen once.
fn greet() {
    pr_info_once!("said once\n");
}
// ANCHOR_END: once

fn said_once() -> Result {
    greet();
    greet();
    Ok(())
}

fn a_device_names_itself() -> Result {
    let registration = faux::Registration::new(c"toolbox-print", None)?;
    let device = faux_device(&registration);
    let reason = EIO;
    // ANCHOR: dev
    dev_err!(device, "reset failed: {reason:?}\n"); // dev_err(dev, "reset failed: %pe\n", ERR_PTR(ret));
                                                    // dev_info(dev, "ready\n");
    dev_info!(device, "ready\n");
    // ANCHOR_END: dev
    Ok(())
}

// ANCHOR: ratelimit
/// `if (__ratelimit(&device->limit)) pr_warn("...");`
fn complain(limit: &RateLimit) -> bool {
    let allowed = limit.allows(c"toolbox");
    if allowed {
        pr_warn!("too fast\n");
    }
    allowed
}
// ANCHOR_END: ratelimit

fn a_limit_holds() -> Result {
    const HOUR: u32 = 60 * 60 * 1000;
    let limit = KBox::pin_init(RateLimit::new(HOUR, 3), GFP_KERNEL)?;
    let said = (0..10).filter(|_| complain(&limit)).count();
    check_eq!(said, 3);
    Ok(())
}

// ANCHOR: debug
module_param! {
    /// Takes the place of dynamic debug: one switch for the module.
    static VERBOSE: Switch = Switch::new(false);
    verbose: bool, 0o644, "lines at debug level (default N)"
}

fn step(number: u32) {
    if VERBOSE.get() {
        debug_line!("step {number}\n");
    }
}
// ANCHOR_END: debug

fn a_switch_of_its_own() -> Result {
    step(7);
    Ok(())
}

fn bytes_in_hex() -> Result {
    let bytes = *b"hello, hex dumps";
    // ANCHOR: hex
    hex_dump(c"toolbox: ", &bytes); // print_hex_dump(KERN_INFO, "toolbox: ", DUMP_PREFIX_OFFSET, 16, 1, ...);
                                    // printk("%*ph\n", ...), for a few
    pr_info!("{:02x?}\n", &bytes);
    // ANCHOR_END: hex
    Ok(())
}

// ANCHOR: warn
/// `if (WARN_ON(len > MAX)) return -EINVAL;`
pub(crate) fn checked(len: usize) -> Result<usize> {
    const MAX: usize = 4096;
    if warn_on!(len > MAX) {
        return Err(EINVAL);
    }
    Ok(len)
}
// ANCHOR_END: warn

fn a_warning_that_is_not_due() -> Result {
    check_eq!(checked(4096), Ok(4096));
    Ok(())
}
