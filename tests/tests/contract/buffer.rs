// SPDX-License-Identifier: GPL-2.0

//! `buffer`: one growing text, which every open reads from its own position.

use mydevice_tests::{
    Module, Sleeper,
    device::{READABLE, WRITABLE},
    sleeping_read,
};
use nix::{errno::Errno, sys::uio::pwrite, unistd::Whence, unistd::lseek};

/// Every open reads from its own position 0; what it writes itself does not move that.
#[test]
fn writing_does_not_move_the_position_of_reading() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    device.put("one,");
    device.put("two");
    assert_eq!(device.take(4), "one,");
    device.put(",three");
    assert_eq!(device.take(100), "two,three");
    assert_eq!(device.take(100), "");
}

/// Positional reads and `lseek` work for reading.
#[test]
fn a_buffer_can_be_sought_in() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    device.put("0123456789");
    assert_eq!(lseek(&device, 7, Whence::SeekSet), Ok(7));
    assert_eq!(device.take(100), "789");
    assert_eq!(lseek(&device, -4, Whence::SeekCur), Ok(6));
    assert_eq!(device.take(2), "67");
    assert_eq!(lseek(&device, -3, Whence::SeekEnd), Ok(7));
    assert_eq!(device.take(1), "7");

    assert_eq!(lseek(&device, -1, Whence::SeekSet), Err(Errno::EINVAL));
    assert_eq!(lseek(&device, -9, Whence::SeekCur), Err(Errno::EINVAL));
    assert_eq!(
        lseek(&device, 0, Whence::SeekCur),
        Ok(8),
        "a seek that is refused moves nothing"
    );
    assert_eq!(device.take(100), "89");
}

/// Beyond the end there is nothing to read, however far.
#[test]
fn reading_beyond_the_end_gives_0() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    device.put("0123456789");
    let mut buffer = [b'-'; 4];
    for position in [10, 11, 4096, 1 << 20, i64::MAX - 4096] {
        assert_eq!(
            nix::sys::uio::pread(&device, &mut buffer, position),
            Ok(0),
            "at {position}"
        );
    }
    assert_eq!(nix::sys::uio::pread(&device, &mut buffer, 8), Ok(2));
    assert_eq!(&buffer, b"89--");
}

/// Writes always append.
#[test]
fn writes_always_append() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    device.put("one,");
    assert_eq!(pwrite(&device, b"two,", 0), Ok(4));
    assert_eq!(lseek(&device, 2, Whence::SeekSet), Ok(2));
    device.put("three");
    assert_eq!(module.instance().reader().take(100), "one,two,three");
    assert_eq!(
        device.take(100),
        "e,two,three",
        "the position of reading stayed"
    );
}

/// A write that fits in part returns the short count; one that finds no room at all, ENOSPC: never a wait.
#[test]
fn a_full_buffer_gives_enospc() {
    let module = Module::load(&["discipline=buffer", "buffer_size=10"]);
    for device in [module.instance().both(), module.instance().nonblocking()] {
        device.clear().unwrap();
        device.resize(10).unwrap();
        device.put("1234567");
        assert_eq!(device.write(b"abcdef"), Ok(3));
        assert_eq!(device.write(b"g"), Err(Errno::ENOSPC));
        assert_eq!(device.write(b""), Ok(0));
        assert_eq!(module.instance().reader().take(100), "1234567abc");
        device.resize(11).unwrap();
        device.put("g");
    }
}

/// With its own `on_empty` (`eof`) a read never waits, so that it is always readable; `O_NONBLOCK` changes
/// nothing.
#[test]
fn a_buffer_ends_where_its_text_ends() {
    let module = Module::load_buffer();
    assert_eq!(module.instance().attribute("on_empty"), "eof");
    for device in [module.instance().both(), module.instance().nonblocking()] {
        assert_eq!(device.ready(), READABLE | WRITABLE);
        assert_eq!(device.take(100), "");
    }
    module.instance().writer().put([b'x'; 4096]);
    assert_eq!(module.instance().both().ready() & READABLE, READABLE);
    assert_eq!(module.instance().reader().ready(), READABLE);
}

/// With `block`, a read at the end waits for more, and all readers are served, so all wake.
#[test]
fn with_block_all_readers_at_the_end_wake() {
    let module = Module::load_buffer();
    assert_eq!(module.instance().set_attribute("on_empty", "block"), Ok(()));
    let writer = module.instance().writer();
    writer.put("old,");
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let device = module.instance().reader();
            assert_eq!(device.take(100), "old,");
            sleeping_read(&device, 100)
        })
        .collect();
    writer.put("new");
    assert!(
        readers
            .into_iter()
            .all(|reader| reader.join() == Ok(b"new".to_vec()))
    );

    let late = module.instance().nonblocking();
    assert_eq!(late.ready() & READABLE, READABLE);
    assert_eq!(late.take(100), "old,new");
    assert_eq!(late.ready() & READABLE, nix::poll::PollFlags::empty());
    assert_eq!(late.read(100), Err(Errno::EAGAIN));
}

/// `FIONREAD` counts from the open's own position.
#[test]
fn fionread_counts_from_the_position() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    device.put("1234567890");
    assert_eq!(device.take(3), "123");
    assert_eq!(
        (device.unread(), module.instance().reader().unread()),
        (7, 10)
    );
    lseek(&device, 100, Whence::SeekSet).unwrap();
    assert_eq!(device.unread(), 0);
    assert_eq!(device.status().bytes_used, 10, "reading takes nothing out");
}

/// The bytes of one write stay together.
#[test]
fn writes_of_many_writers_stay_whole() {
    let module = Module::load(&["discipline=buffer", "buffer_size=1048576"]);
    let writers: Vec<_> = (b'a'..=b'h')
        .map(|letter| {
            let device = module.instance().writer();
            Sleeper::start(move || (0..100).for_each(|_| device.put([letter; 1000])))
        })
        .collect();
    writers.into_iter().for_each(Sleeper::join);
    let got = module.instance().reader().collect(800_000);
    assert!(
        got.chunks(1000)
            .all(|write| write.iter().all(|byte| *byte == write[0])),
        "two writes are mixed"
    );
}

/// A reader that reads while others write sees a text that only grows.
#[test]
fn a_reader_beside_writers_sees_the_text_grow() {
    let module = Module::load(&["discipline=buffer", "buffer_size=1048576"]);
    let text: Vec<u8> = (0..1_000_000).map(|n| (n % 251) as u8).collect();
    let writer = {
        let (device, text) = (module.instance().writer(), text.clone());
        Sleeper::start(move || text.chunks(7777).for_each(|part| device.put(part)))
    };
    let reader = module.instance().reader();
    let mut got = Vec::new();
    while got.len() < text.len() {
        got.extend(reader.read(5000).unwrap());
        assert!(
            !writer.has_ended() || reader.unread() > 0 || got.len() >= text.len(),
            "the text ended early"
        );
    }
    assert!(got == text, "what was read is not what was written");
    writer.join();
}
