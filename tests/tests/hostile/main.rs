// SPDX-License-Identifier: GPL-2.0

//! Callers who mean harm: "no user input, and no order of calls, oopses, hangs, leaks or corrupts".

mod crowds;
mod descriptors;
mod greed;
mod ioctls;
mod lengths;
mod memory;
mod moving;
mod pointers;
mod random;
mod stalls;

use mydevice_tests::{Device, Instance};
use mydevice_uapi::ioctl::Stats;

/// Settings with which an instance of this discipline is soon full, and holds more than one record.
fn small(discipline: &str) -> String {
    match discipline {
        "stack" => "victim discipline=stack max_capacity=4096".to_owned(),
        other => format!("victim discipline={other} capacity=4096"),
    }
}

/// What came in went out, was dropped, or is still there.
#[track_caller]
fn assert_books_balance(instance: &Instance) {
    let device: Device = instance.nonblocking();
    let Stats {
        bytes_written,
        bytes_read,
        bytes_truncated,
        bytes_cleared,
        bytes_evicted,
        ..
    } = device.stats();
    let used = u64::from(device.status().bytes_used);
    let out = match instance.attribute("discipline").as_str() {
        // Reading takes nothing out.
        "buffer" | "log" => used + bytes_truncated + bytes_cleared + bytes_evicted,
        _ => bytes_read + used + bytes_truncated + bytes_cleared,
    };
    assert_eq!(bytes_written, out, "{:?}", device.stats());
    assert_eq!(instance.proc().bytes_used, used);
}
