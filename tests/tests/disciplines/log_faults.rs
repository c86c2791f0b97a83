// SPDX-License-Identifier: GPL-2.0

//! `log`: readers of one open whose copies fail, in any order.

use mydevice_tests::{Device, Module, Sleeper, memory::Stall};
use nix::{Result, errno::Errno};

/// A log of two records, one open of it, and a reader of that open that is stalled in the first record, after `good`
/// bytes.
struct Stalled {
    module: Module,
    open: Device,
    stall: Stall,
    first: Sleeper<Result<usize>>,
}

const FIRST: usize = 100;

impl Stalled {
    fn after(good: usize) -> Self {
        let module = Module::load(&["discipline=log"]);
        let (open, writer) = (module.instance().nonblocking(), module.instance().writer());
        writer.put([b'1'; FIRST]);
        writer.put("second");
        let stall = Stall::new();
        let address = stall.before(good);
        let first = {
            let open = open.clone();
            Sleeper::start(move || open.read_at_address(address.get(), FIRST))
        };
        stall.wait_stalled();
        Self {
            module,
            open,
            stall,
            first,
        }
    }

    /// Another reader of the open, whose copy fails at once.
    fn second_fails(&self) {
        let nowhere = std::ptr::null_mut();
        assert_eq!(self.open.read_at_address(nowhere, 100), Err(Errno::EFAULT));
    }

    /// The stalled copy fails; what its read returned.
    fn first_fails(self) -> (Module, Device, Result<usize>) {
        self.stall.fail();
        (self.module, self.open, self.first.join())
    }
}

/// Two that fail, the younger first: what neither got is read again, in order.
#[test]
fn what_two_readers_of_one_open_did_not_get_is_read_again() {
    for (good, result) in [(0, Err(Errno::EFAULT)), (40, Ok(40))] {
        let stalled = Stalled::after(good);
        stalled.second_fails();
        let (_module, open, got) = stalled.first_fails();
        assert_eq!(got, result);
        assert_eq!(open.take(FIRST), "1".repeat(FIRST - good));
        assert_eq!(open.take(100), "second");
        assert_eq!(open.read(100), Err(Errno::EAGAIN));
        assert_eq!(open.stats().bytes_missed, 0);
    }
}

/// One that fails when another of its open has read on: it cannot come back in order, and is counted as missed.
#[test]
fn what_others_of_the_open_have_gone_by_is_missed() {
    for good in [0, 40] {
        let stalled = Stalled::after(good);
        assert_eq!(stalled.open.take(100), "second");
        let (_module, open, _) = stalled.first_fails();
        assert_eq!(open.read(100), Err(Errno::EAGAIN));
        assert_eq!(open.stats().bytes_missed, (FIRST - good) as u64);
    }
}
