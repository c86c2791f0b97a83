// SPDX-License-Identifier: GPL-2.0

//! Lengths of nothing, of one, of everything, and vectors of 1,024 pieces.

use std::{
    io::{IoSlice, IoSliceMut},
    os::fd::AsRawFd,
};

use mydevice_tests::{
    Device, Instance, Module,
    instance::{DISCIPLINES, keeps_records},
};
use nix::{
    Result,
    errno::Errno,
    sys::uio::{readv, writev},
};

use crate::{
    assert_books_balance,
    memory::{map, unmap},
    small,
};

/// What the kernel cuts every read and write to.
const MAX_RW_COUNT: usize = 0x7fff_f000;

/// More than no process has is a bad address; a negative length is one, too.
#[test]
fn a_length_beyond_the_address_space_gives_an_error() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&small(discipline));
        let device = victim.nonblocking();
        device.put("intact");
        let mut buffer = [0u8; 16];
        for len in [usize::MAX, usize::MAX - 4095, isize::MAX as usize, 1 << 48] {
            let results = [
                device.read_at_address(buffer.as_mut_ptr(), len),
                device.write_from_address(buffer.as_ptr(), len),
            ];
            for result in results {
                let errno = result.expect_err("no such length");
                assert!(matches!(errno, Errno::EFAULT | Errno::EINVAL), "{errno}");
            }
        }
        assert_eq!((buffer, device.unread()), ([0; 16], 6));
        assert_eq!(device.take(16), "intact");
        assert_eq!(victim.remove(), Ok(()));
    }
}

/// More than the kernel moves in one call, of memory that is really there: what fits is moved, or EMSGSIZE.
#[test]
fn more_than_one_call_can_move_is_cut_or_refused() {
    const LEN: usize = MAX_RW_COUNT + (1 << 20);
    let _module = Module::load(&[]);
    let start = map(LEN);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&small(discipline));
        let device = victim.nonblocking();
        let written = device.write_from_address(start, LEN);
        let expected = match keeps_records(discipline) {
            true => Err(Errno::EMSGSIZE),
            false => Ok(4096),
        };
        assert_eq!(written, expected, "{discipline}");
        if written.is_err() {
            device.put([0; 4096]);
        }
        assert_eq!(device.read_at_address(start, LEN), Ok(4096), "{discipline}");
        assert_books_balance(&victim);
        assert_eq!(victim.remove(), Ok(()));
    }
    unmap(start, LEN);
}

/// A record of the length to which the kernel cuts may be the beginning of a longer one, so it is refused, whatever the
/// stack would hold.
#[test]
fn a_record_that_may_have_been_cut_is_refused() {
    const LEN: usize = MAX_RW_COUNT + (1 << 20);
    let _module = Module::load(&[]);
    let victim = Instance::add("victim discipline=stack");
    assert_eq!(victim.attribute("max_capacity"), i32::MAX.to_string());
    let device = victim.nonblocking();
    let start = map(LEN);
    for len in [LEN, i32::MAX as usize, MAX_RW_COUNT] {
        let written = device.write_from_address(start, len);
        assert_eq!(written, Err(Errno::EMSGSIZE), "{len} bytes");
    }
    unmap(start, LEN);
    assert_eq!(device.stats().writes, 0);
    assert_eq!(victim.remove(), Ok(()));
}

/// The bytes of 1,024 pieces, of every length from none to three, are one write and can be one read.
#[test]
fn a_vector_of_1024_pieces_is_one_call() {
    let _module = Module::load(&[]);
    let text: Vec<u8> = (0..1536u32).map(|n| (n % 251) as u8).collect();
    for discipline in DISCIPLINES {
        let victim = Instance::add(&small(discipline));
        let device = victim.nonblocking();
        let (mut rest, mut pieces) = (&text[..], Vec::new());
        for n in 0..1024 {
            let (piece, behind) = rest.split_at(n % 4);
            pieces.push(IoSlice::new(piece));
            rest = behind;
        }
        assert_eq!(writev(&device, &pieces), Ok(1536), "{discipline}");

        let mut got = vec![0; 1536];
        let (mut rest, mut pieces) = (&mut got[..], Vec::new());
        for n in 0..1024 {
            let (piece, behind) = rest.split_at_mut(3 - n % 4);
            pieces.push(IoSliceMut::new(piece));
            rest = behind;
        }
        assert_eq!(readv(&device, &mut pieces), Ok(1536), "{discipline}");
        assert!(got == text, "{discipline}: not the bytes that were written");
        let stats = device.stats();
        assert_eq!((stats.writes, stats.reads), (1, 1), "{discipline}");
        assert_eq!(victim.remove(), Ok(()));
    }
}

/// 1,025 pieces, and pieces that are too long together, are refused before the driver hears of them.
#[test]
fn a_vector_of_too_many_pieces_is_refused() {
    let module = Module::load(&[]);
    let device: Device = module.instance().nonblocking();
    device.put("intact");
    let byte = [0u8];
    let pieces = vec![IoSlice::new(&byte); 1025];
    assert_eq!(writev(&device, &pieces), Err(Errno::EINVAL));
    let vector = [
        libc::iovec {
            iov_base: byte.as_ptr() as *mut _,
            iov_len: 1,
        },
        libc::iovec {
            iov_base: byte.as_ptr() as *mut _,
            iov_len: usize::MAX,
        },
    ];
    // SAFETY: the kernel only reads, and refuses the length.
    let written = unsafe { libc::writev(device.as_raw_fd(), vector.as_ptr(), 2) };
    let written: Result<isize> = Errno::result(written);
    assert_eq!(written, Err(Errno::EINVAL));
    assert_eq!(device.take(16), "intact");
}

/// Nothing and one, by every discipline.
#[test]
fn nothing_and_one_byte() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&small(discipline));
        let device = victim.nonblocking();
        assert_eq!((device.write(b""), device.read(0)), (Ok(0), Ok(vec![])));
        assert_eq!(device.stats(), victim.nonblocking().stats());
        assert_eq!(device.stats().writes, 0, "{discipline}");
        device.put("1");
        assert_eq!(device.read(0), Ok(vec![]), "{discipline}");
        assert_eq!(device.take(1), "1", "{discipline}");
        assert_eq!(victim.remove(), Ok(()));
    }
}
