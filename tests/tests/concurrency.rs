// SPDX-License-Identifier: GPL-2.0

//! W1 to W5, W9 and W10: who sleeps, who wakes, and on what. W6 and W7 are in `traffic.rs`.

use mydevice_tests::{
    Device, Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{Process, sh},
    signals::{INTERRUPTING, RESTARTING, caught},
};
use nix::{
    Result,
    errno::Errno,
    poll::PollFlags,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        select::{FdSet, pselect},
    },
};

const CAPACITY: usize = 4096;

fn sleeping_read(device: &Device) -> Sleeper<Result<Vec<u8>>> {
    let device = device.clone();
    Sleeper::asleep_in(libc::SYS_read, move || device.read(10000))
}

fn sleeping_write(device: &Device, bytes: Vec<u8>) -> Sleeper<Result<usize>> {
    let device = device.clone();
    Sleeper::asleep_in(libc::SYS_write, move || device.write(&bytes))
}

/// Signals a sleeper whose call restarts, and waits until the handler has run and it sleeps again.
fn restart<T: Send + 'static>(sleeper: &Sleeper<T>, call: i64) {
    let before = caught();
    sleeper.signal(RESTARTING);
    eventually("the handler runs", || caught() > before);
    sleeper.wait_asleep_in(call);
}

/// A reader sleeps until a write.
#[test]
fn w1_a_reader_sleeps_until_a_write() {
    let module = Module::load(&[]);
    let reader = sleeping_read(&module.instance().reader());
    module.instance().writer().put("awake");
    assert_eq!(reader.join(), Ok(b"awake".to_vec()));
    assert_eq!(module.instance().reader().stats().reader_waits, 1);
}

/// A writer sleeps until a read.
#[test]
fn w2_a_writer_sleeps_until_a_read() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put([b'x'; CAPACITY]);
    let writer = sleeping_write(&module.instance().writer(), b"more".to_vec());
    assert_eq!(device.collect(10), [b'x'; 10]);
    assert_eq!(writer.join(), Ok(4));
    assert_eq!(device.stats().writer_waits, 1);
    assert_eq!(device.collect(CAPACITY - 10 + 4)[CAPACITY - 10..], *b"more");
}

/// `O_NONBLOCK` both ways: EAGAIN, never 0; a write takes what fits.
#[test]
fn w3_nonblocking_calls_give_eagain() {
    let module = Module::load(&[]);
    let device = module.instance().nonblocking();
    assert_eq!(device.read(10), Err(Errno::EAGAIN));
    assert_eq!(device.write(&[b'x'; 5000]), Ok(CAPACITY));
    assert_eq!(device.write(b"x"), Err(Errno::EAGAIN));
    assert_eq!(device.read(5000), Ok(vec![b'x'; CAPACITY]));
    assert_eq!(device.read(10), Err(Errno::EAGAIN));
    assert_eq!(
        (device.stats().reader_waits, device.stats().writer_waits),
        (0, 0)
    );
}

/// A signal during a sleep for data: EINTR without `SA_RESTART`, restart with it, state unharmed.
#[test]
fn w4_a_signal_ends_a_sleep_for_data() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let interrupted = sleeping_read(&device);
    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));

    let restarted = sleeping_read(&device);
    restart(&restarted, libc::SYS_read);
    assert_eq!(device.status().read_count, 0);
    device.put("for the restarted one");
    assert_eq!(restarted.join(), Ok(b"for the restarted one".to_vec()));
    assert_eq!((device.status().read_count, device.unread()), (1, 0));
}

/// The same for a sleep for room. A write that has moved bytes returns their count.
#[test]
fn w4_a_signal_ends_a_sleep_for_room() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put([b'x'; CAPACITY]);
    let interrupted = sleeping_write(&device, b"lost".to_vec());
    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));
    assert_eq!(
        (device.unread(), device.status().write_count),
        (CAPACITY as i32, 1)
    );

    let restarted = sleeping_write(&device, b"kept".to_vec());
    restart(&restarted, libc::SYS_write);
    assert_eq!(device.collect(CAPACITY), [b'x'; CAPACITY]);
    assert_eq!(restarted.join(), Ok(4));
    assert_eq!(device.collect(4), b"kept");

    for signal in [INTERRUPTING, RESTARTING] {
        let in_mid_write = sleeping_write(&device, vec![b'y'; 5000]);
        in_mid_write.signal(signal);
        assert_eq!(in_mid_write.join(), Ok(CAPACITY), "{signal}: a short count");
        assert_eq!(device.collect(CAPACITY), [b'y'; CAPACITY]);
        assert_eq!(device.unread(), 0);
    }
}

/// The same for a sleep for one's turn.
#[test]
fn w4_a_signal_ends_a_sleep_for_a_turn() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let in_mid_write = sleeping_write(&device, vec![b'a'; 5000]);
    let interrupted = sleeping_write(&device, b"lost".to_vec());
    let restarted = sleeping_write(&device, b"kept".to_vec());
    let last = sleeping_write(&device, b"last".to_vec());

    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));
    restart(&restarted, libc::SYS_write);
    last.wait_asleep_in(libc::SYS_write);

    assert_eq!(device.collect(5000), [b'a'; 5000]);
    assert_eq!(in_mid_write.join(), Ok(5000));
    let mut rest = [device.collect(4), device.collect(4)];
    // To restart is to arrive anew.
    rest.sort();
    assert_eq!(rest, [b"kept", b"last"]);
    assert_eq!((restarted.join(), last.join()), (Ok(4), Ok(4)));
    assert_eq!((device.unread(), device.status().write_count), (0, 3));
}

