// SPDX-License-Identifier: GPL-2.0

//! `dump` and `load`.

use std::{io::Read, process::Stdio};

use mydevice_tests::{Instance, Module, guest::sh};
use tempfile::TempDir;

use crate::tool::{Run, command, ended, ok, program, refusal, refused, run};

/// A place for a dump.
fn place() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump").display().to_string();
    (folder, file)
}

/// What an instance holds, read without waiting: one read of `max` bytes after the other.
fn reads(instance: &Instance, max: usize) -> Vec<String> {
    let device = instance.nonblocking();
    let mut reads = Vec::new();
    while let Ok(bytes) = device.read(max)
        && !bytes.is_empty()
    {
        reads.push(String::from_utf8(bytes).unwrap());
        // On to the next file; elsewhere this is ENOTTY.
        let _ = device.next();
    }
    reads
}

#[test]
fn every_discipline_comes_back_with_its_boundaries() {
    let _module = Module::load(&[]);
    let pieces = ["first\n", "second piece\n", "3"];
    for (discipline, expected) in [
        ("stream", vec!["first\nsecond piece\n3"]),
        ("buffer", vec!["first\nsecond piece\n3"]),
        ("log", pieces.to_vec()),
        ("spool", pieces.to_vec()),
        ("stack", vec!["3", "second piece\n", "first\n"]),
    ] {
        let (_folder, file) = place();
        let source = Instance::add(&format!("a discipline={discipline}"));
        for piece in pieces {
            source.writer().put(piece);
        }
        let said = run(&format!("dump a {file}"));
        assert_eq!(said.code, 0, "{said:?}");
        let count = if expected.len() == 1 {
            "1 piece"
        } else {
            "3 pieces"
        };
        assert_eq!(
            said.err,
            format!("mydevice-a: 20 bytes in {count}\n"),
            "{discipline}"
        );
        let takes = !matches!(discipline, "buffer" | "log");
        let left = source.proc().bytes_used;
        assert_eq!(left, if takes { 0 } else { 20 }, "{discipline}");

        let target = Instance::add(&format!("b discipline={discipline}"));
        let said = run(&format!("load b {file}"));
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert_eq!(reads(&target, 100), expected, "{discipline}");
        assert_eq!(ok("remove a b"), "");
    }
}

#[test]
fn pieces_longer_than_any_buffer() {
    let _module = Module::load(&[]);
    let (_folder, file) = place();
    for discipline in ["stack", "spool"] {
        for name in ["a", "b"] {
            Instance::add(&format!(
                "{name} discipline={discipline} max_capacity=4000000"
            ));
        }
        sh("head -c 2000000 /dev/urandom > /tmp/long");
        sh(
            "dd if=/tmp/long of=/dev/mydevice-a bs=2000000 status=none; echo short > /dev/mydevice-a",
        );
        ok(&format!("dump -f a {file}"));
        ok(&format!("load b {file}"));
        sh(&format!(
            "{} dump b > /tmp/again && cmp {file} /tmp/again",
            program().display()
        ));
        assert_eq!(ok("remove a b"), "");
    }
    sh("rm /tmp/long /tmp/again");
}

/// Through a pipe, from one instance into another.
#[test]
fn a_dump_goes_through_a_pipe() {
    let _module = Module::load(&[]);
    let (a, b) = (
        Instance::add("a discipline=spool"),
        Instance::add("b discipline=spool"),
    );
    a.writer().put("one");
    a.writer().put("two");
    let tool = program().display().to_string();
    sh(&format!("{tool} dump a | {tool} load b"));
    assert_eq!(reads(&b, 100), ["one", "two"]);
}

