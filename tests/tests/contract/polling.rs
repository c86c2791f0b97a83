// SPDX-License-Identifier: GPL-2.0

//! epoll in its four ways, SIGIO, and who wakes whom.

use std::{
    hint,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    signals::{self, caught},
    sleeping_read,
};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        signal::{SaFlags, Signal},
    },
};

fn watching(device: &Device, events: EpollFlags) -> Epoll {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll.add(device, EpollEvent::new(events, 0)).unwrap();
    epoll
}

/// Somebody who sleeps in `epoll_wait`, and asked to be woken alone.
#[track_caller]
fn exclusive(device: &Device, events: EpollFlags) -> Sleeper<nix::Result<usize>> {
    let epoll = watching(device, events | EpollFlags::EPOLLEXCLUSIVE);
    Sleeper::asleep_in(libc::SYS_epoll_wait, move || {
        epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)
    })
}

/// What is there now: the events, or none.
fn events(epoll: &Epoll) -> Option<EpollFlags> {
    let mut event = [EpollEvent::empty()];
    let n = epoll.wait(&mut event, EpollTimeout::ZERO).unwrap();
    (n > 0).then(|| event[0].events())
}

/// Level: tells as long as it is so.
#[test]
fn level_triggered_epoll_tells_again_and_again() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let epoll = watching(&device, EpollFlags::EPOLLIN | EpollFlags::EPOLLRDNORM);
    assert_eq!(events(&epoll), None);
    device.put("xy");
    let both = Some(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDNORM);
    assert_eq!((events(&epoll), events(&epoll)), (both, both));
    device.collect(1);
    assert_eq!(events(&epoll), both);
    device.collect(1);
    assert_eq!(events(&epoll), None);
}

/// Every write raises an edge for `EPOLLET`, not only the one into emptiness.
#[test]
fn every_write_raises_an_edge() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let reader = module.instance().reader();
        let epoll = watching(&reader, EpollFlags::EPOLLIN | EpollFlags::EPOLLET);
        // A buffer at its end is readable, which the first look tells.
        events(&epoll);
        for n in 0..10 {
            assert_eq!(events(&epoll), None, "{discipline}: before write {n}");
            module.instance().writer().put("x");
            assert_eq!(
                events(&epoll),
                Some(EpollFlags::EPOLLIN),
                "{discipline}: after write {n}"
            );
        }
    }
}

/// A read raises an edge for those who wait for room.
#[test]
fn a_read_from_a_full_stream_raises_an_edge() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let epoll = watching(&device, EpollFlags::EPOLLOUT | EpollFlags::EPOLLET);
    assert_eq!(events(&epoll), Some(EpollFlags::EPOLLOUT));
    for _ in 0..3 {
        device.put([b'x'; 4096]);
        events(&epoll);
        assert_eq!(events(&epoll), None);
        device.collect(4096);
        assert_eq!(events(&epoll), Some(EpollFlags::EPOLLOUT));
        assert_eq!(events(&epoll), None);
    }
}

/// One shot: tells once, until it is armed again.
#[test]
fn one_shot_epoll_tells_once() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
    let epoll = watching(&device, flags);
    device.put("x");
    assert_eq!(events(&epoll), Some(EpollFlags::EPOLLIN));
    device.put("x");
    assert_eq!(events(&epoll), None);
    epoll
        .modify(&device, &mut EpollEvent::new(flags, 0))
        .unwrap();
    assert_eq!(events(&epoll), Some(EpollFlags::EPOLLIN));
}

/// Exclusive: of several sleeping in `epoll_wait`, one write wakes at least one, and each is told in the end.
#[test]
fn exclusive_epoll_wakes_someone() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let pollers = [(); 4].map(|()| exclusive(&device, EpollFlags::EPOLLIN));
    for told in 1..=4 {
        device.put("x");
        eventually("one more is told", || {
            pollers.iter().filter(|poller| poller.has_ended()).count() >= told
        });
    }
    assert!(pollers.into_iter().all(|poller| poller.join() == Ok(1)));
}

/// Exclusive, where each waits for its own file to go on: who can go on is told, though another came first.
#[test]
fn exclusive_epoll_tells_the_reader_whose_file_goes_on() {
    let _module = Module::load(&[]);
    let spool = Instance::add("spool discipline=spool");
    let [first, mine] = [(); 2].map(|()| spool.drained());
    let other = exclusive(&first.1, EpollFlags::EPOLLIN);
    let told = exclusive(&mine.1, EpollFlags::EPOLLIN);
    mine.0.put("more");
    assert_eq!(told.join(), Ok(1));
    // There is nothing for the other.
    other.wait_asleep_in(libc::SYS_epoll_wait);
}

