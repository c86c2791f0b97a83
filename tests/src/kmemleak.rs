// SPDX-License-Identifier: GPL-2.0

//! Memory that nothing points to any more, as the kernel finds it where it looks for such: kmemleak.

use std::{fs, path::Path, thread::sleep, time::Duration};

const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// It takes no younger memory for lost.
const AGE: Duration = Duration::from_secs(6);

/// Whether this kernel looks.
pub fn is_there() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// Checks that no memory is lost. Takes some seconds.
///
/// # Panics
///
/// If some is, and on a kernel that does not look.
#[track_caller]
pub fn assert_nothing_lost() {
    sleep(AGE);
    // Twice: a pointer that was in a register or on a stack the first time is not there again.
    for _ in 0..2 {
        fs::write(KMEMLEAK, "scan").expect("starting a scan of kmemleak");
    }
    let lost = fs::read_to_string(KMEMLEAK).expect("reading kmemleak");
    assert!(lost.is_empty(), "{lost}");
}
