// SPDX-License-Identifier: GPL-2.0

//! `apply`.

use std::fs;

use mydevice_tests::{Instance, Module};

use crate::tool::{ok, refused, run};

/// A file with that text, and its path.
fn file(text: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("its text");
    let path = file.path().display().to_string();
    (file, path)
}

#[test]
fn apply_makes_what_files_say_and_leaves_what_is_there() {
    let _module = Module::load(&[]);
    let (_one, one) = file("# two\njobs discipline=spool capacity=65536\n\nin split=1\n");
    let (_two, two) = file("boot discipline=log\n");
    assert_eq!(
        ok(&format!("apply {one} {two}")),
        "/dev/mydevice-jobs\n/dev/mydevice-in_w\n/dev/mydevice-in_r\n/dev/mydevice-boot\n"
    );
    let jobs = Instance::named("mydevice-jobs");
    assert_eq!(jobs.attribute("discipline"), "spool");
    assert_eq!(jobs.attribute("capacity"), "65536");
    jobs.writer().put("a job");
    assert_eq!(ok(&format!("apply {one} {two}")), "", "nothing is new");
    assert_eq!(jobs.attribute("bytes_used"), "5", "what it holds stays");
}

#[test]
fn apply_names_the_line_that_fails_and_goes_on() {
    let _module = Module::load(&[]);
    Instance::add("jobs");
    Instance::add("in split=1");
    Instance::add("out_w");
    for (line, said) in [
        ("jobs discipline=spool", "discipline=spool is asked for"),
        ("jobs split=1", "split=1 is asked for"),
        ("in_w", "node of mydevice-in, a split instance"),
        ("in_w", "`mydevicectl remove in`"),
        (
            "out split=1",
            "mydevice-out_w: an instance of that name is there",
        ),
        ("out split=1", "`mydevicectl remove out_w`"),
        ("Jobs", ":1: cannot add \"Jobs\": Invalid argument (EINVAL)"),
        ("Jobs", "a name is 1 to 32"),
        ("new capacity=2097152", "1048576 for a stream"),
        ("new capacity=2097152", "add max_capacity=2097152"),
        ("new capacity=0", "EINVAL"),
        ("new capacity=4K", "capacity=4K"),
    ] {
        let (_file, path) = file(&format!("{line}\nafter\n"));
        refused(&format!("apply {path}"), 6, &[&format!("{path}:1"), said]);
        ok("remove after");
    }
    refused("apply /nothing", 1, &["/nothing", "ENOENT"]);
    assert_eq!(run("status new").code, 4, "a line that fails makes nothing");
}

/// As on a machine that has no such files.
#[test]
fn apply_without_files_does_nothing() {
    let _module = Module::load(&[]);
    assert_eq!(ok("apply"), "");
}
