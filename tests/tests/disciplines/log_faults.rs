// SPDX-License-Identifier: GPL-2.0

//! `log`: readers of one open whose copies fail, in any order.

use mydevice_tests::{
    Device, Instance, Module, Sleeper, device::READABLE, eventually, memory::Stall, sleeping_read,
};
use nix::{Result, errno::Errno};

/// A log, one open of it, and a reader of that open that is stalled in the first record, after `good` bytes.
struct Stalled {
    open: Device,
    stall: Stall,
    first: Sleeper<Result<usize>>,
    /// The last to be dropped.
    module: Module,
}

const FIRST: usize = 100;

impl Stalled {
    /// With a second record, and an open that does not wait.
    fn after(good: usize) -> Self {
        Self::new(Instance::nonblocking, &["second"], good)
    }

    fn new(open: fn(&Instance) -> Device, later: &[&str], good: usize) -> Self {
        let module = Module::load(&["discipline=log"]);
        let (open, writer) = (open(&module.instance()), module.instance().writer());
        writer.put([b'1'; FIRST]);
        later.iter().for_each(|record| writer.put(record));
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

/// Somebody who shares the open and waits in it for more, when the only record has failed to reach another.
#[track_caller]
fn told<T: Send + 'static>(
    good: usize,
    waits: impl Fn(&Device) -> Sleeper<T>,
) -> (Module, Device, Sleeper<T>) {
    let stalled = Stalled::new(Instance::reader, &[], good);
    let second = waits(&stalled.open);
    let (module, open, _) = stalled.first_fails();
    (module, open, second)
}

/// Who shares the open, and found nothing more in it, is told of what the failed copy left.
#[test]
fn who_shares_the_open_is_told_of_what_is_to_be_read_again() {
    for (good, left) in [(0, FIRST), (40, FIRST - 40)] {
        {
            let (_module, _open, reader) = told(good, |open| sleeping_read(open, FIRST));
            eventually("the reader has what is left", || reader.has_ended());
            assert_eq!(reader.join(), Ok(vec![b'1'; left]));
        }
        let (_module, open, poller) = told(good, |open| {
            let open = open.clone();
            Sleeper::asleep_in(libc::SYS_poll, move || open.wait_ready(READABLE))
        });
        eventually("the poller is told", || poller.has_ended());
        assert_eq!(poller.join(), Ok(READABLE));
        assert_eq!(open.take(FIRST).len(), left);
    }
}
