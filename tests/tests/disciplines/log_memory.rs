// SPDX-License-Identifier: GPL-2.0

//! `log`: its memory is its capacity, whatever the size of its records.

use mydevice_tests::{
    Instance, Module,
    group::{MemoryGroup, marks},
};

/// Bytes of records that the log holds.
const CAPACITY: u64 = 1 << 22;
/// The most memory that a full log may take, in parts of a hundred of its capacity.
const ALLOWED: u64 = 150;
/// What the kernel charges ahead for each CPU, what it has not yet added up, what a process that has ended leaves for a while,
/// and a few pages.
const SLACK: u64 = 1 << 20;

/// A log that is full takes about its capacity, also when it has evicted several times as much; CLEAR and removal give it
/// back.
#[test]
fn memory_is_its_capacity() {
    let _module = Module::load(&[]);
    let group = MemoryGroup::new("200M");
    // What every such process leaves in the kernel's caches, it leaves only once.
    group.sh("exec python3 -c 'import os'");
    let mut too_much = Vec::new();
    for size in [16, 100, 511, 513, 1000, 4096] {
        let before = settled(&group);
        let used = || group.kernel().saturating_sub(before);
        group.sh(&format!(
            "echo full discipline=log max_capacity={CAPACITY} capacity={CAPACITY} > /sys/class/mydevice_class/add"
        ));
        let log = Instance::named("mydevice-full");
        group.sh(&format!(
            "exec python3 -c \"
import os
fd = os.open('/dev/mydevice-full', os.O_WRONLY)
record = bytes({size})
for n in range(5 * {CAPACITY} // 2 // {size}): os.write(fd, record)\""
        ));
        let stored: u64 = log.attribute("bytes_used").parse().unwrap();
        assert!(
            stored + size > CAPACITY,
            "records of {size}: {stored} bytes are not all that fits"
        );
        let full = settled(&group).saturating_sub(before);
        println!(
            "records of {size}: {full} bytes of memory for {stored}, ratio {:.2}",
            full as f64 / stored as f64
        );
        assert!(
            full + SLACK >= stored,
            "{full} for {stored} is charged to somebody else"
        );
        if full > marks() * CAPACITY * ALLOWED / 100 + SLACK {
            too_much.push((size, full));
        }
        assert_eq!(log.remove(), Ok(()));
        mydevice_tests::eventually("it is given back", || used() <= SLACK);
    }
    assert!(
        too_much.is_empty(),
        "more than {ALLOWED} % of {CAPACITY}: {too_much:?} (size of the records, bytes of memory)"
    );
}

/// What the group is charged, once the kernel has brought that figure up to date, which it does every 2 seconds.
fn settled(group: &MemoryGroup) -> u64 {
    std::thread::sleep(std::time::Duration::from_millis(2500));
    group.kernel()
}
