// SPDX-License-Identifier: GPL-2.0

//! W5: what `poll` tells, and that those who sleep in it wake.

use mydevice_tests::{
    Device, Module, Sleeper,
    device::{READABLE, WRITABLE},
};
use nix::{
    Result,
    poll::PollFlags,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        select::{FdSet, pselect},
    },
};

const CAPACITY: usize = 4096;

/// poll: empty is writable and not readable, data makes it readable, full is not writable.
#[test]
fn w5_poll_tells_what_would_not_wait() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    assert_eq!(device.ready(), WRITABLE);
    device.put("x");
    assert_eq!(device.ready(), READABLE | WRITABLE);
    device.put([b'x'; CAPACITY - 1]);
    assert_eq!(device.ready(), READABLE);
    device.collect(1);
    assert_eq!(device.ready(), READABLE | WRITABLE);
    device.collect(CAPACITY - 1);
    assert_eq!(device.ready(), WRITABLE);

    // Only for the directions in which the file is open.
    assert_eq!(module.instance().writer().ready(), WRITABLE);
    assert_eq!(module.instance().reader().ready(), PollFlags::empty());
    device.put("x");
    assert_eq!(module.instance().reader().ready(), READABLE);
}

/// A way to sleep until a device is ready.
type Wait = fn(&Device, PollFlags) -> Result<()>;

const WAITS: [(&str, i64, Wait); 3] = [
    ("poll", libc::SYS_poll, |device, events| {
        device.wait_ready(events).map(drop)
    }),
    ("select", libc::SYS_pselect6, |device, events| {
        let mut set = FdSet::new();
        set.insert(std::os::fd::AsFd::as_fd(device));
        let (read, write) = match events {
            PollFlags::POLLIN => (Some(&mut set), None),
            _ => (None, Some(&mut set)),
        };
        pselect(None, read, write, None, None, None).map(drop)
    }),
    ("epoll_wait", libc::SYS_epoll_wait, |device, events| {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let events = EpollFlags::from_bits_truncate(events.bits().into());
        epoll.add(device, EpollEvent::new(events, 0))?;
        epoll
            .wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)
            .map(drop)
    }),
];

/// What makes a device ready.
type Change = fn(&Device);

/// A sleeping `poll`, `select` and `epoll_wait` wakes on each change.
#[test]
fn w5_sleeping_polls_wake_on_each_change() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let changes: [(&str, PollFlags, Change); 4] = [
        ("a write", PollFlags::POLLIN, |device| device.put("x")),
        ("a read", PollFlags::POLLOUT, |device| {
            drop(device.collect(1))
        }),
        ("CLEAR", PollFlags::POLLOUT, |device| {
            device.clear().unwrap()
        }),
        ("RESIZE", PollFlags::POLLOUT, |device| {
            device.resize(CAPACITY as u32 + 1).unwrap()
        }),
    ];
    for (name, call, wait) in WAITS {
        for (change, events, make) in changes {
            device.clear().unwrap();
            device.resize(CAPACITY as u32).unwrap();
            if events == PollFlags::POLLOUT {
                device.put([b'x'; CAPACITY]);
            }
            let sleeper = Sleeper::asleep_in(call, {
                let device = device.clone();
                move || wait(&device, events)
            });
            make(&device);
            assert_eq!(sleeper.join(), Ok(()), "{name} after {change}");
        }
    }
}
