// SPDX-License-Identifier: GPL-2.0

//! Requests to io_uring.

use std::{
    fmt,
    os::fd::AsRawFd,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{
    IoUring, cqueue, opcode,
    squeue::Entry,
    types::{BufRingEntry, Fd},
};
use nix::{Result, errno::Errno, poll::PollFlags};

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

/// A poll, once, for these events.
pub fn poll(device: &Device, events: PollFlags) -> Entry {
    let events = u32::from(events.bits().cast_unsigned());
    opcode::PollAdd::new(Fd(device.as_raw_fd()), events).build()
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
    completion(ring).result()
}

#[track_caller]
fn completion(ring: &mut IoUring) -> cqueue::Entry {
    let mut got = None;
    eventually("the request completes", || {
        got = ring.completion().next();
        got.is_some()
    });
    got.expect("it has completed")
}

/// What a result says, as the call would.
fn moved(result: i32) -> Result<usize> {
    match result {
        moved @ 0.. => Ok(moved as usize),
        errno => Err(Errno::from_raw(-errno)),
    }
}

/// One request alone, from its beginning to its end.
#[track_caller]
pub fn complete(request: &Entry) -> Result<usize> {
    let mut ring = IoUring::new(1).expect("io_uring");
    submit(&mut ring, request);
    moved(wait(&mut ring))
}

/// A read that goes on by itself (`IORING_OP_READ_MULTISHOT`), and the memory that the kernel takes for what it brings.
pub struct Multishot {
    ring: IoUring,
    device: Device,
    memory: Box<Pool>,
    /// How many buffers the kernel was given so far.
    given: u16,
    armed: bool,
}

/// How many buffers there are, and of how many bytes.
const BUFFERS: usize = 8;
const SIZE: usize = 64;
/// The number of their group.
const GROUP: u16 = 0;

/// What the kernel wants at the beginning of a page.
#[repr(C, align(4096))]
#[derive(Debug)]
struct Pool {
    ring: [[u64; 2]; BUFFERS],
    buffers: [[u8; SIZE]; BUFFERS],
}

impl fmt::Debug for Multishot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multishot").finish_non_exhaustive()
    }
}

impl Multishot {
    /// Begins to read.
    #[track_caller]
    pub fn new(device: &Device) -> Self {
        let ring = IoUring::new(8).expect("io_uring");
        let mut memory = Box::new(Pool {
            ring: [[0; 2]; BUFFERS],
            buffers: [[0; SIZE]; BUFFERS],
        });
        let entries = (&raw mut memory.ring).cast::<BufRingEntry>();
        // SAFETY: the memory stays where it is until the ring, which is dropped first, is gone.
        let result = unsafe {
            let submitter = ring.submitter();
            submitter.register_buf_ring_with_flags(entries as u64, BUFFERS as u16, GROUP, 0)
        };
        result.expect("registering buffers");
        let mut this = Self {
            ring,
            device: device.clone(),
            memory,
            given: 0,
            armed: false,
        };
        (0..BUFFERS).for_each(|buffer| this.give(buffer));
        this.arm();
        this
    }

    /// Gives the kernel a buffer to fill.
    fn give(&mut self, buffer: usize) {
        let entries = (&raw mut self.memory.ring).cast::<BufRingEntry>();
        let address = self.memory.buffers[buffer].as_mut_ptr();
        // SAFETY: the entry is in the array, and the kernel looks at it only once the number behind the first is higher.
        unsafe {
            let entry = &mut *entries.add(usize::from(self.given) % BUFFERS);
            entry.set_addr(address as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(buffer as u16);
            self.given = self.given.wrapping_add(1);
            let tail = &*BufRingEntry::tail(entries).cast::<AtomicU16>();
            tail.store(self.given, Ordering::Release);
        }
    }

    fn arm(&mut self) {
        let read = opcode::ReadMulti::new(Fd(self.device.as_raw_fd()), 0, GROUP);
        submit(&mut self.ring, &read.offset(CURRENT).build());
        self.armed = true;
    }

    /// What one read has brought, when there is one: nothing at an end.
    #[track_caller]
    pub fn read(&mut self) -> Result<Vec<u8>> {
        loop {
            if !self.armed {
                self.arm();
            }
            let done = completion(&mut self.ring);
            self.armed = cqueue::more(done.flags());
            let len = match moved(done.result()) {
                Err(Errno::ENOBUFS) => continue,
                other => other?,
            };
            let Some(buffer) = cqueue::buffer_select(done.flags()) else {
                assert_eq!(len, 0, "bytes in no buffer");
                return Ok(Vec::new());
            };
            let bytes = self.memory.buffers[usize::from(buffer)][..len].to_vec();
            self.give(usize::from(buffer));
            return Ok(bytes);
        }
    }
}
