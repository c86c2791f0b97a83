// SPDX-License-Identifier: GPL-2.0

//! stress-ng's device stressor, which opens, polls, maps, seeks, reads and controls as no sane program does:
//! on every kind of node, and the kernel's log stays clean (which the end of each test looks at).

use mydevice_tests::{Instance, Module, guest::try_sh, instance::DISCIPLINES};

/// Seconds on each node.
const SECONDS: u32 = 3;

#[track_caller]
fn stress(node: &std::path::Path) {
    let line = format!(
        "stress-ng --dev 2 --dev-file {} --timeout {SECONDS} --oom-avoid --quiet",
        node.display()
    );
    let output = try_sh(&line);
    assert!(output.status.success(), "`{line}`: {output:?}");
}

/// A node for both directions, of each discipline.
#[test]
fn stress_ng_harms_no_discipline() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!("one discipline={discipline}"));
        instance.both().put("something to find");
        stress(&instance.node());
        // It works on.
        let device = instance.both();
        assert_eq!(device.clear(), Ok(()));
        device.put("works on");
        assert_eq!(device.take(100), "works on", "{discipline}");
        drop(device);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// The node of a split instance that can be read. On the other one the stressor never gets past its first
/// open, which is for reading: it is refused, and stress-ng 0.19 then spins without a system call.
#[test]
fn stress_ng_harms_no_pair() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1");
    stress(&pair.read_node());
    assert_eq!(pair.proc().open_count, 0);
    assert_eq!(pair.remove(), Ok(()));
}