/// A writer that a signal ends in mid-write leaves its turn to the next.
#[test]
fn w4_a_signal_in_mid_write_passes_the_turn_on() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let in_mid_write = sleeping_write(&device, vec![b'a'; 5000]);
    let next = sleeping_write(&device, vec![b'b'; 5000]);
    in_mid_write.signal(INTERRUPTING);
    assert_eq!(in_mid_write.join(), Ok(CAPACITY));
    let got = device.collect(CAPACITY + 5000);
    assert_eq!(next.join(), Ok(5000));
    assert!(got[..CAPACITY].iter().all(|byte| *byte == b'a'));
    assert!(got[CAPACITY..].iter().all(|byte| *byte == b'b'));
}

/// poll: empty is writable and not readable, data makes it readable, full is not writable.
#[test]
fn w5_poll_tells_what_would_not_wait() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    assert_eq!(device.ready(), WRITABLE);
    device.put("x");
    assert_eq!(device.ready(), READABLE | WRITABLE);
    device.put([b'x'; CAPACITY - 1]);
    assert_eq!(device.ready(), READABLE);
    device.collect(1);
    assert_eq!(device.ready(), READABLE | WRITABLE);
    device.collect(CAPACITY - 1);
    assert_eq!(device.ready(), WRITABLE);

    // Only for the directions in which the file is open.
    assert_eq!(module.instance().writer().ready(), WRITABLE);
    assert_eq!(module.instance().reader().ready(), PollFlags::empty());
    device.put("x");
    assert_eq!(module.instance().reader().ready(), READABLE);
}

/// A way to sleep until a device is ready.
type Wait = fn(&Device, PollFlags) -> Result<()>;

const WAITS: [(&str, i64, Wait); 3] = [
    ("poll", libc::SYS_poll, |device, events| {
        device.wait_ready(events).map(drop)
    }),
    ("select", libc::SYS_pselect6, |device, events| {
        let mut set = FdSet::new();
        set.insert(std::os::fd::AsFd::as_fd(device));
        let (read, write) = match events {
            PollFlags::POLLIN => (Some(&mut set), None),
            _ => (None, Some(&mut set)),
        };
        pselect(None, read, write, None, None, None).map(drop)
    }),
    ("epoll_wait", libc::SYS_epoll_wait, |device, events| {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let events = EpollFlags::from_bits_truncate(events.bits().into());
        epoll.add(device, EpollEvent::new(events, 0))?;
        epoll
            .wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)
            .map(drop)
    }),
];

/// What makes a device ready.
type Change = fn(&Device);

/// A sleeping `poll`, `select` and `epoll_wait` wakes on each change.
#[test]
fn w5_sleeping_polls_wake_on_each_change() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let changes: [(&str, PollFlags, Change); 4] = [
        ("a write", PollFlags::POLLIN, |device| device.put("x")),
        ("a read", PollFlags::POLLOUT, |device| {
            drop(device.collect(1))
        }),
        ("CLEAR", PollFlags::POLLOUT, |device| {
            device.clear().unwrap()
        }),
        ("RESIZE", PollFlags::POLLOUT, |device| {
            device.resize(CAPACITY as u32 + 1).unwrap()
        }),
    ];
    for (name, call, wait) in WAITS {
        for (change, events, make) in changes {
            device.clear().unwrap();
            device.resize(CAPACITY as u32).unwrap();
            if events == PollFlags::POLLOUT {
                device.put([b'x'; CAPACITY]);
            }
            let sleeper = Sleeper::asleep_in(call, {
                let device = device.clone();
                move || wait(&device, events)
            });
            make(&device);
            assert_eq!(sleeper.join(), Ok(()), "{name} after {change}");
        }
    }
}

/// Sleepers show as `S`, not `D`, in `ps`.
#[test]
fn w9_sleepers_show_as_s_in_ps() {
    let module = Module::load(&[]);
    let state = |process: &Process| sh(&format!("ps -o stat= -p {}", process.pid()));

    let reader = Process::start("head", &["-c", "1", "/dev/mydevice"]);
    reader.asleep_in(libc::SYS_read);
    assert!(
        state(&reader).starts_with('S'),
        "a reader waiting for data: {}",
        state(&reader)
    );
    module.instance().writer().put("x");
    assert_eq!(reader.join().stdout, b"x");

    let writers = ["room", "its turn"].map(|what| {
        let writer = Process::start(
            "dd",
            &["if=/dev/zero", "of=/dev/mydevice", "bs=10000", "count=1"],
        );
        writer.asleep_in(libc::SYS_write);
        assert!(
            state(&writer).starts_with('S'),
            "a writer waiting for {what}: {}",
            state(&writer)
        );
        writer
    });
    module.instance().reader().collect(20000);
    for writer in writers {
        assert!(writer.join().status.success());
    }
}

/// One write wakes one of 100 sleeping readers.
#[test]
fn w10_one_write_wakes_one_of_100_sleeping_readers() {
    let module = Module::load(&[]);
    let mut readers: Vec<_> = (0..100)
        .map(|_| sleeping_read(&module.instance().reader()))
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

/// A reader that leaves data behind wakes the next.
#[test]
fn w10_a_reader_that_leaves_data_wakes_the_next() {
    let module = Module::load(&[]);
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let device = module.instance().reader();
            Sleeper::asleep_in(libc::SYS_read, move || device.read(1))
        })
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
        let first = sleeping_read(&module.instance().reader());
        let second = sleeping_read(&module.instance().reader());
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
