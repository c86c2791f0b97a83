// SPDX-License-Identifier: GPL-2.0

//! W8: hot removal. Names vanish at once, every sleeper wakes, and removal waits for nobody.

use std::{fs::File, io::Read, os::fd::AsFd};

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    device::GONE,
    instance::{DISCIPLINES, keeps_records},
    memory::Stall,
    sleeping_read, sleeping_write,
    stalled::{GOOD, Stalled, WHOLE, at_once},
};
use mydevice_uapi::ioctl::{MYDEV_CLEAR, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS};
use nix::{
    Result,
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        select::{FdSet, pselect},
    },
};

/// Removes an instance, which must not wait, and looks that none of its names is left.
#[track_caller]
fn remove(instance: &Instance) {
    let gone = instance.clone();
    assert_eq!(at_once(move || gone.remove()), Ok(()));
    assert_eq!(instance.names(), Vec::<std::path::PathBuf>::new());
}

/// Every later read, write and ioctl gives ENODEV, poll `POLLERR|POLLHUP` alone.
#[track_caller]
fn assert_dead(device: &Device) {
    assert_eq!(device.read(1), Err(Errno::ENODEV));
    assert_eq!(device.write(b"x"), Err(Errno::ENODEV));
    for command in [
        MYDEV_CLEAR,
        MYDEV_RESIZE,
        MYDEV_STATUS,
        MYDEV_STATS,
        MYDEV_NEXT,
        libc::FIONREAD as u32,
        0,
    ] {
        assert_eq!(device.ioctl(command, 0), Err(Errno::ENODEV), "{command:#x}");
    }
    assert_eq!(device.ready(), GONE);
}

/// Removing an instance while it is open succeeds, whatever its discipline and whatever is in it.
#[test]
fn w8_an_open_instance_can_be_removed() {
    let module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline}"));
        let [empty, full] = [(), ()].map(|()| victim.both());
        full.put("unread");
        remove(&victim);
        assert_dead(&empty);
        assert_dead(&full);
        let one_way = [OFlag::O_RDONLY, OFlag::O_WRONLY];
        assert_eq!(
            one_way.map(|way| victim.open(way).err()),
            [Some(Errno::ENOENT); 2]
        );
    }
    module.instance().both().put("works on");
}

/// The order of errors: mode, ENODEV, zero length.
#[test]
fn w8_enodev_comes_after_the_mode_and_before_zero_length() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline}"));
        let (reader, writer) = (victim.reader(), victim.writer());
        remove(&victim);
        assert_eq!(
            (reader.write(b"x"), writer.read(1)),
            (Err(Errno::EBADF), Err(Errno::EBADF))
        );
        assert_eq!(
            (reader.read(0), writer.write(b"")),
            (Err(Errno::ENODEV), Err(Errno::ENODEV)),
            "{discipline}"
        );
        assert_eq!(reader.clear(), Err(Errno::ENODEV), "before EBADF");
        assert_eq!((reader.ready(), writer.ready()), (GONE, GONE));
    }
}

/// Every sleeper wakes: readers for data, with and without a time-out, writers for room and for their turn.
/// A call that has moved bytes returns its count, every other gives ENODEV.
#[test]
fn w8_every_sleeper_wakes() {
    let _module = Module::load(&[]);
    let victim = Instance::add("victim capacity=4096");
    let device = victim.both();
    let readers = [0, 1, 2].map(|_| sleeping_read(&victim.reader(), 10));
    assert_eq!(victim.set_attribute("read_timeout_ms", "3600000"), Ok(()));
    let patient = sleeping_read(&victim.reader(), 10);
    remove(&victim);
    for reader in readers.into_iter().chain([patient]) {
        assert_eq!(reader.join(), Err(Errno::ENODEV));
    }
    drop(device);

    // In a spool a large write goes in page by page, by many allocations.
    for (settings, moved) in [
        ("capacity=4096", 4096),
        ("discipline=spool capacity=1000000", 1_000_000),
    ] {
        let victim = Instance::add(&format!("victim {settings}"));
        let in_mid_write = sleeping_write(&victim.writer(), vec![b'x'; 2_000_000]);
        let waiting = [0, 1, 2].map(|_| sleeping_write(&victim.writer(), b"x"));
        remove(&victim);
        assert_eq!(in_mid_write.join(), Ok(moved), "what was moved is returned");
        for writer in waiting {
            assert_eq!(writer.join(), Err(Errno::ENODEV), "{settings}");
        }
    }
}

