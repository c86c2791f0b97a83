// SPDX-License-Identifier: GPL-2.0

//! io_uring, which needs no worker thread at depth 1 a direction.

use std::fs;

use io_uring::{IoUring, squeue::Entry};
use mydevice_tests::{
    Device, Instance, Module,
    device::GONE,
    eventually,
    instance::DISCIPLINES,
    uring::{self, Multishot, result, submit, wait},
};
use nix::{errno::Errno, poll::PollFlags};

fn read(device: &Device, buffer: &mut [u8]) -> Entry {
    uring::read(device, buffer.as_mut_ptr(), buffer.len())
}

fn write(device: &Device, bytes: &[u8]) -> Entry {
    uring::write(device, bytes.as_ptr(), bytes.len())
}

/// The names of this process's threads that io_uring made.
fn workers() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("iou-")).collect()
}

/// A read that is submitted before there is data completes when data comes, without a worker thread.
#[test]
fn a_read_completes_when_data_comes() {
    for discipline in DISCIPLINES {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        assert_eq!(module.instance().set_attribute("on_empty", "block"), Ok(()));
        let (reader, writer) = (module.instance().reader(), module.instance().writer());
        let mut ring = IoUring::new(8).expect("io_uring");
        for round in 0..50u8 {
            let mut buffer = [0; 100];
            submit(&mut ring, &read(&reader, &mut buffer));
            assert_eq!(result(&mut ring), None, "{discipline}: it waits for data");
            writer.put([round; 5]);
            assert_eq!(wait(&mut ring), 5, "{discipline}: round {round}");
            assert_eq!(buffer[..5], [round; 5]);
            assert_eq!(
                workers(),
                Vec::<String>::new(),
                "{discipline}: round {round}"
            );
        }
    }
}

