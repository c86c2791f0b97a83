// SPDX-License-Identifier: GPL-2.0

//! The samples' files in sysfs, debugfs and `/proc`, and what tracefs makes of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mydevice_tests::guest::{sh, write_once};
use nix::errno::Errno;

use super::load;

/// Where a file system of that type is, mounted if need be; None if the kernel has none.
fn mounted(kind: &str, place: &str) -> Option<PathBuf> {
    let known = fs::read_to_string("/proc/filesystems").expect("reading /proc/filesystems");
    if !known
        .lines()
        .any(|line| line.split('\t').next_back() == Some(kind))
    {
        eprintln!("this kernel has no {kind}");
        return None;
    }
    sh(&format!(
        "grep -q ' {place} {kind} ' /proc/mounts || mount -t {kind} {kind} {place}"
    ));
    Some(place.into())
}

#[test]
fn a_parameter_is_a_checked_file() {
    let module = load(&["depth=16"]);
    assert_eq!(module.parameter("depth"), "16");
    assert_eq!(module.set_parameter("depth", "64"), Ok(()));
    assert_eq!(module.set_parameter("depth", "65"), Err(Errno::EINVAL));
    assert_eq!(module.parameter("depth"), "64");
}

#[test]
fn an_entry_in_proc_is_made_anew_for_each_reader() {
    let module = load(&[]);
    let read = || fs::read_to_string("/proc/toolbox").expect("reading /proc/toolbox");
    assert_eq!(read(), "depth: 8\nreads: 1\n");
    assert_eq!(module.set_parameter("depth", "9"), Ok(()));
    assert_eq!(read(), "depth: 9\nreads: 2\n");
    drop(module);
    assert!(!Path::new("/proc/toolbox").exists());
}

#[test]
fn a_file_in_debugfs_is_read_and_written() {
    let Some(debugfs) = mounted("debugfs", "/sys/kernel/debug") else {
        return;
    };
    let module = load(&[]);
    let knob = debugfs.join("toolbox/knob");
    let read = || fs::read_to_string(&knob).expect("reading the knob");
    assert_eq!(read().trim_end(), "5");
    assert_eq!(write_once(&knob, "77\n"), Ok(()));
    assert_eq!(read().trim_end(), "77");
    assert_eq!(write_once(&knob, "no number\n"), Err(Errno::EINVAL));
    drop(module);
    assert!(!debugfs.join("toolbox").exists());
}

/// They are compiled without what ftrace marks its functions by, and Debian's kernels take no probe on others
/// (`CONFIG_KPROBE_EVENTS_ON_NOTRACE`).
#[test]
fn functions_in_rust_take_no_probe() {
    let Some(tracefs) = mounted("tracefs", "/sys/kernel/tracing") else {
        return;
    };
    let events = tracefs.join("kprobe_events");
    if !events.exists() {
        eprintln!("this kernel has no probes");
        return;
    }
    let _module = load(&[]);
    let symbols = fs::read_to_string("/proc/kallsyms").expect("reading /proc/kallsyms");
    let probe = |name: &str| {
        let symbol = symbols
            .lines()
            .filter(|line| line.ends_with("[toolbox]") && !line.contains("__pfx_"))
            .find(|line| line.contains(name))
            .and_then(|line| line.split_whitespace().nth(2))
            .unwrap_or_else(|| panic!("no {name} among the module's symbols"));
        let probed = write_once(&events, &format!("p:toolbox/probe toolbox:{symbol}\n"));
        if probed.is_ok() {
            assert_eq!(write_once(&events, "-:toolbox/probe\n"), Ok(()));
        }
        probed
    };
    // The one function in C is probed.
    assert_eq!(probe("kapi_helper_ratelimit_state_init"), Ok(()));
    assert_eq!(probe("what_is_released_is_acquired"), Err(Errno::EINVAL));
}
