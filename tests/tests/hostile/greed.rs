// SPDX-License-Identifier: GPL-2.0

//! A user without privileges, in a small memory group, who asks for everything.

use mydevice_tests::{
    Instance, Module, eventually, group::MemoryGroup, guest::sh, instance::DISCIPLINES,
};

/// Its errors are clean, nobody is killed for want of memory, other instances work on, and what it took is given back.
#[test]
fn a_greedy_user_gets_clean_errors_and_harms_nobody() {
    let group = MemoryGroup::new("48M");
    let module = Module::load(&[]);
    let victims = DISCIPLINES.map(|discipline| {
        let victim = Instance::add(&format!("{discipline} discipline={discipline}"));
        // A spool takes page after page: left to itself it would take the group's last one, and what the group's own
        // process touches next would be its end.
        match discipline {
            "spool" => assert_eq!(victim.set_attribute("capacity", "20000000"), Ok(())),
            _ => assert_eq!(victim.set_attribute("max_capacity", "2147483647"), Ok(())),
        }
        sh(&format!("chmod 666 {}", victim.node().display()));
        victim
    });
    let before = group.kernel();
    let nodes = victims
        .clone()
        .map(|victim| victim.node().display().to_string());
    let said = group.sh(&format!(
        "ulimit -l unlimited && exec setpriv --reuid=65534 --regid=65534 --clear-groups {} {}",
        env!("CARGO_BIN_EXE_greedy"),
        nodes.join(" ")
    ));
    println!("{said}");
    assert!(said.contains("ENOMEM"), "it never came to the limit");
    let events = group.file("memory.events");
    assert!(events.lines().any(|line| line == "oom_kill 0"), "{events}");

    let other = module.instance().both();
    other.put("works on");
    assert_eq!(other.take(8), "works on");
    for victim in &victims {
        let device = victim.nonblocking();
        device.clear().expect("CLEAR");
        drop(device);
        victim.writer().put("works on");
        assert_eq!(
            victim.nonblocking().take(8),
            "works on",
            "{}",
            victim.name()
        );
        assert_eq!(victim.remove(), Ok(()));
    }
    eventually("the memory is given back", || {
        group.kernel() < before + (2 << 20)
    });
}
