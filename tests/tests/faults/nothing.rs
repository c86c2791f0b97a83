// SPDX-License-Identifier: GPL-2.0

//! What is left after all of it.

use std::{fs, thread, time::Duration};

use mydevice_tests::{Module, faults::Faults};

/// kmemleak takes no younger memory for lost.
const AGE: Duration = Duration::from_secs(6);

/// No memory is lost: kmemleak finds none, also after another load and unload.
#[test]
fn has_leaked() {
    // The message for a kernel that cannot do this.
    Faults::of_this_thread();
    drop(Module::load(&["devices=4"]));
    thread::sleep(AGE);
    let kmemleak = "/sys/kernel/debug/kmemleak";
    // Twice: a pointer that was in a register or on a stack the first time is not there again.
    for _ in 0..2 {
        fs::write(kmemleak, "scan").expect("starting a scan of kmemleak");
    }
    let lost = fs::read_to_string(kmemleak).expect("reading kmemleak");
    assert!(lost.is_empty(), "{lost}");
}
