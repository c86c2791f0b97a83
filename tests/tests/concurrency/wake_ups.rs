// SPDX-License-Identifier: GPL-2.0

//! W10: one write wakes one reader, and no wake-up is lost.

use mydevice_tests::{
    Module, Sleeper, eventually,
    signals::INTERRUPTING,
    sleeping_read,
    stalled::{Stalled, WHOLE},
};
use nix::errno::Errno;

/// One write wakes one of 100 sleeping readers.
#[test]
fn w10_one_write_wakes_one_of_100_sleeping_readers() {
    let module = Module::load(&[]);
    let mut readers: Vec<_> = (0..100)
        .map(|_| sleeping_read(&module.instance().reader(), 100))
        .collect();
    let writer = module.instance().writer();

    while !readers.is_empty() {
        let before: Vec<_> = readers.iter().map(Sleeper::times_slept).collect();
        writer.put("x");
        eventually("one reader gets it", || {
            readers.iter().any(Sleeper::has_ended)
        });
        // Whoever was woken in vain was runnable before the write returned, and has to fall asleep again.
        let asleep = || {
            readers
                .iter()
                .filter(|reader| reader.sleeps_in(libc::SYS_read))
                .count()
        };
        eventually("all the others sleep", || asleep() == readers.len() - 1);

        let ended = readers
            .iter()
            .position(Sleeper::has_ended)
            .expect("one has ended");
        for (n, reader) in readers.iter().enumerate().filter(|(n, _)| *n != ended) {
            assert_eq!(
                reader.times_slept(),
                before[n],
                "a reader was woken for nothing"
            );
        }
        assert_eq!(readers.swap_remove(ended).join(), Ok(b"x".to_vec()));
    }
    let stats = writer.stats();
    assert_eq!(
        (stats.reads, stats.reader_waits),
        (100, 100),
        "each slept once"
    );
}

/// One write wakes nobody who could not be served, while another's copy is stalled: not with `on_empty=eof` either, by
/// which a read that finds nothing would not wait.
#[test]
fn w10_a_write_wakes_nobody_who_waits_for_a_turn() {
    for discipline in ["stream", "stack"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let instance = module.instance();
        assert_eq!(instance.set_attribute("on_empty", "eof"), Ok(()));
        let device = instance.both();
        device.put([b'1'; WHOLE]);
        let stalled = Stalled::reader(&device);
        let readers: Vec<_> = (0..20)
            .map(|_| sleeping_read(&instance.reader(), 1))
            .collect();
        let slept = || readers.iter().map(Sleeper::times_slept).collect::<Vec<_>>();
        let before = slept();
        for _ in 0..20 {
            device.put("x");
        }
        // Had one been woken, it would be asleep anew soon.
        eventually("all sleep", || {
            readers
                .iter()
                .all(|reader| reader.sleeps_in(libc::SYS_read))
        });
        assert_eq!(
            slept(),
            before,
            "{discipline}: readers were woken for nothing"
        );
        assert_eq!(stalled.release(), Ok(WHOLE));
        for reader in readers {
            assert_eq!(reader.join().map(|got| got.len()), Ok(1), "{discipline}");
        }
    }
}

/// A reader that leaves data behind wakes the next.
#[test]
fn w10_a_reader_that_leaves_data_wakes_the_next() {
    let module = Module::load(&[]);
    let readers: Vec<_> = (0..10)
        .map(|_| sleeping_read(&module.instance().reader(), 1))
        .collect();
    module.instance().writer().put("1234567890");
    let mut got: Vec<_> = readers
        .into_iter()
        .flat_map(|reader| reader.join().unwrap())
        .collect();
    got.sort();
    assert_eq!(got, b"0123456789");
}

/// A reader that leaves on a signal wakes the next: it does not take the only wake-up with it.
#[test]
fn w10_a_reader_that_leaves_on_a_signal_wakes_the_next() {
    let module = Module::load(&[]);
    let writer = module.instance().writer();
    for _ in 0..200 {
        let first = sleeping_read(&module.instance().reader(), 100);
        let second = sleeping_read(&module.instance().reader(), 100);
        // Whichever the write chooses to wake, the signal may reach it first.
        let device = writer.clone();
        let write = Sleeper::start(move || device.put("x"));
        first.signal(INTERRUPTING);
        write.join();
        let got = first.join();
        if got == Err(Errno::EINTR) {
            assert_eq!(
                second.join(),
                Ok(b"x".to_vec()),
                "nobody told the second reader"
            );
        } else {
            assert_eq!(got, Ok(b"x".to_vec()));
            second.signal(INTERRUPTING);
            assert_eq!(second.join(), Err(Errno::EINTR));
        }
    }
}

/// A burst of writes on many sleepers: no wake-up is lost.
#[test]
fn w10_no_wake_up_is_lost_in_a_burst() {
    let module = Module::load(&["buffer_size=1"]);
    for _ in 0..20 {
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let device = module.instance().reader();
                Sleeper::start(move || device.read(1))
            })
            .collect();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let device = module.instance().writer();
                Sleeper::start(move || device.put("xy"))
            })
            .collect();
        writers.into_iter().for_each(Sleeper::join);
        for reader in readers {
            assert_eq!(reader.join().map(|bytes| bytes.len()), Ok(1));
        }
    }
}