/// A write that is submitted while there is no room completes when room comes, wherever writers wait; it may be short.
#[test]
fn a_write_completes_when_room_comes() {
    let _module = Module::load(&[]);
    for (discipline, len) in [("stream", 15), ("spool", 15), ("stack", 8)] {
        let instance = full(discipline);
        let device = instance.both();
        let mut ring = IoUring::new(8).expect("io_uring");
        for round in 0..50u8 {
            device.put("0123456789");
            let bytes = vec![round; len];
            submit(&mut ring, &write(&device, &bytes));
            assert_eq!(result(&mut ring), None, "{discipline}: it waits for room");
            assert_eq!(device.collect(10), b"0123456789");
            let n = wait(&mut ring);
            // More than the capacity where a spool's reader has taken all of the file.
            assert!(
                (1..=len as i32).contains(&n),
                "{discipline}: round {round}: {n}"
            );
            assert_eq!(device.collect(n as usize), vec![round; n as usize]);
            assert_eq!(
                workers(),
                Vec::<String>::new(),
                "{discipline}: round {round}"
            );
        }
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// An instance that 10 bytes fill.
fn full(discipline: &str) -> Instance {
    Instance::add(&format!(
        "full discipline={discipline} capacity=10 max_capacity=10"
    ))
}

/// A read that goes on by itself brings what comes, message by message, until the end, without a worker thread.
#[test]
fn a_multishot_read_brings_what_comes() {
    let _module = Module::load(&[]);
    for discipline in ["stream", "log", "stack"] {
        let instance = Instance::add(&format!("many discipline={discipline} on_empty=hangup"));
        let writer = instance.writer();
        let mut reads = Multishot::new(&instance.reader());
        for round in 0..200u8 {
            writer.put([round; 5]);
            assert_eq!(reads.read(), Ok(vec![round; 5]), "{discipline}");
        }
        // More than it has memory for at once.
        for round in 0..20u8 {
            writer.put([round; 64]);
        }
        let mut got: Vec<_> = (0..20).map(|_| reads.read().expect("a read")).collect();
        got.sort();
        let sent: Vec<_> = (0..20u8).map(|round| vec![round; 64]).collect();
        assert_eq!(got, sent, "{discipline}");
        drop(writer);
        assert_eq!(reads.read(), Ok(Vec::new()), "{discipline}: the end");
        assert_eq!(workers(), Vec::<String>::new(), "{discipline}");
        drop(reads);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// A poll that waits for these events.
fn polls(device: &Device, events: PollFlags) -> IoUring {
    let mut ring = IoUring::new(8).expect("io_uring");
    submit(&mut ring, &uring::poll(device, events));
    ring
}

/// What a poll was given, if it has ended.
fn polled(ring: &mut IoUring) -> Option<PollFlags> {
    // Whoever was told may have to look, which is done on its way out of a call.
    ring.submit().expect("entering the kernel");
    result(ring).map(|events| PollFlags::from_bits_retain(events as i16))
}

/// A poll that waits is told of the end when there is nothing left, and not when the last writer closes.
#[test]
fn a_poll_is_told_of_a_hangup_at_the_end_alone() {
    let _module = Module::load(&[]);
    for discipline in ["stream", "log", "stack", "spool"] {
        let instance = Instance::add(&format!("ends discipline={discipline} on_empty=hangup"));
        let (writer, reader) = (instance.writer(), instance.reader());
        // In a spool, of a file of its own, with another one behind it.
        writer.put("x");
        if discipline == "spool" {
            assert_eq!(reader.take(1), "x");
            instance.writer().put("y");
        }
        let mut ring = polls(&reader, PollFlags::empty());
        drop(writer);
        assert_eq!(polled(&mut ring), None, "{discipline}");
        assert!(!reader.ready().contains(PollFlags::POLLHUP), "{discipline}");
        if discipline == "spool" {
            assert_eq!(reader.next(), Ok(()));
        }
        assert_eq!(reader.read(1).map(|got| got.len()), Ok(1), "{discipline}");
        let hup = PollFlags::POLLHUP;
        assert_eq!(polled(&mut ring), Some(hup), "{discipline}");
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// A poll is told of nothing by a CLEAR or a RESIZE, which bring nothing to read.
#[test]
fn a_poll_is_told_of_no_overhaul() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!("bare discipline={discipline} on_empty=block"));
        let (device, reader) = (instance.both(), instance.reader());
        let mut ring = polls(&reader, PollFlags::POLLIN);
        assert_eq!((device.clear(), device.resize(100)), (Ok(()), Ok(())));
        assert_eq!(polled(&mut ring), None, "{discipline}");
        device.put("x");
        assert_eq!(polled(&mut ring), Some(PollFlags::POLLIN), "{discipline}");
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// A poll that waits when its instance is removed is told so, and of nothing else.
#[test]
fn w8_a_poll_is_told_of_the_removal_alone() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline} on_empty=block"));
        let reader = victim.reader();
        let mut ring = polls(&reader, PollFlags::POLLIN);
        assert_eq!(victim.remove(), Ok(()));
        assert_eq!(polled(&mut ring), Some(GONE), "{discipline}");
    }
}

/// A poll for a spool's file is told of that file: neither of others, nor of room that is not there.
#[test]
fn a_poll_is_told_of_its_own_file_alone() {
    let _module = Module::load(&[]);
    let instance = Instance::add("files discipline=spool capacity=10");
    let (first, second) = (instance.writer(), instance.writer());
    first.put("x");
    let follower = instance.reader();
    assert_eq!(follower.take(1), "x");
    let mut reads = polls(&follower, PollFlags::POLLIN);
    second.put("0123456789");
    assert_eq!(polled(&mut reads), None, "of another file");

    let mut writes = polls(&second, PollFlags::POLLOUT);
    // Who lets go of a file makes no room.
    let reader = instance.reader();
    assert_eq!(reader.take(0), "");
    let other = instance.nonblocking();
    assert_eq!(other.write(b"y"), Err(Errno::EAGAIN));
    drop((reader, other));
    first.put("z");
    assert_eq!(polled(&mut reads), Some(PollFlags::POLLIN));
    assert_eq!(follower.take(1), "z");
    drop(first);
    assert_eq!(polled(&mut writes), None, "that a file has ended");

    assert_eq!(instance.reader().take(1), "0");
    assert_eq!(polled(&mut writes), Some(PollFlags::POLLOUT));
}

/// One read and one write at a time, each in its own direction, with everything arriving in order.
#[test]
fn a_ring_pumps_a_stream_without_workers() {
    let module = Module::load(&["buffer_size=64"]);
    let device = module.instance().both();
    let (mut reads, mut writes) = (
        IoUring::new(8).expect("io_uring"),
        IoUring::new(8).expect("io_uring"),
    );
    let bytes: Vec<u8> = (0..20_000).map(|n| (n % 251) as u8).collect();
    let (mut sent, mut got) = (0, Vec::new());
    let mut buffer = [0; 50];
    submit(&mut reads, &read(&device, &mut buffer));
    submit(&mut writes, &write(&device, &bytes[..100]));
    while got.len() < bytes.len() {
        let before = (sent, got.len());
        eventually("one of the two completes", || {
            if let Some(n) = result(&mut reads) {
                assert!(n > 0, "a read: {n}");
                got.extend_from_slice(&buffer[..n as usize]);
            }
            if let Some(n) = result(&mut writes) {
                assert!(n > 0, "a write: {n}");
                sent += n as usize;
            }
            before != (sent, got.len())
        });
        if got.len() > before.1 && got.len() < bytes.len() {
            submit(&mut reads, &read(&device, &mut buffer));
        }
        if sent > before.0 && sent < bytes.len() {
            let end = bytes.len().min(sent + 100);
            submit(&mut writes, &write(&device, &bytes[sent..end]));
        }
    }
    assert!(got == bytes, "what came out is not what went in");
    assert_eq!(workers(), Vec::<String>::new());
}

/// W8: removal while requests are in flight: those that wait complete with ENODEV.
#[test]
fn w8_removal_completes_what_is_in_flight() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline} on_empty=block"));
        let reader = victim.reader();
        let mut ring = IoUring::new(8).expect("io_uring");
        let mut buffers = [[0; 10]; 3];
        for buffer in &mut buffers {
            submit(&mut ring, &read(&reader, buffer));
        }
        assert_eq!(result(&mut ring), None, "{discipline}: they wait for data");
        assert_eq!(victim.remove(), Ok(()));
        for _ in &buffers {
            assert_eq!(wait(&mut ring), -(Errno::ENODEV as i32), "{discipline}");
        }
    }

    for discipline in ["stream", "spool", "stack"] {
        let victim = full(discipline);
        let device = victim.both();
        device.put("0123456789");
        let mut ring = IoUring::new(8).expect("io_uring");
        for _ in 0..3 {
            submit(&mut ring, &write(&device, b"y"));
        }
        assert_eq!(result(&mut ring), None, "{discipline}: they wait for room");
        assert_eq!(victim.remove(), Ok(()));
        for _ in 0..3 {
            assert_eq!(wait(&mut ring), -(Errno::ENODEV as i32), "{discipline}");
        }
    }
}
