// SPDX-License-Identifier: GPL-2.0

//! `readv` and `writev`, `splice`, `sendfile`, `RWF_NOWAIT`.

use std::{
    fs::File,
    io::{IoSlice, IoSliceMut, Read, Seek, Write},
};

use mydevice_tests::{Module, Sleeper, memory::Fence};
use nix::{
    errno::Errno,
    fcntl::{OFlag, SpliceFFlags, splice},
    sys::{
        sendfile::sendfile,
        uio::{readv, writev},
    },
    unistd,
};

/// The most pieces that the kernel takes in one call.
const PIECES: usize = 1024;

fn file_with(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// `writev` and `readv` of 1024 pieces are one write and one read.
#[test]
fn a_thousand_pieces_are_one_write_and_one_read() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}"), "buffer_size=10000"]);
        let device = module.instance().both();
        let bytes = counting(7 * PIECES);
        let pieces: Vec<_> = bytes.chunks(7).map(IoSlice::new).collect();
        assert_eq!(writev(&device, &pieces), Ok(bytes.len()));

        let mut got = vec![0; 7 * PIECES];
        let mut pieces: Vec<_> = got.chunks_mut(7).map(IoSliceMut::new).collect();
        assert_eq!(readv(&device, &mut pieces), Ok(bytes.len()));
        assert_eq!(got, bytes);
        assert_eq!(
            (device.status().write_count, device.status().read_count),
            (1, 1),
            "{discipline}"
        );
    }
}

/// The pieces of one `writev` are contiguous even where it has to wait for room between them.
#[test]
fn the_pieces_of_a_waiting_write_stay_together() {
    let module = Module::load(&["buffer_size=100"]);
    let writers: Vec<_> = (b'a'..=b'd')
        .map(|letter| {
            let device = module.instance().writer();
            Sleeper::start(move || writev(&device, &[IoSlice::new(&[letter; 33]); 10]))
        })
        .collect();
    let got = module.instance().reader().collect(4 * 330);
    assert!(
        got.chunks(330)
            .all(|write| write.iter().all(|byte| *byte == write[0])),
        "two writes are mixed"
    );
    assert!(writers.into_iter().all(|writer| writer.join() == Ok(330)));
}

/// A bad pointer gives EFAULT if nothing was moved, else the count that was. Nothing is consumed that did
/// not reach the reader.
#[test]
fn a_half_bad_vector_moves_its_good_half() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let device = module.instance().both();
        let fence = Fence::new();
        let (good, bad) = ((fence.before(10), 10), (fence.before(0), 10));

        assert_eq!(
            device.write_from_addresses(&[bad, good]),
            Err(Errno::EFAULT),
            "{discipline}"
        );
        assert_eq!(device.status().bytes_used, 0);
        assert_eq!(
            device.write_from_addresses(&[good, bad, good]),
            Ok(10),
            "{discipline}"
        );
        assert_eq!(device.take(100), "xxxxxxxxxx");

        device.put("0123456789abcdefghij");
        assert_eq!(
            device.read_at_addresses(&[bad, good]),
            Err(Errno::EFAULT),
            "{discipline}"
        );
        assert_eq!(
            device.read_at_addresses(&[good, bad, good]),
            Ok(10),
            "{discipline}"
        );
        assert_eq!(fence.contents(10), b"0123456789");
        assert_eq!(
            device.take(100),
            "abcdefghij",
            "{discipline}: the rest is still there"
        );
    }
}

/// `splice` into the device: the pipe's boundaries are those of the writes.
#[test]
fn splice_moves_a_pipe_into_the_device() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let device = module.instance().both();
        let (from, to) = unistd::pipe().unwrap();
        unistd::write(&to, b"hello, ").unwrap();
        assert_eq!(
            splice(&from, None, &device, None, 100, SpliceFFlags::empty()),
            Ok(7)
        );
        unistd::write(&to, b"splice").unwrap();
        assert_eq!(
            splice(&from, None, &device, None, 3, SpliceFFlags::empty()),
            Ok(3)
        );
        assert_eq!(device.take(100), "hello, spl");
        assert_eq!(device.status().write_count, 2, "{discipline}");
        let mut rest = [0; 10];
        assert_eq!(
            unistd::read(&from, &mut rest),
            Ok(3),
            "what was not spliced is still in the pipe"
        );
    }
}

