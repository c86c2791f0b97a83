// SPDX-License-Identifier: GPL-2.0

//! `stream`: bytes, first in first out; writes whole and in turn.

use mydevice_tests::{
    Module, Sleeper,
    guest::{Process, sh},
    sleeping_write,
};
use nix::{errno::Errno, sys::signal::Signal, unistd::Whence};

/// Its unread bytes survive close and wait for the next reader.
#[test]
fn unread_bytes_survive_close() {
    let module = Module::load(&[]);
    module.instance().writer().put("first ");
    module.instance().writer().put("second");
    assert_eq!(module.instance().reader().take(3), "fir");
    assert_eq!(module.instance().reader().take(100), "st second");
}

/// A zero-length read or write returns 0 and changes nothing, even where another call would wait.
#[test]
fn a_zero_length_call_returns_0_at_once() {
    let module = Module::load(&["buffer_size=100"]);
    let device = module.instance().both();
    let before = device.status();
    assert_eq!(device.read(0), Ok(vec![]), "nothing to read");
    let in_mid_write = sleeping_write(&device, [b'x'; 150]);
    assert_eq!(device.write(b""), Ok(0), "no room, and not its turn");
    assert_eq!(device.collect(150), [b'x'; 150]);
    assert_eq!(in_mid_write.join(), Ok(150));
    assert_eq!(device.status().write_count, before.write_count + 1);
}

/// A read returns all it can have now, up to its length: it is never cut at a page, at a wrap or at an
/// internal buffer.
#[test]
fn a_read_returns_all_there_is() {
    let module = Module::load(&["buffer_size=100000"]);
    let device = module.instance().both();
    device.put(vec![b'a'; 60000]);
    assert_eq!(device.read(50000).unwrap().len(), 50000);
    // From here on it wraps around the end of its memory.
    device.put(vec![b'b'; 80000]);
    let got = device.read(200000).unwrap();
    assert_eq!(got.len(), 90000);
    assert_eq!(got, [vec![b'a'; 10000], vec![b'b'; 80000]].concat());
}

/// A blocking write returns when all its bytes are in, and counts as one.
#[test]
fn a_blocking_write_returns_when_all_is_in() {
    let module = Module::load(&["buffer_size=100"]);
    let bytes: Vec<u8> = (0..20000).map(|n| (n % 251) as u8).collect();
    let writer = sleeping_write(&module.instance().writer(), &bytes);
    assert_eq!(module.instance().reader().collect(20000), bytes);
    assert_eq!(writer.join(), Ok(20000));
    assert_eq!(module.instance().reader().status().write_count, 1);
}

/// The bytes of one write are contiguous: writes of any size never interleave.
#[test]
fn writes_larger_than_the_capacity_never_interleave() {
    const SIZE: usize = 50_000;
    let module = Module::load(&[]);
    let writers: Vec<_> = (b'a'..=b'f')
        .map(|letter| {
            let device = module.instance().writer();
            Sleeper::start(move || [0; 5].map(|_| device.write(&[letter; SIZE])))
        })
        .collect();
    let got = module.instance().reader().collect(6 * 5 * SIZE);
    for (n, run) in got.chunks(SIZE).enumerate() {
        assert!(
            run.iter().all(|byte| *byte == run[0]),
            "write {n} is mixed with another"
        );
    }
    for writer in writers {
        assert_eq!(writer.join(), [Ok(SIZE); 5]);
    }
}

/// Sleeping writers are woken in the order of arrival.
#[test]
fn sleeping_writers_go_in_the_order_of_arrival() {
    let module = Module::load(&["buffer_size=10"]);
    let device = module.instance().both();
    // Each round gives those that come later many chances to overtake.
    for round in 0..10 {
        device.put("0123456789");
        let writers: Vec<_> = (b'a'..=b'j')
            .map(|letter| sleeping_write(&module.instance().writer(), [letter; 25]))
            .collect();
        assert_eq!(device.collect(10), b"0123456789");
        let order: Vec<u8> = device.collect(250).into_iter().step_by(25).collect();
        assert_eq!(
            String::from_utf8_lossy(&order),
            "abcdefghij",
            "round {round}"
        );
        assert!(writers.into_iter().all(|writer| writer.join() == Ok(25)));
    }
}

