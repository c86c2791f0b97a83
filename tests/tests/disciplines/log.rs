// SPDX-License-Identifier: GPL-2.0

//! `log`: the newest records, for any number of readers.

use mydevice_tests::{
    Device, Module,
    device::{READABLE, WRITABLE},
    guest::{Process, sh},
    memory::Fence,
    sleeping_read,
    stalled::{GOOD, Stalled, WHOLE, at_once},
};
use nix::{
    errno::Errno,
    sys::{signal::Signal, uio},
    unistd::{Whence, lseek},
};

fn log_of(capacity: u32) -> Module {
    Module::load(&["discipline=log", &format!("buffer_size={capacity}")])
}

/// All that a reader can have now, record by record.
fn records(device: &Device) -> Vec<String> {
    let mut records = Vec::new();
    while device.ready().contains(READABLE) {
        records.push(device.take(10000));
    }
    records
}

/// Each reader sees every record from the oldest still there, one a read, and then follows.
#[test]
fn each_reader_sees_every_record() {
    let module = log_of(100);
    let writer = module.instance().writer();
    let early = module.instance().reader();
    for record in ["one", "two", "three"] {
        writer.put(record);
    }
    let late = module.instance().reader();
    assert_eq!(records(&early), ["one", "two", "three"]);
    assert_eq!(records(&late), ["one", "two", "three"]);
    assert_eq!(module.instance().nonblocking().take(10), "one");

    let sleepers = [&early, &late].map(|reader| sleeping_read(reader, 100));
    writer.put("four");
    for sleeper in sleepers {
        assert_eq!(
            sleeper.join(),
            Ok(b"four".to_vec()),
            "all readers are served"
        );
    }
}

/// Nothing to read: the reader waits; EAGAIN with `O_NONBLOCK`, 0 with `eof`.
#[test]
fn at_the_end_a_reader_waits() {
    let module = log_of(100);
    let device = module.instance().nonblocking();
    assert_eq!(device.read(10), Err(Errno::EAGAIN));
    device.put("x");
    assert_eq!(
        (device.take(10), device.read(10)),
        ("x".into(), Err(Errno::EAGAIN))
    );
    assert_eq!(device.ready(), WRITABLE);
    assert_eq!(module.instance().set_attribute("on_empty", "eof"), Ok(()));
    assert_eq!(device.take(10), "");
    assert_eq!(sh("cat /dev/mydevice; cat /dev/mydevice"), "xx");
}

/// A read that is smaller than a record leaves the rest for the next; one that is larger ends with the record.
#[test]
fn a_read_ends_with_the_record() {
    let module = log_of(100);
    let device = module.instance().both();
    device.put("0123456789");
    device.put("next");
    assert_eq!((device.take(4), device.unread()), ("0123".into(), 6));
    assert_eq!((device.take(100), device.unread()), ("456789".into(), 4));
    assert_eq!((device.take(100), device.unread()), ("next".into(), 0));
}

/// A record larger than the capacity: EMSGSIZE, before a bad pointer is looked at and after zero length.
#[test]
fn a_record_larger_than_the_capacity_is_refused() {
    let module = log_of(10);
    let device = module.instance().both();
    device.put("0123456789");
    let fence = Fence::new();
    assert_eq!(device.write(b"0123456789a"), Err(Errno::EMSGSIZE));
    assert_eq!(
        device.write_from_address(fence.before(0), 11),
        Err(Errno::EMSGSIZE)
    );
    assert_eq!(
        device.write_from_address(fence.before(0), 10),
        Err(Errno::EFAULT)
    );
    assert_eq!(device.write_from_address(fence.before(0), 0), Ok(0));
    assert_eq!(
        (device.status().bytes_used, device.status().write_count),
        (10, 1)
    );
    assert_eq!(device.take(100), "0123456789");
}

