// SPDX-License-Identifier: GPL-2.0

//! What many loads and unloads leave behind.

use std::fs;

use mydevice_tests::{Module, guest::entries};

/// Unload leaves no node, no `/proc` or sysfs entry, no memory: after 100 cycles (`MYDEVICE_LOAD_CYCLES` sets
/// another number) the kernel holds what it held before.
#[test]
fn loads_and_unloads_leave_nothing() {
    let cycles = std::env::var("MYDEVICE_LOAD_CYCLES")
        .map_or(100, |n| n.parse().expect("MYDEVICE_LOAD_CYCLES: a number"));
    let cycle = || {
        let module = Module::load(&["devices=4", "buffer_size=65536"]);
        let device = module.instance().both();
        device.put([b'x'; 65536]);
        drop(device);
    };
    // What is allocated once and kept, by whatever part of the kernel, is not ours to count.
    (0..5).for_each(|_| cycle());
    let before = kernel_memory();
    (0..cycles).for_each(|_| cycle());
    let after = kernel_memory();

    let grown = after.saturating_sub(before);
    println!("{cycles} cycles: {grown} KiB more than before");
    // A page lost in each cycle would be 4 KiB each; the rest of the kernel breathes by less than 150.
    assert!(
        grown < 150 + 2 * cycles,
        "{grown} KiB are gone after {cycles} cycles"
    );
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

/// KiB that the kernel has taken for itself and cannot give back.
fn kernel_memory() -> u64 {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").expect("dropping caches");
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    ["SUnreclaim:", "VmallocUsed:", "Percpu:"]
        .iter()
        .map(|key| {
            let line = meminfo
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_else(|| panic!("{key} in /proc/meminfo"));
            line.trim()
                .trim_end_matches(" kB")
                .parse::<u64>()
                .expect("a number of KiB")
        })
        .sum()
}