/// Exclusive, where a drained file that another open claims has hidden the next: who has no file is told.
#[test]
fn exclusive_epoll_tells_the_reader_for_whom_a_file_was_hidden() {
    let _module = Module::load(&[]);
    let spool = Instance::add("spool discipline=spool");
    let [follower, (_writer, reader)] = [(); 2].map(|()| spool.drained());
    drop(reader);
    spool.writer().put("hidden");
    let waits = spool.reader();
    let other = exclusive(&follower.1, EpollFlags::EPOLLIN);
    let told = exclusive(&waits, EpollFlags::EPOLLIN);
    let claims = spool.nonblocking();
    assert_eq!(claims.read(10), Err(Errno::EAGAIN));
    eventually("the reader is told", || told.has_ended());
    assert_eq!((told.join(), waits.take(10)), (Ok(1), "hidden".into()));
    // There is nothing for the other.
    other.wait_asleep_in(libc::SYS_epoll_wait);
}

/// Exclusive, where a file may go on beyond the limit and another may not.
#[test]
fn exclusive_epoll_tells_the_writer_whose_file_may_go_on() {
    let _module = Module::load(&[]);
    let spool = Instance::add("spool discipline=spool max_capacity=10");
    let (first, mine, reader) = (spool.nonblocking(), spool.nonblocking(), spool.reader());
    mine.put("x");
    assert_eq!(reader.take(10), "x");
    first.put("0123456789");
    // What a reader has drained may have a page more.
    mine.put("beyond");
    for writer in [&first, &mine] {
        assert_eq!(writer.write(b"x"), Err(Errno::EAGAIN));
    }
    let other = exclusive(&first, EpollFlags::EPOLLOUT);
    let told = exclusive(&mine, EpollFlags::EPOLLOUT);
    assert_eq!(reader.take(10), "beyond");
    assert_eq!(told.join(), Ok(1));
    // There is no room for the other.
    other.wait_asleep_in(libc::SYS_epoll_wait);
}

/// Exclusive, where each waits for room for a record of its own length.
#[test]
fn exclusive_epoll_tells_the_writer_whose_record_fits() {
    let _module = Module::load(&[]);
    let stack = Instance::add("stack discipline=stack max_capacity=100");
    let (long, short) = (stack.nonblocking(), stack.nonblocking());
    long.put([b'x'; 75]);
    long.put([b'x'; 20]);
    assert_eq!(long.write(&[b'x'; 50]), Err(Errno::EAGAIN));
    assert_eq!(short.write(&[b'x'; 10]), Err(Errno::EAGAIN));
    let other = exclusive(&long, EpollFlags::EPOLLOUT);
    let told = exclusive(&short, EpollFlags::EPOLLOUT);
    assert_eq!(stack.reader().take(100).len(), 20);
    assert_eq!(told.join(), Ok(1));
    // There is no room for the other.
    other.wait_asleep_in(libc::SYS_epoll_wait);
}

/// Exclusive: who polls for what its open cannot do is never told in place of another.
#[test]
fn exclusive_epoll_tells_nobody_who_could_not_go_on() {
    const CAPACITY: usize = 10;
    let module = Module::load(&[&format!("buffer_size={CAPACITY}")]);
    let (reader, writer) = (module.instance().reader(), module.instance().writer());
    let [no_reader, told] = [&writer, &reader].map(|open| exclusive(open, EpollFlags::EPOLLIN));
    writer.put([b'x'; CAPACITY]);
    eventually("the reader is told", || told.has_ended());
    assert_eq!(told.join(), Ok(1));
    let [no_writer, told] = [&reader, &writer].map(|open| exclusive(open, EpollFlags::EPOLLOUT));
    assert_eq!(reader.collect(CAPACITY).len(), CAPACITY);
    eventually("the writer is told", || told.has_ended());
    assert_eq!(told.join(), Ok(1));
    for other in [no_reader, no_writer] {
        other.wait_asleep_in(libc::SYS_epoll_wait);
    }
}

