// SPDX-License-Identifier: GPL-2.0

//! What is common to all disciplines: calls and what they move, each sentence in each discipline.

use std::{
    io::{IoSlice, IoSliceMut, Write},
    os::fd::AsRawFd,
};

use mydevice_tests::{Device, Instance, Module, instance::DISCIPLINES};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{sendfile::sendfile, uio},
    unistd::{Whence, lseek},
};

/// Does this with an instance of each discipline, in which a reader that finds nothing waits.
#[track_caller]
pub fn in_each(settings: &str, test: impl Fn(&'static str, &Instance)) {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!(
            "one discipline={discipline} on_empty=block {settings}"
        ));
        test(discipline, &instance);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// Bytes that tell their places.
fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// A zero-length read or write returns 0 and changes nothing: there is no empty record, and no empty file.
#[test]
fn zero_length_changes_nothing() {
    in_each("capacity=10", |discipline, instance| {
        let device = instance.nonblocking();
        assert_eq!((device.write(b""), device.read(0)), (Ok(0), Ok(vec![])));
        assert_eq!(device.read(1), Err(Errno::EAGAIN), "{discipline}");
        device.put("0123456789");
        assert_eq!((device.write(b""), device.read(0)), (Ok(0), Ok(vec![])));
        let status = device.status();
        let counts = (status.write_count, status.read_count, status.bytes_used);
        assert_eq!(counts, (1, 0, 10), "{discipline}");
        assert_eq!(device.take(100), "0123456789", "{discipline}");
        assert_eq!(device.read(1), Err(Errno::EAGAIN), "{discipline}");
    });
}

/// A read returns all it can have now: it is never cut at a page or at an internal buffer.
#[test]
fn a_read_returns_all_of_a_large_write() {
    in_each("capacity=300000", |discipline, instance| {
        let bytes = counting(300_000);
        instance.writer().put(&bytes);
        let got = instance.reader().read(1 << 20);
        assert!(
            got == Ok(bytes),
            "{discipline}: {:?}",
            got.map(|got| got.len())
        );
    });
}

/// `readv` and `writev` work: the pieces of one call are one write, and one read.
#[test]
fn the_pieces_of_one_call_are_one() {
    in_each("capacity=300000", |discipline, instance| {
        let bytes = counting(150_000);
        let (writer, reader) = (instance.writer(), instance.reader());
        let pieces = [&bytes[..1], &[], &bytes[1..70_000], &bytes[70_000..]].map(IoSlice::new);
        assert_eq!(uio::writev(&writer, &pieces), Ok(150_000), "{discipline}");
        assert_eq!(writer.status().write_count, 1);
        let (mut first, mut second) = (vec![0; 100_001], vec![0; 100_000]);
        let mut pieces = [&mut first[..], &mut second].map(IoSliceMut::new);
        assert_eq!(
            uio::readv(&reader, &mut pieces),
            Ok(150_000),
            "{discipline}"
        );
        first.extend(&second[..49_999]);
        assert!(
            first == bytes,
            "{discipline}: what came out is not what went in"
        );
        assert_eq!(writer.status().read_count, 1);
    });
}

/// `pread`, `pwrite` and `lseek`: ESPIPE unless `buffer`.
#[test]
fn only_a_buffer_has_positions() {
    in_each("", |discipline, instance| {
        let device = instance.both();
        device.put("text");
        let mut got = [0; 4];
        let results = (
            uio::pread(&device, &mut got, 1),
            uio::pwrite(&device, b"x", 0),
            lseek(&device, 2, Whence::SeekSet),
        );
        match discipline {
            "buffer" => assert_eq!((results, &got[..3]), ((Ok(3), Ok(1), Ok(2)), &b"ext"[..])),
            _ => assert_eq!(
                results,
                (Err(Errno::ESPIPE), Err(Errno::ESPIPE), Err(Errno::ESPIPE)),
                "{discipline}"
            ),
        }
    });
}

