// SPDX-License-Identifier: GPL-2.0

//! The program that measures: that it works. How fast anything is, no test asks.

use std::{env, path::Path};

use mydevice_figures::{Record, Work};
use mydevice_tests::guest::Process;

/// A quick run measures everything that can be measured in a guest on this kernel, with usable values.
#[test]
fn a_quick_run_measures_everything() {
    let program = env::var("MYDEVICE_BENCH")
        .expect("the path of the program in MYDEVICE_BENCH, as `cargo xtask test` sets it");
    let output = Process::start(&program, &["--quick"]).join();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);

    let record: Record = serde_json::from_slice(&output.stdout).expect("figures as JSON");
    for work in Work::ALL {
        let left_out = match work {
            Work::Build => true,
            Work::IdleMemory => !["tracing/events/kmem", "btf/vmlinux"]
                .iter()
                .all(|name| Path::new("/sys/kernel").join(name).exists()),
            _ => false,
        };
        let count = record.of(work).count();
        assert_eq!(count == 0, left_out, "{work:?}: {count} figures. {said}");
    }
    for figure in &record.figures {
        let usable = |value: &f64| value.is_finite() && *value >= 0.0;
        assert!(figure.values.iter().all(usable), "{figure:?}");
    }
}
