// SPDX-License-Identifier: GPL-2.0

//! W8, again and again: hot removal under full traffic, with everything that can be pending.

use std::{
    os::fd::{AsFd, AsRawFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use io_uring::{IoUring, opcode, types::Fd};
use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    device::GONE,
    eventually,
    instance::DISCIPLINES,
    length,
    signals::{caught, handle, own},
};
use nix::{
    Result,
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::PollFlags,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        signal::{SaFlags, Signal},
    },
};

use crate::assert_no_growth;

/// Whether a caller goes on: the only end is ENODEV, and only removal makes it.
#[track_caller]
fn goes_on(result: Result<usize>) -> bool {
    match result {
        Ok(_) | Err(Errno::ENOSPC | Errno::EINTR) => true,
        Err(Errno::ENODEV) => false,
        Err(errno) => panic!("a call under load: {errno}"),
    }
}

/// A thread that does one thing until it is told that the instance is gone.
fn until_gone(mut work: impl FnMut() -> bool + Send + 'static) -> Sleeper<()> {
    Sleeper::start(move || while work() {})
}

/// Sleeps in `poll` for nothing but the end.
fn wait_for_the_end(device: &Device) -> bool {
    match device.wait_ready(PollFlags::empty()) {
        Ok(events) => assert_eq!(events, GONE),
        Err(errno) => assert_eq!(errno, Errno::EINTR),
    }
    device.ready() != GONE
}

/// The same in `epoll_wait`, for edges of everything.
fn wait_for_edges(device: &Device) -> bool {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
    epoll.add(device, EpollEvent::new(wanted, 0)).unwrap();
    let mut event = [EpollEvent::empty()];
    match epoll.wait(&mut event, EpollTimeout::NONE) {
        Ok(_) => !event[0].events().contains(EpollFlags::EPOLLERR),
        Err(errno) => errno == Errno::EINTR,
    }
}

/// Makes one, loads it with traffic, removes it under that, and sees everybody off.
fn remove_under_traffic(discipline: &str) {
    let victim = Instance::add(&format!(
        "victim discipline={discipline} max_capacity=100000 on_empty=block"
    ));
    let watch = victim.nonblocking();
    let wrote = Arc::new(AtomicU64::new(0));
    let mut crowd = Vec::new();
    for _ in 0..2 {
        let device = victim.reader();
        crowd.push(until_gone(move || {
            // A spool's file may have come to its end.
            let _ = device.next();
            goes_on(device.read(3000).map(|bytes| bytes.len()))
        }));
        let (instance, wrote) = (victim.clone(), Arc::clone(&wrote));
        crowd.push(until_gone(move || {
            // Opened anew each time, so that spools have many files; and the node may be gone already.
            let Ok(device) = instance.open(OFlag::O_WRONLY) else {
                return false;
            };
            let result = device.write(&[b'x'; 4000]);
            wrote.fetch_add(1, Ordering::SeqCst);
            if result == Err(Errno::ENOSPC) {
                return goes_on(device.clear().map(|()| 0));
            }
            goes_on(result)
        }));
    }
    let (polled, edged) = (victim.both(), victim.both());
    crowd.push(until_gone(move || wait_for_the_end(&polled)));
    crowd.push(until_gone(move || wait_for_edges(&edged)));

    // SIGIO for each write.
    let signalling = victim.reader();
    own(signalling.as_fd());
    fcntl(&signalling, FcntlArg::F_SETFL(OFlag::O_ASYNC)).expect("O_ASYNC");
    // A request that only the end completes, and one that data may complete.
    let requested = victim.reader();
    let mut ring = IoUring::new(4).expect("io_uring");
    let mut buffer = [0u8; 100];
    let file = Fd(requested.as_raw_fd());
    let poll = opcode::PollAdd::new(file, 0).build().user_data(1);
    let read = opcode::Read::new(file, buffer.as_mut_ptr(), 100);
    let read = read.offset(u64::MAX).build().user_data(2);
    // SAFETY: the buffer and the file live until both are completed, below.
    unsafe { ring.submission().push_multiple(&[poll, read]) }.expect("room for two");
    assert_eq!(ring.submit().expect("submitting"), 2);

    eventually("the traffic is under way", || {
        wrote.load(Ordering::SeqCst) > 5 && watch.stats().reads > 0
    });
    assert_eq!(victim.remove(), Ok(()));
    crowd.into_iter().for_each(Sleeper::join);
    assert_eq!((watch.ready(), watch.read(1)), (GONE, Err(Errno::ENODEV)));

    let mut left = 2;
    eventually("the requests complete", || {
        for done in ring.completion() {
            let result = done.result();
            match done.user_data() {
                1 => assert_eq!(result, i32::from(GONE.bits()), "the end, to io_uring"),
                _ => assert!(result > 0 || result == -(Errno::ENODEV as i32), "{result}"),
            }
            left -= 1;
        }
        left == 0
    });
}

/// `MYDEVICE_REMOVALS` says how many.
#[test]
fn w8_removals_under_full_traffic_leave_nothing() {
    let removals = length("MYDEVICE_REMOVALS", 100, 1_000);
    handle(Signal::SIGIO, SaFlags::SA_RESTART);
    let module = Module::load(&[]);
    let before = caught();
    // It takes a hundred until every cache of the kernel's has what it keeps for its CPUs.
    assert_no_growth(100, removals, 600, |n| {
        remove_under_traffic(DISCIPLINES[n as usize % DISCIPLINES.len()]);
    });
    assert!(caught() > before, "no SIGIO came");
    module.instance().both().put("works on");
}
