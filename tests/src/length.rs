// SPDX-License-Identifier: GPL-2.0

//! How long a test goes on.

use std::env;

/// How often to repeat what is repeated: `slice` times by default, `full` times where `MYDEVICE_FULL=1` asks for the
/// full length, and where a variable of the name `variable` is set, as often as that says: a long run can be cut in
/// pieces so.
#[track_caller]
pub fn length(variable: &str, slice: u64, full: u64) -> u64 {
    match env::var(variable) {
        Ok(number) => number
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={number}: not a number")),
        Err(_) if env::var("MYDEVICE_FULL").is_ok_and(|value| value == "1") => full,
        Err(_) => slice,
    }
}
