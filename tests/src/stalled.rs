// SPDX-License-Identifier: GPL-2.0

//! Somebody who is stalled in the middle of a copy, by a page that does not come.

use std::fs::File;

use nix::Result;

use crate::{Device, Instance, Sleeper, instance::ATTRIBUTES, memory::Stall, uring};

/// Bytes that a stalled copy has before the page that does not come.
pub const GOOD: usize = 10;
/// Bytes of a whole copy.
pub const WHOLE: usize = 100;

/// By which call somebody reads or writes.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// `read` and `write`.
    Plain,
    /// `readv` and `writev`: the page that does not come is the third piece's.
    Vector,
    /// A request to io_uring.
    Ring,
}

impl Way {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Vector, Self::Ring];

    fn read(self, device: &Device, address: *mut u8) -> Result<usize> {
        match self {
            Self::Plain => device.read_at_address(address, WHOLE),
            Self::Vector => device.read_at_addresses(&pieces(address)),
            Self::Ring => uring::complete(&uring::read(device, address, WHOLE)),
        }
    }

    fn write(self, device: &Device, address: *mut u8) -> Result<usize> {
        match self {
            Self::Plain => device.write_from_address(address, WHOLE),
            Self::Vector => device.write_from_addresses(&pieces(address)),
            Self::Ring => uring::complete(&uring::write(device, address, WHOLE)),
        }
    }
}

/// WHOLE bytes from an address on, of which the last piece is not there.
fn pieces(address: *mut u8) -> [(*mut u8, usize); 3] {
    let at = |offset| address.wrapping_add(offset);
    [(at(0), 4), (at(4), GOOD - 4), (at(GOOD), WHOLE - GOOD)]
}

/// Somebody in mid-copy of WHOLE bytes. Dropped, the page comes first, so that the thread can end.
#[derive(Debug)]
pub struct Stalled {
    stall: Stall,
    thread: Sleeper<Result<usize>>,
}

impl Stalled {
    #[track_caller]
    fn start(copy: impl FnOnce(*mut u8) -> Result<usize> + Send + 'static) -> Self {
        let stall = Stall::new();
        let address = stall.before(GOOD);
        let thread = Sleeper::start(move || copy(address.get()));
        stall.wait_stalled();
        Self { stall, thread }
    }

    /// Somebody who reads the entry in `/proc`, which everybody may.
    #[track_caller]
    pub fn reader_of_proc(instance: &Instance) -> Self {
        let proc = File::open(instance.proc_file()).expect("opening an entry in /proc");
        let proc = Device::from_fd(proc.into());
        Self::start(move |address| proc.read_at_address(address, WHOLE))
    }

    /// Somebody who calls `read`.
    #[track_caller]
    pub fn reader(device: &Device) -> Self {
        Self::reader_by(device, Way::Plain)
    }

    /// Somebody who reads.
    #[track_caller]
    pub fn reader_by(device: &Device, way: Way) -> Self {
        let device = device.clone();
        Self::start(move |address| way.read(&device, address))
    }

    /// Somebody who calls `write`, see [`Self::writer_by`].
    #[track_caller]
    pub fn writer(device: &Device) -> Self {
        Self::writer_by(device, Way::Plain)
    }

    /// Somebody who writes: 10 times `x`, then zeros.
    #[track_caller]
    pub fn writer_by(device: &Device, way: Way) -> Self {
        let device = device.clone();
        Self::start(move |address| way.write(&device, address))
    }

    /// Lets the page come; what the call returned.
    #[track_caller]
    pub fn release(self) -> Result<usize> {
        self.stall.release();
        self.thread.join()
    }
}

/// Does something that must not wait; if it does, the test fails instead of hanging.
#[track_caller]
pub fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    Sleeper::start(work).join()
}

/// What goes on whoever is stalled at the victim: looking on, opening and closing, its attributes; and all of another
/// instance, which is empty.
#[track_caller]
pub fn onlookers_go_on(victim: &Instance, other: &Instance) {
    let (victim, other) = (victim.clone(), other.clone());
    at_once(move || {
        for device in [victim.both(), victim.nonblocking(), victim.reader()] {
            device.status();
            device.stats();
            device.unread();
            device.ready();
        }
        victim.proc();
        for attribute in ATTRIBUTES {
            victim.attribute(attribute);
        }
        assert_eq!(victim.set_attribute("read_timeout_ms", "0"), Ok(()));

        let device = other.both();
        device.put("goes on");
        assert_eq!(device.take(7), "goes on");
        assert_eq!(device.clear(), Ok(()));
    });
}
