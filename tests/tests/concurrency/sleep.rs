// SPDX-License-Identifier: GPL-2.0

//! W1 to W4 and W9: sleeping, not sleeping, and what a signal does to a sleep.

use std::fs;

use mydevice_tests::{
    Module, eventually,
    group::MemoryGroup,
    guest::{Process, sh},
    signals::{INTERRUPTING, RESTARTING},
    sleeping_read, sleeping_write,
};
use nix::{errno::Errno, sys::signal::Signal};

const CAPACITY: usize = 4096;

/// A reader sleeps until a write.
#[test]
fn w1_a_reader_sleeps_until_a_write() {
    let module = Module::load(&[]);
    let reader = sleeping_read(&module.instance().reader(), 100);
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
    let writer = sleeping_write(&module.instance().writer(), b"more");
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
    let interrupted = sleeping_read(&device, 10000);
    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));

    let restarted = sleeping_read(&device, 10000);
    restarted.restart(libc::SYS_read);
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
    let interrupted = sleeping_write(&device, b"lost");
    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));
    assert_eq!(
        (device.unread(), device.status().write_count),
        (CAPACITY as i32, 1)
    );

    let restarted = sleeping_write(&device, b"kept");
    restarted.restart(libc::SYS_write);
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
    let interrupted = sleeping_write(&device, b"lost");
    let restarted = sleeping_write(&device, b"kept");
    let last = sleeping_write(&device, b"last");

    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));
    restarted.restart(libc::SYS_write);
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

/// A stop and a freeze end a sleep as a signal does: a read starts again, and a write that was in the middle may come
/// back short. None of its bytes is lost.
#[test]
fn w4_a_stop_or_a_freeze_loses_nothing() {
    const SENT: usize = 10_000;
    let module = Module::load(&[]);
    let group = MemoryGroup::new("max");
    let program = |line: &str| {
        group.start(&format!(
            "exec python3 -c 'import os; fd = os.open(\"/dev/mydevice\", os.O_RDWR); {line}'"
        ))
    };
    let freeze = |_: &Process| {
        group.freeze(true);
        group.freeze(false);
    };
    let stop = |process: &Process| {
        process.signal(Signal::SIGSTOP);
        let stat = format!("/proc/{}/stat", process.pid());
        eventually("it is stopped", || {
            fs::read_to_string(&stat).unwrap().contains(") T ")
        });
        process.signal(Signal::SIGCONT);
    };
    let disturbances: [&dyn Fn(&Process); 2] = [&freeze, &stop];
    for disturb in disturbances {
        let reader = program("print(len(os.read(fd, 100)))");
        reader.asleep_in(libc::SYS_read);
        disturb(&reader);
        reader.asleep_in(libc::SYS_read);
        module.instance().writer().put("at last");
        assert_eq!(reader.join().stdout, b"7\n");

        let writer = program(&format!("print(os.write(fd, b\"x\" * {SENT}))"));
        writer.asleep_in(libc::SYS_write);
        assert_eq!(module.instance().proc().bytes_used, CAPACITY as u64);
        disturb(&writer);
        // What it does next is its own affair: it may have come back, or wait for room again.
        let device = module.instance().nonblocking();
        let mut came = 0;
        eventually("all that it wrote has come", || {
            came += device.read(SENT).map_or(0, |bytes| bytes.len());
            module.instance().proc().open_count == 1 && device.unread() == 0
        });
        let said = String::from_utf8(writer.join().stdout).unwrap();
        assert_eq!(said, format!("{came}\n"));
        assert!((CAPACITY..=SENT).contains(&came), "{came} bytes");
    }
}