/// Eviction drops whole records, and as few as it takes.
#[test]
fn eviction_drops_whole_records() {
    let module = log_of(10);
    let device = module.instance().writer();
    for record in ["aaa", "bbb", "ccc"] {
        device.put(record);
    }
    assert_eq!(device.status().bytes_used, 9);
    device.put("d");
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_evicted),
        (10, 0)
    );
    device.put("ee");
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_evicted),
        (9, 3)
    );
    assert_eq!(
        records(&module.instance().reader()),
        ["bbb", "ccc", "d", "ee"]
    );
    device.put("ffffffffff");
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_evicted),
        (10, 12)
    );
    assert_eq!(records(&module.instance().reader()), ["ffffffffff"]);
    assert_eq!(device.stats().high_water, 10);
}

/// A reader that fell behind goes on at the oldest record; what it missed is counted, for it and in total.
#[test]
fn a_reader_that_fell_behind_knows_what_it_missed() {
    let module = log_of(10);
    let writer = module.instance().writer();
    let (slow, half, fast) = (
        module.instance().reader(),
        module.instance().reader(),
        module.instance().reader(),
    );
    writer.put("aaaa");
    assert_eq!((half.take(1), fast.take(10)), ("a".into(), "aaaa".into()));
    writer.put("bbbb");
    assert_eq!(
        [&slow, &half, &fast].map(|reader| reader.stats().bytes_missed),
        [0; 3]
    );
    writer.put("cccc");
    // It is told at once, not only when it reads.
    assert_eq!(
        [&slow, &half, &fast].map(|reader| reader.stats().bytes_missed),
        [4, 3, 0]
    );
    writer.put("dddddddddd");
    let all = [&slow, &half, &fast];
    assert_eq!(all.map(|reader| reader.take(100)), ["dddddddddd"; 3]);
    assert_eq!(all.map(|reader| reader.stats().bytes_missed), [12, 11, 8]);
    assert_eq!(writer.stats().bytes_evicted, 12);
    // What went before an open began is nothing that it missed.
    assert_eq!(module.instance().reader().stats().bytes_missed, 0);
}

/// Writers never wait for readers, and a reader copies out of memory that eviction cannot overwrite.
#[test]
fn a_stalled_reader_holds_up_no_writer() {
    let module = log_of(1000);
    let (device, reader) = (module.instance().both(), module.instance().reader());
    device.put((0..WHOLE as u8).collect::<Vec<_>>());
    let stalled = Stalled::reader(&reader);
    let nonblocking = module.instance().nonblocking();
    at_once(move || {
        for _ in 0..100 {
            nonblocking.put([b'x'; 500]);
        }
    });
    assert_eq!(
        device.take(1000),
        "x".repeat(500),
        "the first record is gone"
    );
    assert_eq!(module.instance().writer().ready(), WRITABLE);
    let other = module.instance().reader();
    assert_eq!(at_once(move || other.take(1000)), "x".repeat(500));
    assert_eq!(stalled.release(), Ok(WHOLE), "and it still has it");
}

/// A record is copied before anything else: a writer stalled in it holds up neither writers nor readers.
#[test]
fn a_stalled_writer_holds_up_nobody() {
    let module = log_of(1000);
    let device = module.instance().both();
    let stalled = Stalled::writer(&device);
    assert_eq!(device.ready(), WRITABLE);
    let nonblocking = module.instance().nonblocking();
    at_once(move || {
        nonblocking.put("goes on");
        assert_eq!(nonblocking.take(10), "goes on");
        assert_eq!(nonblocking.clear(), Ok(()));
    });
    assert_eq!(stalled.release(), Ok(WHOLE));
    let record = device.read(1000).unwrap();
    assert_eq!((&record[..GOOD], record.len()), (&[b'x'; GOOD][..], WHOLE));
}

