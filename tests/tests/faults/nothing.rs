// SPDX-License-Identifier: GPL-2.0

//! What is left after all of it.

use mydevice_tests::{Module, faults::Faults, kmemleak};

/// No memory is lost: kmemleak finds none, also after another load and unload.
#[test]
fn has_leaked() {
    // The message for a kernel that cannot do this.
    Faults::of_this_thread();
    drop(Module::load(&["devices=4"]));
    kmemleak::assert_nothing_lost();
}
