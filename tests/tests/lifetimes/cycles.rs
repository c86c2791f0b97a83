// SPDX-License-Identifier: GPL-2.0

//! What many loads and unloads leave behind.

use mydevice_tests::{Instance, Module, guest::entries, instance::DISCIPLINES, length};

use crate::assert_no_growth;

/// Unload leaves no node, no `/proc` or sysfs entry, no memory: after 100 cycles (`MYDEVICE_LOAD_CYCLES` sets
/// another number) the kernel holds what it held before.
#[test]
fn loads_and_unloads_leave_nothing() {
    let cycles = length("MYDEVICE_LOAD_CYCLES", 100, 1_000);
    assert_no_growth((cycles / 10).clamp(5, 100), cycles, 150, |cycle| {
        let module = Module::load(&["devices=4", "buffer_size=65536"]);
        let device = module.instance().both();
        device.put([b'x'; 65536]);
        let discipline = DISCIPLINES[cycle as usize % DISCIPLINES.len()];
        let added = Instance::add(&format!("added discipline={discipline}"));
        added.writer().put([b'x'; 1000]);
    });
    for folder in [
        "/dev",
        "/proc",
        "/sys/class",
        "/sys/module",
        "/sys/kernel/debug",
    ] {
        let left: Vec<_> = entries(folder)
            .into_iter()
            .filter(|name| name.contains("mydevice"))
            .collect();
        assert!(left.is_empty(), "{left:?} in {folder}");
    }
}
