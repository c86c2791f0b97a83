// SPDX-License-Identifier: GPL-2.0

//! `stack`: records, the newest first.

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{Process, sh},
    memory::Fence,
    signals::INTERRUPTING,
    sleeping_read, sleeping_write,
    stalled::{Stalled, WHOLE, at_once},
};
use nix::{errno::Errno, fcntl::OFlag, poll::PollFlags, sys::signal::Signal};

fn stack() -> Module {
    Module::load(&["discipline=stack"])
}

/// A stack that holds at most `max` bytes, beside the module's own instance.
fn small(max: u32) -> Instance {
    Instance::add(&format!("small discipline=stack max_capacity={max}"))
}

/// A read takes one record, the newest; when nothing is left, 0.
#[test]
fn the_newest_record_comes_first() {
    let module = stack();
    let device = module.instance().both();
    assert_eq!(device.take(10), "", "eof is its own on_empty");
    for record in ["one", "two", "three"] {
        device.put(record);
    }
    assert_eq!(device.unread(), 5, "of the top");
    let got = [(); 4].map(|()| device.take(100));
    assert_eq!(got, ["three", "two", "one", ""]);
    assert_eq!((device.stats().reads, device.stats().writes), (3, 3));
    assert_eq!(
        sh("echo a > /dev/mydevice; echo b > /dev/mydevice; cat /dev/mydevice"),
        "b\na\n"
    );
}

/// A smaller read buffer leaves the rest of that record where it was, below what is pushed meanwhile, in
/// order.
#[test]
fn the_rest_of_a_record_stays_where_it_was() {
    let module = stack();
    let (device, other) = (module.instance().both(), module.instance().both());
    device.put("bottom");
    device.put("abcdef");
    assert_eq!(device.take(2), "ab");
    other.put("xyz");
    assert_eq!((device.take(1), other.take(1)), ("x".into(), "y".into()));
    other.put("top");
    assert_eq!(device.status().bytes_used, 14);
    let got = [(); 5].map(|()| device.take(100));
    assert_eq!(got, ["top", "z", "cdef", "bottom", ""]);
}

/// With `block` a reader waits; one write wakes one sleeping reader, not the herd.
#[test]
fn one_push_wakes_one_reader() {
    let module = stack();
    assert_eq!(module.instance().set_attribute("on_empty", "block"), Ok(()));
    let mut readers: Vec<_> = (0..10)
        .map(|_| sleeping_read(&module.instance().reader(), 100))
        .collect();
    let writer = module.instance().writer();
    while !readers.is_empty() {
        let before: Vec<_> = readers.iter().map(Sleeper::times_slept).collect();
        writer.put("x");
        eventually("one gets it", || readers.iter().any(Sleeper::has_ended));
        let asleep = || {
            readers
                .iter()
                .filter(|reader| reader.sleeps_in(libc::SYS_read))
                .count()
        };
        eventually("all others sleep", || asleep() == readers.len() - 1);
        let ended = readers
            .iter()
            .position(Sleeper::has_ended)
            .expect("one has ended");
        for (n, reader) in readers.iter().enumerate().filter(|(n, _)| *n != ended) {
            assert_eq!(reader.times_slept(), before[n], "woken for nothing");
        }
        assert_eq!(readers.swap_remove(ended).join(), Ok(b"x".to_vec()));
    }
    assert_eq!(module.instance().nonblocking().read(1), Err(Errno::EAGAIN));
}

