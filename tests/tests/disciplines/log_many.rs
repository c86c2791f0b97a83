// SPDX-License-Identifier: GPL-2.0

//! `log`: many writers and many readers at once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use mydevice_tests::{
    Device, Module, Sleeper,
    guest::{come_before_others, on_one_cpu},
};
use nix::errno::Errno;

const WRITERS: u8 = 3;
const RECORDS: u32 = 3000;

/// Record `n` of a writer: who and which, then bytes that follow from both, and a length of its own.
fn record(writer: u8, n: u32) -> Vec<u8> {
    let mut record = vec![writer];
    record.extend(n.to_le_bytes());
    let rest = n * 7 % 90;
    record.extend((0..rest).map(|at| writer.wrapping_mul(31).wrapping_add((n + at) as u8)));
    record
}

/// Reads until `last` is set and nothing is left; checks each record, and that those of each writer come in
/// order. Returns the bytes that were read.
fn follow(device: &Device) -> u64 {
    let mut next: HashMap<u8, u32> = HashMap::new();
    let (mut bytes, mut ends) = (0, 0);
    while ends < WRITERS {
        let got = device.read(1000).expect("a read of a log");
        bytes += got.len() as u64;
        if got.len() == 1 {
            // A writer's farewell.
            ends += 1;
            continue;
        }
        let n = u32::from_le_bytes(got[1..5].try_into().expect("a whole record"));
        assert_eq!(got, record(got[0], n), "a torn record");
        let next = next.entry(got[0]).or_default();
        assert!(n >= *next, "writer {}: {n} after {next}", got[0]);
        *next = n + 1;
    }
    bytes
}

/// Every reader gets whole records, each writer's in order; and what it read, what it missed and what it has
/// still before it is all that was written.
#[test]
fn every_record_is_whole_and_every_loss_is_counted() {
    let module = Module::load(&["discipline=log", "buffer_size=2000"]);
    let watch = module.instance().writer();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let device = module.instance().reader();
            (device.clone(), Sleeper::start(move || follow(&device)))
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let device = module.instance().writer();
            Sleeper::start(move || (0..RECORDS).for_each(|n| device.put(record(writer, n))))
        })
        .collect();
    writers.into_iter().for_each(Sleeper::join);
    // Together, so that none is evicted before it is read.
    (0..WRITERS).for_each(|writer| watch.put([writer]));

    let written = watch.stats().bytes_written;
    for (device, reader) in readers {
        let read = reader.join();
        assert_eq!(
            read + device.stats().bytes_missed,
            written,
            "{:?}",
            device.stats()
        );
        assert_eq!(device.unread(), 0);
    }
    let stats = watch.stats();
    let left = u64::from(watch.status().bytes_used);
    assert_eq!(stats.bytes_evicted + left, written);
    assert!(
        stats.bytes_evicted > 0 && stats.high_water <= 2000,
        "{stats:?}"
    );
    assert_eq!(
        (stats.writer_waits, stats.writes),
        (0, u64::from(WRITERS) * u64::from(RECORDS + 1))
    );
}

/// The same while another calls RESIZE and CLEAR: readers still get nothing but whole records.
#[test]
fn no_record_is_torn_by_resize_and_clear() {
    let module = Module::load(&["discipline=log", "buffer_size=2000"]);
    let device = module.instance().both();
    let reader = {
        let device = module.instance().reader();
        Sleeper::start(move || {
            let mut records = 0;
            loop {
                let got = device.read(1000).expect("a read of a log");
                if got.len() == 1 {
                    return records;
                }
                let n = u32::from_le_bytes(got[1..5].try_into().expect("a whole record"));
                assert_eq!(got, record(got[0], n), "a torn record");
                records += 1;
            }
        })
    };
    let writer = {
        let device = module.instance().writer();
        Sleeper::start(move || {
            for n in 0..RECORDS {
                match device.write(&record(1, n)) {
                    Ok(_) | Err(Errno::EMSGSIZE) => {}
                    Err(errno) => panic!("a write of a record: {errno}"),
                }
            }
        })
    };
    for capacity in [50, 2000, 300, 4000, 100].into_iter().cycle() {
        assert_eq!(device.resize(capacity), Ok(()));
        if capacity == 50 {
            assert_eq!(device.clear(), Ok(()));
        }
        if writer.has_ended() {
            break;
        }
    }
    writer.join();
    device.put([0]);
    assert!(reader.join() > 0);
    let stats = device.stats();
    let dropped = stats.bytes_evicted + stats.bytes_truncated + stats.bytes_cleared;
    assert_eq!(
        stats.bytes_written,
        dropped + u64::from(device.status().bytes_used),
        "{stats:?}"
    );
    assert!(stats.bytes_truncated + stats.bytes_cleared > 0, "{stats:?}");
}

/// An open that begins in the midst of a CLEAR has missed nothing of what that drops; one that began before it, all of it.
#[test]
fn an_open_in_the_midst_of_a_clear_has_missed_nothing() {
    const RECORD: usize = 2047;
    const TOTAL: usize = 500 * RECORD;
    let module = Module::load(&["discipline=log", &format!("buffer_size={TOTAL}")]);
    let instance = module.instance();
    let device = instance.both();
    let opens_now = || instance.proc().open_count;
    let mut during = 0;
    // So that the opens come where a CLEAR pauses.
    on_one_cpu(|| {
        for round in 0..20 {
            for _ in 0..TOTAL / RECORD {
                device.put([b'r'; RECORD]);
            }
            let (instance, cleared) = (module.instance(), Arc::new(AtomicBool::new(false)));
            let over = Arc::clone(&cleared);
            let opens = Sleeper::start(move || {
                come_before_others();
                let mut opens = vec![instance.reader()];
                while !over.load(Ordering::SeqCst) && opens.len() < 500 {
                    thread::sleep(Duration::from_micros(50));
                    opens.push(instance.reader());
                }
                opens
            });
            thread::sleep(Duration::from_millis(1));
            let before = opens_now();
            assert_eq!(device.clear(), Ok(()));
            during += opens_now() - before;
            cleared.store(true, Ordering::SeqCst);
            for open in opens.join() {
                let missed = open.stats().bytes_missed;
                assert!(
                    missed == 0 || missed == TOTAL as u64,
                    "round {round}: {missed} of {TOTAL} bytes missed"
                );
            }
        }
    });
    assert!(during > 0, "no open came in the midst");
}