/// `IOCB_NOWAIT` where it would wait: EAGAIN, also on an open that may wait.
#[test]
fn a_request_that_must_not_wait_gives_eagain() {
    in_each("capacity=10 max_capacity=10", |discipline, instance| {
        let device = instance.both();
        assert_eq!(nowait(&device, libc::preadv2, 1), Err(Errno::EAGAIN));
        assert_eq!(nowait(&device, libc::pwritev2, 10), Ok(10), "{discipline}");
        let expected = match discipline {
            "buffer" => Err(Errno::ENOSPC),
            "log" => Ok(1),
            _ => Err(Errno::EAGAIN),
        };
        assert_eq!(nowait(&device, libc::pwritev2, 1), expected, "{discipline}");
        assert_eq!(nowait(&device, libc::preadv2, 1), Ok(1), "{discipline}");
    });
}

type Vectored =
    unsafe extern "C" fn(libc::c_int, *const libc::iovec, libc::c_int, i64, libc::c_int) -> isize;

fn nowait(device: &Device, call: Vectored, len: usize) -> nix::Result<isize> {
    let mut bytes = vec![b'x'; len];
    let vector = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: len,
    };
    // SAFETY: the vector describes bytes that live on; -1 is the file's own position.
    Errno::result(unsafe { call(device.as_raw_fd(), &vector, 1, -1, libc::RWF_NOWAIT) })
}

/// `sendfile` works into every discipline: each part that it hands over is one write.
#[test]
fn sendfile_works_into_every_discipline() {
    in_each("capacity=300000", |discipline, instance| {
        let bytes = counting(200_000);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let device = instance.both();
        let mut position = 0;
        while position < 200_000 {
            let left = 200_000 - position as usize;
            sendfile(&device, &file, Some(&mut position), left).expect("sendfile");
        }
        let mut got = Vec::new();
        while got.len() < bytes.len() {
            let part = device.read(1 << 20).expect("a read");
            match discipline {
                // The newest comes first.
                "stack" => got.splice(..0, part).for_each(drop),
                _ => got.extend(part),
            }
        }
        assert!(
            got == bytes,
            "{discipline}: what came out is not what was sent"
        );
    });
}

/// Out of all but `buffer`, `sendfile` is refused, as out of a pipe it would be, and takes nothing.
#[test]
fn sendfile_out_of_a_queue_takes_nothing() {
    in_each("", |discipline, instance| {
        let device = instance.both();
        device.put("intact");
        let file = tempfile::tempfile().unwrap();
        // For more than there is it would wait.
        let expected = match discipline {
            "buffer" => Ok(6),
            _ => Err(Errno::EINVAL),
        };
        assert_eq!(sendfile(&file, &device, None, 6), expected, "{discipline}");
        assert_eq!(instance.reader().take(100), "intact", "{discipline}");
    });
}

/// Nothing is consumed that did not reach the reader, and a bad pointer gives EFAULT if nothing was moved.
#[test]
fn what_did_not_reach_the_reader_is_still_there() {
    in_each("", |discipline, instance| {
        let device = instance.both();
        device.put("0123456789");
        let fence = mydevice_tests::memory::Fence::new();
        let nothing = device.read_at_address(fence.before(0), 10);
        assert_eq!(nothing, Err(Errno::EFAULT), "{discipline}");
        assert_eq!(device.read_at_address(fence.before(4), 10), Ok(4));
        assert_eq!(fence.contents(4), b"0123");
        assert_eq!(device.take(100), "456789", "{discipline}");
        let status = device.status();
        assert_eq!((status.read_count, status.write_count), (2, 1));
    });
}

/// The order of errors begins with the mode: EBADF, also for a bad pointer and for nothing.
#[test]
fn the_mode_comes_first() {
    in_each("", |discipline, instance| {
        let [reader, writer] =
            [OFlag::O_RDONLY, OFlag::O_WRONLY].map(|way| instance.open(way).unwrap());
        let fence = mydevice_tests::memory::Fence::new();
        for len in [0, 1] {
            let results = [
                reader.write_from_address(fence.before(0), len),
                writer.read_at_address(fence.before(0), len),
            ];
            assert_eq!(results, [Err(Errno::EBADF); 2], "{discipline}");
        }
    });
}