/// A record larger than `max_capacity`: EMSGSIZE, before EAGAIN. When it is full the writer waits for room
/// for its whole record; a signal ends that.
#[test]
fn a_full_stack_makes_writers_wait() {
    let _module = stack();
    let small = small(10);
    let device = small.nonblocking();
    assert_eq!(device.write(b"0123456789a"), Err(Errno::EMSGSIZE));
    device.put("0123");
    device.put("45678");
    assert_eq!(
        device.write(b"ab"),
        Err(Errno::EAGAIN),
        "all of it or nothing"
    );
    assert_eq!(device.write(b"0123456789a"), Err(Errno::EMSGSIZE));

    let interrupted = sleeping_write(&small.writer(), b"lost");
    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));
    let writer = sleeping_write(&small.writer(), b"abcdef");
    assert_eq!(device.take(3), "456");
    writer.wait_asleep_in(libc::SYS_write);
    assert_eq!(device.take(3), "78");
    assert_eq!(writer.join(), Ok(6), "as soon as it fits");
    assert_eq!(
        (device.take(10), device.take(10)),
        ("abcdef".into(), "0123".into())
    );
    assert_eq!(device.status().write_count, 3);
}

/// A writer goes on as soon as its record fits, though one that came before it waits for more room.
#[test]
fn a_short_record_does_not_wait_behind_a_long_one() {
    let _module = stack();
    let small = small(100);
    let device = small.nonblocking();
    device.put([b'1'; 75]);
    device.put([b'2'; 20]);
    let long = sleeping_write(&small.writer(), [b'l'; 50]);
    let short = sleeping_write(&small.writer(), [b's'; 10]);
    assert_eq!(device.take(100), "2".repeat(20));
    assert_eq!(short.join(), Ok(10));
    long.wait_asleep_in(libc::SYS_write);
    assert_eq!(device.clear(), Ok(()));
    assert_eq!(long.join(), Ok(50));
}

/// POLLOUT when a write of the size last refused on this open would not wait, at first 1 byte.
#[test]
fn poll_remembers_the_size_that_was_refused() {
    let _module = stack();
    let small = small(10);
    let (device, other) = (small.nonblocking(), small.nonblocking());
    device.put("01234567");
    assert_eq!(
        (device.ready(), other.ready()),
        (READABLE | WRITABLE, READABLE | WRITABLE)
    );
    assert_eq!(device.write(b"abcde"), Err(Errno::EAGAIN));
    assert_eq!(device.ready(), READABLE, "5 would wait");
    assert_eq!(other.ready(), READABLE | WRITABLE, "1 would not");
    let poller = {
        let device = device.clone();
        Sleeper::asleep_in(libc::SYS_poll, move || {
            device.wait_ready(PollFlags::POLLOUT)
        })
    };
    assert_eq!(device.take(2), "01");
    poller.wait_asleep_in(libc::SYS_poll);
    assert_eq!(device.take(1), "2");
    assert_eq!(poller.join(), Ok(PollFlags::POLLOUT));
    device.put("abcde");
    assert_eq!(
        (device.ready(), other.ready()),
        (READABLE, READABLE),
        "full"
    );
}

/// A record that faults half way is not queued; what did not reach the reader is not consumed.
#[test]
fn a_fault_loses_nothing() {
    let module = stack();
    let device = module.instance().both();
    let fence = Fence::new();
    assert_eq!(
        device.write_from_address(fence.before(10), 100),
        Err(Errno::EFAULT)
    );
    assert_eq!(
        (device.status().bytes_used, device.status().write_count),
        (0, 0)
    );
    device.put("0123456789");
    assert_eq!(
        device.read_at_address(fence.before(0), 100),
        Err(Errno::EFAULT)
    );
    assert_eq!(device.read_at_address(fence.before(4), 100), Ok(4));
    assert_eq!(fence.contents(4), b"0123");
    assert_eq!(device.take(100), "456789");
}

