// SPDX-License-Identifier: GPL-2.0

//! `apply`.

use std::fs;

use mydevice_tests::{Instance, Module};

use crate::tool::{command, ended, ok, refused, run};

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

/// What is there is left as it is, but whoever has changed its line is told how to make it so.
#[test]
fn apply_tells_what_was_changed_in_a_line() {
    let _module = Module::load(&[]);
    Instance::add("jobs discipline=spool capacity=65536");
    Instance::add("big capacity=1000 read_timeout_ms=5");
    for (line, note, set) in [
        (
            "jobs capacity=131072",
            "mydevice-jobs is there with capacity=65536; 131072 is asked for",
            "set jobs capacity=131072",
        ),
        (
            "jobs capacity=131072 on_empty=eof",
            "is there with on_empty=block; eof is asked for",
            "set jobs on_empty=eof",
        ),
        (
            "big capacity=2000000 read_timeout_ms=5 max_capacity=3000000",
            "is there with max_capacity=1048576 capacity=1000; max_capacity=3000000 capacity=2000000 is asked for",
            "set big max_capacity=3000000 capacity=2000000",
        ),
        (
            "big max_capacity=500 capacity=100 read_timeout_ms=6",
            "is there with capacity=2000000 read_timeout_ms=5 max_capacity=3000000",
            "set big capacity=100 read_timeout_ms=6 max_capacity=500",
        ),
    ] {
        let (_file, path) = file(&format!("\n{line}\n"));
        let said = run(&format!("apply {path}"));
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert!(
            said.err.starts_with(&format!("mydevicectl: {path}:2: ")),
            "{said:?}"
        );
        for part in [note, &format!("`mydevicectl {set}`")] {
            assert!(said.err.contains(part), "{part:?} is missing: {said:?}");
        }
        ok(set);
        let said = run(&format!("apply {path}"));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    }
    // What a stack has grown to was not set by anybody.
    let stack = Instance::add("undo discipline=stack capacity=16");
    stack.writer().put("x".repeat(100));
    assert_eq!(stack.attribute("capacity"), "128");
    let (_file, path) = file("undo capacity=16\n");
    assert_eq!(run(&format!("apply {path}")).err, "");
}

/// The kernel reads numbers as C does; a line of a file is read as people do.
#[test]
fn a_number_in_a_file_is_decimal() {
    let _module = Module::load(&[]);
    Instance::add("sysfs capacity=010");
    let (_file, path) = file("lines capacity=010\n");
    ok(&format!("apply {path}"));
    for (name, capacity) in [("mydevice-sysfs", "8"), ("mydevice-lines", "10")] {
        assert_eq!(Instance::named(name).attribute("capacity"), capacity);
    }
}

/// As in `mydevicectl apply | head -n 1`.
#[test]
fn apply_makes_all_also_if_nobody_reads_what_it_prints() {
    let _module = Module::load(&[]);
    let (_file, path) = file("one\ntwo\n");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut apply = command(&format!("apply {path}"));
    let run = ended(apply.stdout(writer).output().expect("running the tool"));
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    for name in ["mydevice-one", "mydevice-two"] {
        assert!(Instance::named(name).node().exists(), "{name}");
    }
}

/// As on a machine that has no such files.
#[test]
fn apply_without_files_does_nothing() {
    let _module = Module::load(&[]);
    assert_eq!(ok("apply"), "");
}