/// Sleepers and pollers wait apart, so that a poller cannot take a sleeper's only wake-up.
#[test]
fn an_exclusive_poller_does_not_take_a_sleepers_wake_up() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    for poller_first in [true, false].repeat(20) {
        let poller = || exclusive(&device, EpollFlags::EPOLLIN);
        let early = poller_first.then(poller);
        let reader = sleeping_read(&device, 1);
        let late = (!poller_first).then(poller);
        device.put("x");
        assert_eq!(
            reader.join(),
            Ok(b"x".to_vec()),
            "poller first: {poller_first}"
        );
        drop((early, late));
    }
}

/// SIGIO (`O_ASYNC`) is sent when data comes, and when room comes.
#[test]
fn sigio_is_sent_for_data_and_for_room() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let watcher = module.instance().both();
    signals::handle(Signal::SIGIO, SaFlags::SA_RESTART);
    signals::own_by_this_thread(&watcher);
    fcntl(&watcher, FcntlArg::F_SETFL(OFlag::O_ASYNC)).expect("setting O_ASYNC");

    let before = caught();
    device.put([b'x'; 4096]);
    assert!(caught() > before, "SIGIO for data");
    let before = caught();
    device.collect(4096);
    assert!(caught() > before, "SIGIO for room");

    fcntl(&watcher, FcntlArg::F_SETFL(OFlag::empty())).expect("taking O_ASYNC back");
    let before = caught();
    device.put("x");
    assert_eq!(caught(), before, "nobody asked for it any more");
}

/// SIGIO is sent, too, when what was refused will never fit, since then a write need not wait any more.
#[test]
fn sigio_is_sent_when_max_capacity_becomes_too_small() {
    let _module = Module::load(&[]);
    let stack = Instance::add("stack discipline=stack max_capacity=100");
    let device = stack.nonblocking();
    signals::handle(Signal::SIGIO, SaFlags::SA_RESTART);
    signals::own_by_this_thread(&device);
    let flags = OFlag::O_ASYNC | OFlag::O_NONBLOCK;
    fcntl(&device, FcntlArg::F_SETFL(flags)).expect("setting O_ASYNC");
    device.put([b'x'; 64]);
    assert_eq!(device.write(&[b'y'; 70]), Err(Errno::EAGAIN));
    let before = caught();
    assert_eq!(stack.set_attribute("max_capacity", "64"), Ok(()));
    assert!(caught() > before, "SIGIO for room");
    assert_eq!(device.ready(), READABLE | WRITABLE);
    assert_eq!(device.write(&[b'y'; 70]), Err(Errno::EMSGSIZE));
}

/// `O_ASYNC` is set and taken back by two threads at once: whatever `F_GETFL` says in the end is what SIGIO does. A file
/// that is sent signals without the flag would be sent them after its last close, too.
#[test]
fn sigio_goes_by_the_flag_also_when_two_threads_have_set_it_at_once() {
    const ROUNDS: usize = 3000;

    let module = Module::load(&[]);
    let device = module.instance().both();
    let watcher = module.instance().both();
    signals::handle(Signal::SIGIO, SaFlags::SA_RESTART);
    signals::own_by_this_thread(&watcher);
    // Threads that wait for each other here go on at the same moment, which a `Barrier` is too slow for.
    let arrivals = AtomicUsize::new(0);
    let meet = || {
        let arrived = arrivals.fetch_add(1, Ordering::SeqCst) + 1;
        let both = arrived.next_multiple_of(2);
        while arrivals.load(Ordering::SeqCst) < both {
            hint::spin_loop();
        }
    };
    let set = |flags| fcntl(&watcher, FcntlArg::F_SETFL(flags)).expect("F_SETFL");
    let mut wrong = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                meet();
                // At every moment of the other call, by turns.
                for step in 0..round % 512 {
                    hint::black_box(step);
                }
                set(OFlag::empty());
                meet();
            }
        });
        for round in 0..ROUNDS {
            set(OFlag::empty());
            meet();
            set(OFlag::O_ASYNC);
            meet();
            let flags = fcntl(&watcher, FcntlArg::F_GETFL).expect("F_GETFL");
            let asked = OFlag::from_bits_retain(flags).contains(OFlag::O_ASYNC);
            let before = caught();
            device.put("x");
            if (caught() > before) != asked {
                // No panic here: the other thread would wait for this one for ever.
                wrong.push((round, asked));
            }
            device.collect(1);
        }
    });
    assert_eq!(
        wrong,
        [],
        "rounds in which SIGIO for data did not go by the flag, and the flag"
    );
}