/// A reader in mid-copy holds up readers alone; what it leaves lies below what is pushed meanwhile.
#[test]
fn a_stalled_reader_holds_up_no_writer() {
    let module = stack();
    let device = module.instance().both();
    device.put([b'r'; WHOLE + 50]);
    let stalled = Stalled::reader(&module.instance().reader());
    let nonblocking = module.instance().nonblocking();
    at_once(move || {
        nonblocking.put("pushed meanwhile");
        assert_eq!(
            nonblocking.read(100),
            Err(Errno::EAGAIN),
            "the turn is taken"
        );
        assert_eq!(nonblocking.clear(), Err(Errno::EAGAIN));
    });
    let next = sleeping_read(&module.instance().reader(), 100);
    assert_eq!(module.instance().reader().ready(), PollFlags::empty());
    assert_eq!(stalled.release(), Ok(WHOLE));
    assert_eq!(next.join(), Ok(b"pushed meanwhile".to_vec()));
    assert_eq!(device.take(100), "r".repeat(50));
}

/// A writer in mid-copy, who has no turn yet, holds up nobody.
#[test]
fn a_stalled_writer_holds_up_nobody() {
    let module = stack();
    let device = module.instance().both();
    let stalled = Stalled::writer(&device);
    assert_eq!(device.ready(), READABLE | WRITABLE);
    let nonblocking = module.instance().nonblocking();
    at_once(move || {
        nonblocking.put("goes on");
        assert_eq!(nonblocking.take(10), "goes on");
        assert_eq!(
            (nonblocking.clear(), nonblocking.resize(5)),
            (Ok(()), Ok(()))
        );
    });
    assert_eq!(stalled.release(), Ok(WHOLE));
    assert_eq!(device.read(1000).map(|record| record.len()), Ok(WHOLE));
}

/// A writer killed in the middle of a record leaves nothing; a reader killed in the middle of a copy leaves
/// what did not reach it.
#[test]
fn killed_writers_and_readers_lose_nothing() {
    let module = stack();
    let device = module.instance().both();
    let text: Vec<u8> = (0..WHOLE as u8).collect();
    device.put(&text);
    for direction in ["write", "read"] {
        let mut process =
            Process::start(env!("CARGO_BIN_EXE_stall"), &["/dev/mydevice", direction]);
        process.said("stalled");
        process.signal(Signal::SIGKILL);
        process.join();
    }
    let left = device.read(1000).unwrap();
    assert!(
        left.len() >= WHOLE - 10,
        "only {} bytes are left",
        left.len()
    );
    assert_eq!(left, text[WHOLE - left.len()..]);
    assert_eq!(device.take(10), "");
    assert_eq!(device.clear(), Ok(()), "nobody copies any more");
}

/// Many writers and readers: every record arrives once, and whole.
#[test]
fn every_record_arrives_once() {
    const RECORDS: u32 = 2000;
    let _module = stack();
    let small = small(500);
    assert_eq!(small.set_attribute("on_empty", "hangup"), Ok(()));
    let record = |writer: u32, n: u32| {
        let mut record = format!("{writer} {n} ").into_bytes();
        record.resize(record.len() + n as usize % 40, b'0' + writer as u8);
        record
    };
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let device = small.reader();
            Sleeper::start(move || {
                let records = std::iter::from_fn(|| Some(device.read(1000).unwrap()));
                records
                    .take_while(|record| !record.is_empty())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    // All are open before the first can end: without a writer, readers end, too.
    let opens = [(); 3].map(|()| small.open(OFlag::O_WRONLY).unwrap());
    let writers: Vec<_> = (0..3)
        .zip(opens)
        .map(|(writer, device): (u32, Device)| {
            Sleeper::start(move || (0..RECORDS).for_each(|n| device.put(record(writer, n))))
        })
        .collect();
    writers.into_iter().for_each(Sleeper::join);
    let mut got: Vec<_> = readers.into_iter().flat_map(Sleeper::join).collect();
    let mut sent: Vec<_> = (0..3)
        .flat_map(|writer| (0..RECORDS).map(move |n| record(writer, n)))
        .collect();
    got.sort();
    sent.sort();
    assert!(got == sent, "{} records came of {}", got.len(), sent.len());
    assert!(small.attribute("high_water").parse::<u32>().unwrap() <= 500);
}