/// The same for the sleepers of the other disciplines.
#[test]
fn w8_every_sleeper_of_every_discipline_wakes() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline} on_empty=block"));
        let readers = [0, 1, 2].map(|_| sleeping_read(&victim.reader(), 10));
        remove(&victim);
        for reader in readers {
            assert_eq!(reader.join(), Err(Errno::ENODEV), "{discipline}");
        }
    }

    let victim = Instance::add("victim discipline=stack max_capacity=10");
    victim.writer().put("0123456789");
    let pusher = sleeping_write(&victim.writer(), b"x");
    remove(&victim);
    assert_eq!(pusher.join(), Err(Errno::ENODEV));
}

type Wait = fn(&Device) -> Result<PollFlags>;

/// Sleeping polls wake, and tell `POLLERR|POLLHUP` alone, whatever they waited for.
#[test]
fn w8_sleeping_polls_wake() {
    let waits: [(i64, Wait); 3] = [
        (libc::SYS_poll, |device| {
            device.wait_ready(PollFlags::POLLIN | PollFlags::POLLRDNORM)
        }),
        (libc::SYS_epoll_wait, |device| {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            epoll.add(device, EpollEvent::new(wanted, 0))?;
            let mut event = [EpollEvent::empty()];
            epoll.wait(&mut event, EpollTimeout::NONE)?;
            Ok(PollFlags::from_bits_retain(event[0].events().bits() as i16))
        }),
        (libc::SYS_pselect6, |device| {
            let mut set = FdSet::new();
            set.insert(device.as_fd());
            // To select, an error is something to read.
            pselect(None, &mut set, None, None, None, None)?;
            Ok(device.ready())
        }),
    ];
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for (call, wait) in waits {
            let victim = Instance::add(&format!("victim discipline={discipline} on_empty=block"));
            let device = victim.reader();
            let poller = Sleeper::asleep_in(call, move || wait(&device));
            remove(&victim);
            assert_eq!(poller.join(), Ok(GONE), "{discipline} in call {call}");
        }
    }

    // The other direction.
    let victim = Instance::add("victim capacity=1");
    let device = victim.writer();
    device.put("x");
    let poller = Sleeper::asleep_in(libc::SYS_poll, move || {
        device.wait_ready(PollFlags::POLLOUT)
    });
    remove(&victim);
    assert_eq!(poller.join(), Ok(GONE));
}

/// Removal waits for no copy in progress. What the copy moved is returned; a record, which was not queued
/// yet, is not in.
#[test]
fn w8_removal_waits_for_no_copy() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let settings = format!("victim discipline={discipline} capacity=200");
        let victim = Instance::add(&settings);
        let device = victim.both();
        device.put([b'1'; WHOLE]);
        let reader = Stalled::reader(&victim.reader());
        remove(&victim);
        assert_eq!(device.ready(), GONE, "{discipline}");
        assert_eq!(reader.release(), Ok(WHOLE), "{discipline}");
        assert_dead(&device);

        let victim = Instance::add(&settings);
        let device = victim.both();
        let writer = Stalled::writer(&device);
        remove(&victim);
        let expected = match keeps_records(discipline) {
            true => Err(Errno::ENODEV),
            false => Ok(WHOLE),
        };
        assert_eq!(writer.release(), expected, "{discipline}");
        assert_dead(&device);
    }
}