/// With `O_NONBLOCK` a write takes what fits and returns that count; while another is in mid-write, EAGAIN.
#[test]
fn a_nonblocking_write_takes_what_fits() {
    let module = Module::load(&["buffer_size=10"]);
    let device = module.instance().nonblocking();
    device.put("1234");
    assert_eq!(device.write(b"abcdefgh"), Ok(6));
    assert_eq!(device.take(100), "1234abcdef");

    let in_mid_write = sleeping_write(&module.instance().writer(), [b'x'; 15]);
    assert_eq!(device.write(b"mixed"), Err(Errno::EAGAIN));
    assert_eq!(
        device.ready(),
        mydevice_tests::device::READABLE,
        "and no POLLOUT"
    );
    let mut got = Vec::new();
    while got.len() < 15 {
        got.extend(device.read(100).unwrap_or_default());
    }
    assert_eq!(got, [b'x'; 15]);
    assert_eq!(in_mid_write.join(), Ok(15));
}

/// RESIZE passes over it too: up, and all of the write is there; down, and the first bytes are.
#[test]
fn resize_passes_over_a_writer_asleep_in_mid_write() {
    for (capacity, first, rest) in [(20, "0123456789abcde", ""), (3, "012", "abcde")] {
        let module = Module::load(&["buffer_size=10"]);
        let device = module.instance().both();
        let writer = sleeping_write(&module.instance().writer(), b"0123456789abcde");
        assert_eq!(device.resize(capacity), Ok(()));
        assert_eq!(
            String::from_utf8(device.collect(first.len())).unwrap(),
            first
        );
        assert_eq!(String::from_utf8(device.collect(rest.len())).unwrap(), rest);
        assert_eq!(writer.join(), Ok(15));
        assert_eq!(
            (device.unread(), device.stats().bytes_truncated),
            (0, 15 - (first.len() + rest.len()) as u64)
        );
    }
}

/// A sleeping reader is not disturbed by a stop: it goes on afterwards.
#[test]
fn a_stopped_reader_goes_on() {
    let module = Module::load(&[]);
    let reader = Process::start("head", &["-c", "7", "/dev/mydevice"]);
    reader.asleep_in(libc::SYS_read);
    reader.signal(Signal::SIGSTOP);
    let stopped = || sh(&format!("ps -o stat= -p {}", reader.pid())).starts_with('T');
    mydevice_tests::eventually("the reader stops", stopped);
    reader.signal(Signal::SIGCONT);
    reader.asleep_in(libc::SYS_read);
    module.instance().writer().put("go on!\n");
    assert_eq!(reader.join().stdout, b"go on!\n");
}

/// `pread`, `pwrite` and `lseek`: ESPIPE.
#[test]
fn a_stream_has_no_positions() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("data");
    assert_eq!(
        nix::sys::uio::pread(&device, &mut [0; 4], 0),
        Err(Errno::ESPIPE)
    );
    assert_eq!(
        nix::sys::uio::pwrite(&device, b"more", 0),
        Err(Errno::ESPIPE)
    );
    for whence in [Whence::SeekSet, Whence::SeekCur, Whence::SeekEnd] {
        assert_eq!(
            nix::unistd::lseek(&device, 0, whence),
            Err(Errno::ESPIPE),
            "{whence:?}"
        );
    }
    assert_eq!(device.take(100), "data");
}

/// `FIONREAD`: bytes a read could get now.
#[test]
fn fionread_tells_what_a_read_could_get() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    assert_eq!(device.unread(), 0);
    device.put("1234567890");
    assert_eq!(device.unread(), 10);
    device.collect(3);
    assert_eq!(module.instance().reader().unread(), 7);
}

/// After CLEAR and RESIZE the high water stays: it is the most that ever waited at once.
#[test]
fn high_water_is_the_most_that_ever_waited() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put([b'x'; 3000]);
    device.collect(2000);
    device.put([b'x'; 500]);
    assert_eq!(device.stats().high_water, 3000);
    device.clear().unwrap();
    device.resize(10).unwrap();
    assert_eq!(device.stats().high_water, 3000);
    assert_eq!(module.instance().attribute("high_water"), "3000");
}
