// SPDX-License-Identifier: GPL-2.0

//! coreutils: `cat`, `tee`, `dd`, `tail -f`, `split`.

use std::io::BufRead;

use mydevice_tests::{
    Module,
    guest::{Process, sh},
};
use tempfile::TempDir;

/// A folder with a file `job` of 500000 bytes or so, none of them like the next line's.
fn folder_with_a_job() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    sh(&format!("seq 80000 > {at}/job"));
    (folder, at)
}

/// A stream that ends, as a named pipe does, when its last writer has gone.
fn stream_that_ends() -> Module {
    let module = Module::load(&[]);
    assert_eq!(
        module.instance().set_attribute("on_empty", "hangup"),
        Ok(())
    );
    module
}

/// `cat` into a stream and out of it, at the same time.
#[test]
fn cat_carries_a_file() {
    let _module = stream_that_ends();
    let (_folder, at) = folder_with_a_job();
    sh(&format!(
        "cd {at}; cat /dev/mydevice > got & cat job > /dev/mydevice; wait; cmp job got"
    ));
}

/// `tee` writes to the device and to its output.
#[test]
fn tee_copies_as_it_passes() {
    let _module = stream_that_ends();
    let (_folder, at) = folder_with_a_job();
    sh(&format!(
        "cd {at}; cat /dev/mydevice > got & tee /dev/mydevice < job > copy; wait; cmp job got && cmp job copy"
    ));
}

/// `dd`, in blocks that do not fit the capacity; a full block a read where it asks for that.
#[test]
fn dd_moves_blocks() {
    let _module = stream_that_ends();
    let (_folder, at) = folder_with_a_job();
    let dd = "dd status=none";
    sh(&format!(
        "cd {at}; {dd} if=/dev/mydevice of=got bs=10000 iflag=fullblock & \
         {dd} if=job of=/dev/mydevice bs=7777; wait; cmp job got"
    ));
    // Each read of a stack is a record.
    sh("echo stack > /sys/class/mydevice_class/mydevice/discipline");
    sh("for n in 1 2 3; do printf $n$n$n > /dev/mydevice; done");
    assert_eq!(
        sh("dd if=/dev/mydevice bs=100 count=2 status=none"),
        "333222"
    );
}

/// `split` cuts what comes out into files.
#[test]
fn split_cuts_what_comes_out() {
    let _module = stream_that_ends();
    let (_folder, at) = folder_with_a_job();
    sh(&format!(
        "cd {at}; split -b 60000 - part. < /dev/mydevice & cat job > /dev/mydevice; wait; cat part.* | cmp job"
    ));
    sh(&format!(
        "cd {at}; test $(ls part.* | wc -l) = $((($(wc -c < job) + 59999) / 60000))"
    ));
}

/// `tail -f` follows a log, started after the fact: where reads end (`eof`), it knows the last lines.
#[test]
fn tail_follows_a_log() {
    for (lines, first) in [("+1", 1), ("3", 18)] {
        let module = Module::load(&["discipline=log"]);
        assert_eq!(module.instance().set_attribute("on_empty", "eof"), Ok(()));
        sh("for n in $(seq 20); do echo line $n > /dev/mydevice; done");
        let mut tail = Process::start("tail", &["-n", lines, "-f", "-s", "0.1", "/dev/mydevice"]);
        let mut output = tail.said(&format!("line {first}"));
        for n in first + 1..=20 {
            assert_eq!(line(&mut output), format!("line {n}\n"));
        }
        for n in 1..=3 {
            sh(&format!("echo {n} more > /dev/mydevice"));
            assert_eq!(line(&mut output), format!("{n} more\n"));
        }
    }
}

/// Any number of people follow a log that waits at its end (`block`), each with `cat` or with `tail -f`, started after
/// the fact: all see what was there and what comes, sleep in between, and know nothing of each other. (Into a terminal
/// `tail` writes line by line, into a pipe only when it is told to.)
#[test]
fn many_people_follow_a_log() {
    let _module = Module::load(&["discipline=log"]);
    sh("for n in 1 2 3; do echo line $n > /dev/mydevice; done");
    let start = |tool: &[&str]| {
        let mut process = Process::start(tool[0], &tool[1..]);
        let mut output = process.said("line 1");
        for n in 2..=3 {
            assert_eq!(line(&mut output), format!("line {n}\n"), "{tool:?}");
        }
        (process, output)
    };
    let cat: &[&str] = &["cat", "/dev/mydevice"];
    let tail: &[&str] = &["stdbuf", "-oL", "tail", "-n", "+1", "-f", "/dev/mydevice"];
    let mut people = [cat, tail, cat, tail, tail]
        .map(start)
        .into_iter()
        .collect::<Vec<_>>();
    for n in 1..=4 {
        for (process, _) in &people {
            process.asleep_in(libc::SYS_read);
        }
        sh(&format!("echo {n} more > /dev/mydevice"));
        for (_, output) in &mut people {
            assert_eq!(line(output), format!("{n} more\n"));
        }
        // One has seen enough.
        people.pop();
    }
    assert_eq!(
        sh("cat /sys/class/mydevice_class/mydevice/bytes_used"),
        "49\n"
    );
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output
        .read_line(&mut line)
        .expect("reading what tail printed");
    line
}

/// A shell pipeline through two devices.
#[test]
fn a_pipeline_goes_through_two_devices() {
    let module = Module::load(&["devices=2"]);
    for name in ["mydevice", "mydevice1"] {
        let instance = mydevice_tests::Instance::named(name);
        assert_eq!(instance.set_attribute("on_empty", "hangup"), Ok(()));
    }
    let (_folder, at) = folder_with_a_job();
    sh(&format!(
        "cd {at}; tr 0-9 a-j < /dev/mydevice > /dev/mydevice1 & tac /dev/mydevice1 > got & \
         sort -R job | tee sent > /dev/mydevice; wait; tr 0-9 a-j < sent | tac | cmp - got"
    ));
    module.unload();
}
