// SPDX-License-Identifier: GPL-2.0

//! The samples' files in sysfs, debugfs and `/proc`, and their place for a probe.

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

/// The function's name in the kernel's symbols, which is mangled.
fn symbol(function: &str) -> String {
    let symbols = fs::read_to_string("/proc/kallsyms").expect("reading /proc/kallsyms");
    // `__pfx_` is the padding before it.
    let found = symbols.lines().find(|line| {
        line.ends_with("[toolbox]")
            && line.contains(&format!("{}{function}", function.len()))
            && !line.contains("__pfx_")
    });
    let found = found.unwrap_or_else(|| panic!("no {function} among the module's symbols"));
    found.split_whitespace().nth(2).expect("a name").to_owned()
}

#[test]
fn a_function_is_traced_by_a_probe() {
    let Some(tracefs) = mounted("tracefs", "/sys/kernel/tracing") else {
        return;
    };
    let module = load(&[]);
    let symbol = symbol("probe_me");
    drop(module);
    // The module need not be there yet.
    let events = tracefs.join("kprobe_events");
    let probe = format!("p:toolbox/probe toolbox:{symbol} number=%di:u64\n");
    assert_eq!(write_once(&events, &probe), Ok(()));
    let enable = tracefs.join("events/toolbox/probe/enable");
    assert_eq!(write_once(&enable, "1"), Ok(()));
    drop(load(&[]));
    let trace = fs::read_to_string(tracefs.join("trace")).expect("reading the trace");
    assert_eq!(write_once(&enable, "0"), Ok(()));
    assert_eq!(write_once(&events, "-:toolbox/probe\n"), Ok(()));
    let hits = trace
        .lines()
        .filter(|line| line.contains(" probe: (") && line.ends_with(" number=4242"));
    assert_eq!(hits.count(), 1, "{trace}");
}
