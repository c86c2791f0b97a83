// SPDX-License-Identifier: GPL-2.0

//! What is common to all disciplines: waiting, and who is told, each sentence in each discipline.

use mydevice_tests::{
    Instance, Module, Sleeper,
    device::READABLE,
    eventually,
    signals::{self, INTERRUPTING, caught},
    sleeping_read, sleeping_write,
};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::PollFlags,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        signal::{SaFlags, Signal},
    },
};

use super::common::in_each;

/// A wait for data ends on a signal: EINTR, or a restart with `SA_RESTART`.
#[test]
fn a_signal_ends_a_wait_for_data() {
    in_each("", |discipline, instance| {
        let interrupted = sleeping_read(&instance.reader(), 10);
        interrupted.signal(INTERRUPTING);
        assert_eq!(interrupted.join(), Err(Errno::EINTR), "{discipline}");

        let restarted = sleeping_read(&instance.reader(), 10);
        restarted.restart(libc::SYS_read);
        instance.writer().put("at last");
        assert_eq!(restarted.join(), Ok(b"at last".to_vec()), "{discipline}");
    });
}

/// The same for a wait for room, where writers wait; and what is stored is unharmed.
#[test]
fn a_signal_ends_a_wait_for_room() {
    let _module = Module::load(&[]);
    for discipline in ["stream", "spool", "stack"] {
        let instance = Instance::add(&format!(
            "full discipline={discipline} capacity=10 max_capacity=10"
        ));
        instance.writer().put("0123456789");
        let interrupted = sleeping_write(&instance.writer(), b"lost");
        interrupted.signal(INTERRUPTING);
        assert_eq!(interrupted.join(), Err(Errno::EINTR), "{discipline}");
        let proc = instance.proc();
        assert_eq!((proc.bytes_used, proc.write_count), (10, 1), "{discipline}");

        let restarted = sleeping_write(&instance.writer(), b"next");
        restarted.restart(libc::SYS_write);
        assert_eq!(instance.reader().take(100), "0123456789", "{discipline}");
        assert_eq!(restarted.join(), Ok(4), "{discipline}");
        assert_eq!(instance.reader().take(100), "next", "{discipline}");
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// `read_timeout_ms`: a read that waited so long gives EAGAIN; a signal in such a wait gives EINTR even with
/// `SA_RESTART`.
#[test]
fn a_wait_for_data_can_have_an_end() {
    in_each("read_timeout_ms=20", |discipline, instance| {
        let reader = instance.reader();
        assert_eq!(reader.read(10), Err(Errno::EAGAIN), "{discipline}");
        assert_eq!(instance.set_attribute("read_timeout_ms", "3600000"), Ok(()));
        let signalled = sleeping_read(&reader, 10);
        signalled.signal(signals::RESTARTING);
        assert_eq!(signalled.join(), Err(Errno::EINTR), "{discipline}");
    });
}

/// `hangup`: writing without readers is no error; a reader whose open has seen no writer yet waits; after the last
/// writer's close and the last byte it gets 0, and poll `POLLHUP|POLLIN`. An `O_RDWR` open counts as a writer.
#[test]
fn hangup_is_as_in_a_named_pipe() {
    in_each("", |discipline, instance| {
        assert_eq!(instance.set_attribute("on_empty", "hangup"), Ok(()));
        let reader = instance.reader();
        let early = sleeping_read(&reader, 100);
        let (writer, both) = (instance.writer(), instance.both());
        writer.put("from a writer");
        assert_eq!(early.join(), Ok(b"from a writer".to_vec()), "{discipline}");
        drop(writer);
        if discipline == "spool" {
            // This 0 is the file's own.
            assert_eq!((reader.take(10), reader.next()), ("".into(), Ok(())));
        }
        let late = sleeping_read(&reader, 100);
        drop(both);
        assert_eq!(late.join(), Ok(vec![]), "{discipline}");
        assert_eq!(
            reader.ready(),
            READABLE | PollFlags::POLLHUP,
            "{discipline}"
        );

        instance.writer().put("without readers");
        let got = std::iter::from_fn(|| Some(reader.take(100)).filter(|text| !text.is_empty()));
        assert_eq!(got.collect::<String>(), "without readers", "{discipline}");
    });
}

/// Every write raises an edge for `EPOLLET`, not only the first.
#[test]
fn every_write_raises_an_edge() {
    in_each("", |discipline, instance| {
        let (reader, writer) = (instance.reader(), instance.writer());
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&reader, EpollEvent::new(wanted, 0)).unwrap();
        for n in 1..=5 {
            writer.put("x");
            let told = [(); 2].map(|()| epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO));
            assert_eq!(told, [Ok(1), Ok(0)], "{discipline}: write {n}");
        }
    });
}

/// SIGIO (`O_ASYNC`) is sent for every write, too.
#[test]
fn sigio_is_sent_for_data() {
    in_each("", |discipline, instance| {
        let (watcher, writer) = (instance.reader(), instance.writer());
        signals::handle(Signal::SIGIO, SaFlags::SA_RESTART);
        signals::own(&watcher);
        fcntl(&watcher, FcntlArg::F_SETFL(OFlag::O_ASYNC)).expect("setting O_ASYNC");
        for n in 1..=3 {
            let before = caught();
            writer.put("x");
            eventually(&format!("{discipline}: SIGIO comes for write {n}"), || {
                caught() > before
            });
        }
    });
}

/// One write wakes one reader of those that take turns, and all of those that each see everything.
#[test]
fn a_write_wakes_whom_it_can_serve() {
    in_each("", |discipline, instance| {
        // They stay open: who closes a spool lets go of its file.
        let opens = [(); 3].map(|()| instance.reader());
        let readers: Vec<_> = opens.iter().map(|open| sleeping_read(open, 10)).collect();
        let slept: Vec<_> = readers.iter().map(Sleeper::times_slept).collect();
        instance.writer().put("x");
        let served = match discipline {
            "buffer" | "log" => 3,
            _ => 1,
        };
        let ended = || readers.iter().filter(|reader| reader.has_ended()).count();
        eventually("who can be served has it", || ended() == served);
        for (reader, slept) in readers.iter().zip(slept) {
            if !reader.has_ended() {
                reader.wait_asleep_in(libc::SYS_read);
                assert_eq!(reader.times_slept(), slept, "{discipline}: woken in vain");
            }
        }
        let got = readers.into_iter().filter(Sleeper::has_ended);
        assert!(got.map(Sleeper::join).all(|got| got == Ok(b"x".to_vec())));
    });
}

/// CLEAR passes over a writer that sleeps in mid-write: what was in is dropped, the rest still comes.
#[test]
fn clear_passes_over_a_writer_asleep_in_mid_write() {
    let _module = Module::load(&[]);
    for discipline in ["stream", "spool"] {
        let instance = Instance::add(&format!("full discipline={discipline} capacity=10000"));
        let writer = sleeping_write(&instance.writer(), [b'x'; 15_000]);
        let control = instance.nonblocking();
        assert_eq!(control.clear(), Ok(()), "{discipline}");
        assert_eq!(writer.join(), Ok(15_000), "{discipline}");
        assert_eq!(control.stats().bytes_cleared, 10_000, "{discipline}");
        assert_eq!(instance.reader().take(100_000).len(), 5_000, "{discipline}");
        assert_eq!(instance.remove(), Ok(()));
    }
}
