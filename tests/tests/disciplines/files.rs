// SPDX-License-Identifier: GPL-2.0

//! Files of a spool, handed in and taken out whole.

use mydevice_tests::{Device, Module};

/// A module whose instance is a spool.
pub fn spool() -> Module {
    Module::load(&["discipline=spool"])
}

/// Makes a file of these writes.
#[track_caller]
pub fn hand_in(module: &Module, writes: &[&str]) {
    let writer = module.instance().writer();
    writes.iter().for_each(|write| writer.put(write));
}

/// All of the file that an open reads, up to its end.
#[track_caller]
pub fn whole(device: &Device) -> String {
    let mut text = String::new();
    loop {
        match device.take(100_000).as_str() {
            "" => return text,
            more => text += more,
        }
    }
}
