// SPDX-License-Identifier: GPL-2.0

//! Somebody who is stalled in the middle of a copy, by a page that does not come.

use nix::Result;

use crate::{Device, Sleeper, memory::Stall};

/// Bytes that a stalled copy has before the page that does not come.
pub const GOOD: usize = 10;
/// Bytes of a whole copy.
pub const WHOLE: usize = 100;

/// Somebody in mid-copy of WHOLE bytes. Dropped, the page comes first, so that the thread can end.
#[derive(Debug)]
pub struct Stalled {
    stall: Stall,
    thread: Sleeper<Result<usize>>,
}

impl Stalled {
    #[track_caller]
    fn start(device: &Device, copy: fn(&Device, *mut u8) -> Result<usize>) -> Self {
        let stall = Stall::new();
        let (address, device) = (stall.before(GOOD), device.clone());
        let thread = Sleeper::start(move || copy(&device, address.get()));
        stall.wait_stalled();
        Self { stall, thread }
    }

    /// Somebody who reads.
    #[track_caller]
    pub fn reader(device: &Device) -> Self {
        Self::start(device, |device, address| {
            device.read_at_address(address, WHOLE)
        })
    }

    /// Somebody who writes: 10 times `x`, then zeros.
    #[track_caller]
    pub fn writer(device: &Device) -> Self {
        Self::start(device, |device, address| {
            device.write_from_address(address, WHOLE)
        })
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