/// A copy that brings nothing after that gives ENODEV, too, and not EFAULT.
#[test]
fn w8_a_copy_that_fails_after_the_removal_gives_enodev() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for reads in [false, true] {
            let victim = Instance::add(&format!("victim discipline={discipline}"));
            let (device, stall) = (victim.both(), Stall::new());
            let address = stall.before(0);
            if reads {
                device.put("x");
            }
            let call = {
                let device = device.clone();
                Sleeper::start(move || match reads {
                    true => device.read_at_address(address.get(), 1),
                    false => device.write_from_address(address.get(), 1),
                })
            };
            stall.wait_stalled();
            remove(&victim);
            stall.fail();
            assert_eq!(call.join(), Err(Errno::ENODEV), "{discipline}, {reads}");
        }
    }
}

/// Who waits for such a copy, to read or to clear, wakes all the same.
#[test]
fn w8_who_waits_for_a_copy_wakes() {
    let _module = Module::load(&[]);
    let victim = Instance::add("victim capacity=200");
    victim.writer().put([b'1'; WHOLE]);
    let stalled = Stalled::reader(&victim.reader());
    let next = sleeping_read(&victim.reader(), 10);
    let works: [fn(&Device) -> Result<()>; 2] =
        [|device| device.clear(), |device| device.resize(300)];
    let overhauls = works.map(|work| {
        let device = victim.writer();
        Sleeper::asleep_in(libc::SYS_ioctl, move || work(&device))
    });
    remove(&victim);
    assert_eq!(next.join(), Err(Errno::ENODEV));
    for overhaul in overhauls {
        assert_eq!(overhaul.join(), Err(Errno::ENODEV));
    }
    assert_eq!(stalled.release(), Ok(WHOLE));
}

/// A reader of `/proc/<name>` that is stalled by a page that does not come: removal returns, the name goes, and
/// can be used again.
#[test]
fn w8_removal_waits_for_no_reader_of_proc() {
    let _module = Module::load(&[]);
    let victim = Instance::add("victim");
    victim.both().put("of the first");
    let proc = File::open(victim.proc_file()).unwrap();
    let stall = Stall::new();
    let reader = {
        let (address, proc) = (stall.before(GOOD), proc.try_clone().unwrap());
        Sleeper::start(move || {
            let device = proc.as_fd();
            // SAFETY: the page behind the good bytes comes before the memory goes; nothing else uses it.
            let buffer = unsafe { std::slice::from_raw_parts_mut(address.get(), WHOLE) };
            nix::unistd::read(device, buffer)
        })
    };
    stall.wait_stalled();
    remove(&victim);

    let second = at_once(|| Instance::add("victim"));
    let text = at_once({
        let second = second.clone();
        move || {
            second.both().put("second");
            second.proc()
        }
    });
    assert_eq!(text.bytes_used, 6);
    remove(&second);

    stall.release();
    assert_eq!(reader.join(), Ok(WHOLE));
    assert!((&proc).read(&mut [0; 10]).is_err(), "the entry is gone");
}

/// After a removal, the module can only be unloaded when nothing has the instance open any more.
#[test]
fn w8_what_is_open_keeps_the_module() {
    let mut module = Module::load(&[]);
    let victim = Instance::add("victim");
    let device = victim.both();
    remove(&victim);
    assert_eq!(module.try_unload(), Err(Errno::EAGAIN));
    assert_dead(&device);
    drop(device);
    module.unload();
}

/// What polls a removed instance level-triggered is told again and again, and by an epoll made later too.
#[test]
fn w8_poll_of_what_is_gone_never_waits() {
    let _module = Module::load(&[]);
    let victim = Instance::add("victim");
    let device = victim.both();
    remove(&victim);
    for _ in 0..3 {
        let mut fds = [PollFd::new(device.as_fd(), PollFlags::empty())];
        assert_eq!(poll(&mut fds, PollTimeout::NONE), Ok(1));
        assert_eq!(fds[0].revents(), Some(GONE));
    }
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll
        .add(&device, EpollEvent::new(EpollFlags::EPOLLOUT, 0))
        .unwrap();
    let mut event = [EpollEvent::empty()];
    assert_eq!(epoll.wait(&mut event, EpollTimeout::NONE), Ok(1));
    assert_eq!(
        event[0].events(),
        EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP
    );
}
