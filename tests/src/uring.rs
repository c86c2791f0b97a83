// SPDX-License-Identifier: GPL-2.0

//! Requests to io_uring.

use std::os::fd::AsRawFd;

use io_uring::{IoUring, opcode, squeue::Entry, types::Fd};
use nix::{Result, errno::Errno};

use crate::{Device, eventually};

/// "At the file's position", which is the only one that a stream has.
const CURRENT: u64 = u64::MAX;

/// A read to any address.
pub fn read(device: &Device, address: *mut u8, len: usize) -> Entry {
    opcode::Read::new(Fd(device.as_raw_fd()), address, len as u32)
        .offset(CURRENT)
        .build()
}

/// A write from any address.
pub fn write(device: &Device, address: *const u8, len: usize) -> Entry {
    opcode::Write::new(Fd(device.as_raw_fd()), address, len as u32)
        .offset(CURRENT)
        .build()
}

/// Hands one request to the kernel and returns at once.
#[track_caller]
pub fn submit(ring: &mut IoUring, request: &Entry) {
    // SAFETY: the callers keep the file and the memory until they have waited for the result.
    unsafe { ring.submission().push(request) }.expect("room for a request");
    assert_eq!(ring.submit().expect("submitting a request"), 1);
}

/// The result of a request that was handed in, if it is there.
pub fn result(ring: &mut IoUring) -> Option<i32> {
    ring.completion().next().map(|entry| entry.result())
}

/// The result of a request that was handed in, when it is there.
#[track_caller]
pub fn wait(ring: &mut IoUring) -> i32 {
    let mut got = None;
    eventually("the request completes", || {
        got = result(ring);
        got.is_some()
    });
    got.expect("it has completed")
}

/// One request alone, from its beginning to its end.
#[track_caller]
pub fn complete(request: &Entry) -> Result<usize> {
    let mut ring = IoUring::new(1).expect("io_uring");
    submit(&mut ring, request);
    match wait(&mut ring) {
        moved @ 0.. => Ok(moved as usize),
        errno => Err(Errno::from_raw(-errno)),
    }
}