/// A dump takes what there was when it began, also of a file that is still being written.
#[test]
fn a_dump_waits_for_nobody() {
    let _module = Module::load(&["discipline=spool"]);
    let (_folder, file) = place();
    let said = run(&format!("dump mydevice {file}"));
    assert_eq!(said.err, "mydevice: 0 bytes in 0 pieces\n");
    let spool = Instance::named("mydevice");
    let writer = spool.writer();
    writer.put("half");
    let said = run(&format!("dump -f mydevice {file}"));
    assert!(
        said.err
            .contains("4 bytes in 1 piece; the last file is still being written"),
        "{said:?}"
    );
    writer.put("the rest");
    drop(writer);
    assert_eq!(reads(&spool, 100), ["the rest"]);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_put_in() {
    let module = Module::load(&[]);
    let (_folder, file) = place();
    let log = Instance::add("log discipline=log");
    log.writer().put("record");
    ok(&format!("dump log {file}"));
    refused(
        &format!("load mydevice {file}"),
        6,
        &[
            "a dump of a log",
            "keeps records",
            "keeps bytes",
            "--discipline log",
        ],
    );
    refused(&format!("dump log {file}"), 1, &["EEXIST", "--force"]);
    refused("dump log /nowhere/dump", 1, &["ENOENT", "/nowhere/dump"]);
    refused("load log /nowhere/dump", 1, &["ENOENT", "mydevicectl dump"]);
    refused("load log /etc/passwd", 6, &["no whole dump"]);
    sh(&format!("truncate -s -1 {file}; truncate -s -3 {file}"));
    refused(
        &format!("load log {file}"),
        6,
        &["no whole dump", "1 piece"],
    );
    assert_eq!(log.proc().bytes_used, 6);
    assert_eq!(module.instance().proc().write_count, 0);
}

#[test]
fn a_load_into_a_full_one_says_how_far_it_came() {
    let _module = Module::load(&[]);
    let (_folder, file) = place();
    let stack = Instance::add("stack discipline=stack max_capacity=100");
    for piece in ["12345678", "1234", "12"] {
        stack.writer().put(piece);
    }
    ok(&format!("dump stack {file}"));
    let small = Instance::add("small discipline=stack max_capacity=8");
    refused(
        &format!("load small {file}"),
        7,
        &[
            "piece 2 of 3",
            "EAGAIN",
            "1 of 3 pieces are in, 8 bytes",
            "set mydevice-small max_capacity=",
            "--wait",
        ],
    );
    assert_eq!(small.proc().bytes_used, 8);
    Instance::add("tiny discipline=stack max_capacity=7");
    refused(
        &format!("load tiny {file}"),
        6,
        &[
            "piece 1 of 3",
            "EMSGSIZE",
            "0 of 3",
            "set mydevice-tiny max_capacity=",
        ],
    );
    // Somebody reads.
    ok("clear small");
    let reader = std::thread::spawn({
        let device = small.reader();
        let on_empty = small.set_attribute("on_empty", "block");
        assert_eq!(on_empty, Ok(()));
        move || device.collect(14)
    });
    ok(&format!("load --wait small {file}"));
    assert_eq!(reader.join().unwrap().len(), 14);
}

/// Waiting would not help.
#[test]
fn a_full_buffer_is_to_be_cleared_or_resized() {
    let _module = Module::load(&[]);
    let (_folder, file) = place();
    let buffer = Instance::add("a discipline=buffer capacity=10");
    buffer.writer().put("0123456789");
    ok(&format!("dump a {file}"));
    for wait in ["", " --wait"] {
        refused(
            &format!("load a {file}{wait}"),
            7,
            &[
                "ENOSPC",
                "0 of 1 pieces are in, 0 bytes",
                "clear mydevice-a",
                "resize mydevice-a",
                "a buffer never waits",
            ],
        );
    }
    ok("resize a 20");
    ok(&format!("load a {file}"));
}

/// A run whose output somebody begins to read, and then does not go on. It must print more than a pipe holds, so that it
/// cannot be through before.
fn left_alone(words: &str) -> Run {
    let mut tool = command(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = tool.stdout.take().unwrap();
    out.read_exact(&mut [0; 40]).unwrap();
    drop(out);
    ended(tool.wait_with_output().unwrap())
}

/// Who reads a list may stop; who reads a dump, and stops, loses what was taken for it.
#[test]
fn a_dump_whose_reader_goes_says_what_it_has_taken() {
    let _module = Module::load(&[]);
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let run = ended(command("list").stdout(closed()).output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");

    let stream = Instance::add("a capacity=1000000");
    stream.writer().put("x".repeat(300_000));
    let run = ended(command("dump a").stdout(closed()).output().unwrap());
    refusal(&run, "dump", 1, &["EPIPE", "nothing was taken"]);
    assert_eq!(stream.proc().bytes_used, 300_000);

    let run = left_alone("dump a");
    let taken = 300_000 - stream.proc().bytes_used;
    assert!(taken > 0, "{run:?}");
    let said = format!("{taken} bytes in {} piece", taken.div_ceil(1 << 16));
    refusal(&run, "dump", 1, &["EPIPE", &said, "taken from mydevice-a"]);

    let log = Instance::add("b discipline=log capacity=1000000");
    for _ in 0..3 {
        log.writer().put("x".repeat(100_000));
    }
    let run = left_alone("dump b");
    refusal(&run, "dump", 1, &["EPIPE", "nothing is lost"]);
}

#[test]
fn a_dump_onto_a_full_disk_says_what_it_has_taken() {
    let _module = Module::load(&[]);
    let (folder, file) = place();
    let stack = Instance::add("a discipline=stack");
    let log = Instance::add("b discipline=log capacity=65536");
    for instance in [&stack, &log] {
        for _ in 0..4 {
            instance.writer().put("x".repeat(8000));
        }
    }
    refused("dump -f a /dev/full", 1, &["ENOSPC", "nothing was taken"]);
    assert_eq!(stack.proc().bytes_used, 32000);

    // Room for two of them.
    let folder = folder.path().display().to_string();
    sh(&format!("mount -t tmpfs -o size=16k none {folder}"));
    refused(
        &format!("dump a {file}"),
        1,
        &[
            "ENOSPC",
            "8000 bytes in 1 piece were taken from mydevice-a and are lost",
            "has the 16000 bytes in 2 pieces before",
        ],
    );
    assert_eq!(stack.proc().bytes_used, 8000);
    refused(
        &format!("dump -f b {file}"),
        1,
        &["ENOSPC", "nothing is lost"],
    );
    assert_eq!(log.proc().bytes_used, 32000);
    sh(&format!("umount {folder}"));
}