/// A record that faults half way is not queued at all. A read that faults takes what it got, and no more.
#[test]
fn a_fault_leaves_no_part_of_a_record() {
    let module = log_of(1000);
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

/// A writer killed in the middle of a record leaves nothing; a reader killed in the middle of a copy takes
/// nothing from others.
#[test]
fn killed_writers_and_readers_harm_nobody() {
    let module = log_of(1000);
    let device = module.instance().both();
    device.put([b'r'; WHOLE]);
    for direction in ["write", "read"] {
        let mut process =
            Process::start(env!("CARGO_BIN_EXE_stall"), &["/dev/mydevice", direction]);
        process.said("stalled");
        process.signal(Signal::SIGKILL);
        process.join();
    }
    device.put("next");
    assert_eq!(
        records(&module.instance().reader()),
        ["r".repeat(WHOLE), "next".into()]
    );
    assert_eq!((device.clear(), device.status().bytes_used), (Ok(()), 0));
}

/// One `writev` is one record; one `readv` takes one. `pread`, `pwrite` and `lseek`: ESPIPE.
#[test]
fn one_call_is_one_record() {
    let module = log_of(100);
    let device = module.instance().both();
    let pieces = [&b"one "[..], b"", b"record"].map(std::io::IoSlice::new);
    assert_eq!(uio::writev(&device, &pieces), Ok(10));
    device.put("next");
    let (mut first, mut second) = ([0; 3], [0; 20]);
    let mut pieces = [&mut first[..], &mut second].map(std::io::IoSliceMut::new);
    assert_eq!(uio::readv(&device, &mut pieces), Ok(10));
    assert_eq!((&first, &second[..7]), (b"one", &b" record"[..]));
    assert_eq!(uio::pread(&device, &mut [0; 4], 0), Err(Errno::ESPIPE));
    assert_eq!(uio::pwrite(&device, b"x", 0), Err(Errno::ESPIPE));
    assert_eq!(lseek(&device, 0, Whence::SeekSet), Err(Errno::ESPIPE));
    assert_eq!(device.take(10), "next");
}

/// CLEAR drops all records for all readers. It is counted as cleared.
#[test]
fn clear_drops_all_records() {
    let module = log_of(100);
    let (device, reader) = (module.instance().both(), module.instance().reader());
    device.put("one");
    device.put("two");
    assert_eq!(reader.take(1), "o");
    assert_eq!(device.clear(), Ok(()));
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_cleared),
        (0, 6)
    );
    assert_eq!(
        (reader.ready(), device.ready()),
        (nix::poll::PollFlags::empty(), WRITABLE)
    );
    device.put("three");
    assert_eq!(
        (reader.take(10), device.take(10)),
        ("three".into(), "three".into())
    );
}

/// RESIZE keeps records whole: the oldest go, counted as truncated and as missed.
#[test]
fn resize_drops_the_oldest_records_whole() {
    let module = log_of(100);
    let (device, reader) = (module.instance().writer(), module.instance().reader());
    for record in ["aaaa", "bbbb", "cccc"] {
        device.put(record);
    }
    assert_eq!(device.resize(200), Ok(()));
    assert_eq!(device.status().bytes_used, 12);
    assert_eq!(device.resize(7), Ok(()));
    let stats = device.stats();
    assert_eq!((stats.bytes_truncated, stats.bytes_evicted), (8, 0));
    assert_eq!(
        (device.status().buffer_size, device.status().bytes_used),
        (7, 4)
    );
    assert_eq!(
        (reader.stats().bytes_missed, records(&reader)),
        (8, vec!["cccc".into()])
    );
    assert_eq!(device.write(b"12345678"), Err(Errno::EMSGSIZE));
}

/// A record per 16 bytes of capacity, plus 64: one more, and the oldest goes.
#[test]
fn the_number_of_records_is_bounded() {
    let module = log_of(160);
    let device = module.instance().both();
    let most: u32 = 160 / 16 + 64;
    for n in 0..most {
        device.put([n as u8]);
    }
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_evicted),
        (most, 0)
    );
    device.put([99]);
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_evicted),
        (most, 1)
    );
    assert_eq!(device.read(10), Ok(vec![1]));
    assert_eq!(device.resize(16), Ok(()));
    assert_eq!(
        (device.status().bytes_used, device.stats().bytes_truncated),
        (16, u64::from(most) - 16)
    );
}