/// `splice` out of the device: nothing is lost that does not fit.
#[test]
fn splice_moves_the_device_into_a_pipe() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}"), "buffer_size=100000"]);
        let device = module.instance().both();
        let bytes = counting(100_000);
        device.put(&bytes);

        let (from, to) = unistd::pipe().unwrap();
        let mut got = Vec::new();
        while got.len() < bytes.len() {
            let n = splice(&device, None, &to, None, 1 << 20, SpliceFFlags::empty()).unwrap();
            assert!(n > 0, "{discipline}: 0 after {} bytes", got.len());
            let mut part = vec![0; n];
            assert_eq!(unistd::read(&from, &mut part), Ok(n));
            got.extend(part);
        }
        assert!(
            got == bytes,
            "{discipline}: what came out is not what went in"
        );
    }
}

/// `splice` from an empty stream waits, and gives EAGAIN where the device is open with `O_NONBLOCK`.
#[test]
fn splice_waits_as_a_read_does() {
    let module = Module::load(&[]);
    let (from, to) = unistd::pipe().unwrap();
    let nonblocking = module.instance().nonblocking();
    let result = splice(&nonblocking, None, &to, None, 100, SpliceFFlags::empty());
    assert_eq!(result, Err(Errno::EAGAIN));

    let device = module.instance().reader();
    let waiting = Sleeper::asleep_in(libc::SYS_splice, move || {
        splice(&device, None, &to, None, 100, SpliceFFlags::empty())
    });
    module.instance().writer().put("at last");
    assert_eq!(waiting.join(), Ok(7));
    let mut got = [0; 7];
    assert_eq!((unistd::read(&from, &mut got), &got), (Ok(7), b"at last"));
}

/// `sendfile` works into a stream, however large the file is.
#[test]
fn sendfile_fills_a_stream() {
    let module = Module::load(&[]);
    let bytes = counting(300_000);
    let sender = {
        let (file, device) = (file_with(&bytes), module.instance().writer());
        Sleeper::start(move || {
            let mut sent = 0;
            while sent < 300_000 {
                sent += sendfile(&device, &file, None, 300_000 - sent).expect("sending a file");
            }
        })
    };
    assert!(
        module.instance().reader().collect(bytes.len()) == bytes,
        "what came out is not what was sent"
    );
    sender.join();
}

/// Two of the kernel's rules for all files but pipes: `sendfile` and `splice` do not write with `O_APPEND`, which `write`
/// does; and nothing is opened with `O_DIRECT` that does not support it.
#[test]
fn the_kernel_refuses_two_flags() {
    let module = Module::load(&[]);
    let append = OFlag::O_WRONLY | OFlag::O_APPEND;
    let device = module.instance().open(append).expect("opening it");
    let sent = sendfile(&device, file_with(b"sent"), None, 4);
    assert_eq!(sent, Err(Errno::EINVAL));
    device.put("written");
    assert_eq!(module.instance().reader().take(100), "written");
    let direct = module.instance().open(OFlag::O_RDWR | OFlag::O_DIRECT);
    assert_eq!(direct.err(), Some(Errno::EINVAL));
}

/// `sendfile` works into a buffer and out of one.
#[test]
fn sendfile_works_into_a_buffer_and_out_of_one() {
    let module = Module::load(&["discipline=buffer", "buffer_size=300000"]);
    let bytes = counting(200_000);
    let (file, device) = (file_with(&bytes), module.instance().both());
    let mut sent = 0;
    while sent < bytes.len() {
        sent += sendfile(&device, &file, None, bytes.len() - sent).unwrap();
    }
    assert!(module.instance().reader().collect(bytes.len()) == bytes);

    // From its own position, which moves by what was sent.
    let (mut target, reader) = (file_with(b""), module.instance().reader());
    let mut sent = 0;
    while sent < 150_000 {
        sent += sendfile(&target, &reader, None, 150_000 - sent).unwrap();
    }
    assert_eq!(sent, 150_000);
    assert!(reader.collect(50_000) == bytes[150_000..]);
    // From a position given, which leaves its own where it is.
    let mut position = 199_990;
    assert_eq!(sendfile(&target, &reader, Some(&mut position), 100), Ok(10));
    assert_eq!(position, 200_000);

    let mut got = Vec::new();
    target.rewind().unwrap();
    target.read_to_end(&mut got).unwrap();
    assert!(got == [&bytes[..150_000], &bytes[199_990..]].concat());
}
