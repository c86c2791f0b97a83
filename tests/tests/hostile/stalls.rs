// SPDX-License-Identifier: GPL-2.0

//! A page that does not come, in the middle of a copy of any discipline and either direction, and of an ioctl: the
//! other side, STATUS, STATS, `/proc`, poll, removal and every `O_NONBLOCK` caller go on.

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    device::GONE,
    instance::DISCIPLINES,
    memory::Stall,
    stalled::{Stalled, WHOLE, Way, at_once, onlookers_go_on},
};
use mydevice_uapi::ioctl::{MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS};
use nix::{Result, errno::Errno};

use crate::{assert_books_balance, small};

/// Every call with `O_NONBLOCK` comes back, whatever it says.
#[track_caller]
fn nonblocking_callers_come_back(victim: &Instance) {
    let device = victim.nonblocking();
    at_once(move || {
        // RESIZE and CLEAR before anything can be read, so that what is dropped is not missed.
        for result in [device.resize(4096), device.clear()] {
            assert!(matches!(result, Ok(()) | Err(Errno::EAGAIN)), "{result:?}");
        }
        let read = device.read(10);
        assert!(matches!(read, Ok(_) | Err(Errno::EAGAIN)), "{read:?}");
        let written = device.write(b"0123456789");
        assert!(
            matches!(written, Ok(10) | Err(Errno::EAGAIN)),
            "{written:?}"
        );
        let next = device.next();
        assert!(matches!(next, Ok(()) | Err(Errno::ENOTTY)), "{next:?}");
    });
}

/// Stalls somebody in each discipline, by each way to call; does what must go on `meanwhile`; sees that everybody else
/// goes on, too, and that the call ends whole when the page has come.
#[track_caller]
fn others_go_on(stall: fn(&Instance, Way) -> Stalled, meanwhile: fn(&Instance, &str)) {
    let module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for way in Way::ALL {
            let victim = Instance::add(&small(discipline));
            victim.writer().put([b'1'; WHOLE]);
            let stalled = stall(&victim, way);
            meanwhile(&victim, discipline);
            onlookers_go_on(&victim, &module.instance());
            nonblocking_callers_come_back(&victim);
            assert_eq!(stalled.release(), Ok(WHOLE), "{discipline}, {way:?}");
            assert_books_balance(&victim);
            assert_eq!(victim.remove(), Ok(()));
        }
    }
}

/// Whoever is stalled while reading holds up no writer; and no reader either, where reading takes nothing out.
#[test]
fn a_stalled_reader_holds_up_no_other_side() {
    let stall = |victim: &Instance, way| Stalled::reader_by(&victim.reader(), way);
    others_go_on(stall, |victim, discipline| {
        let writer = victim.writer();
        at_once(move || writer.put("the other side"));
        match discipline {
            "buffer" | "log" => {
                let reader = victim.reader();
                assert_eq!(at_once(move || reader.take(WHOLE)), "1".repeat(WHOLE));
            }
            _ => {
                let reader = victim.nonblocking();
                assert_eq!(at_once(move || reader.read(1)), Err(Errno::EAGAIN));
            }
        }
    });
}

/// Whoever is stalled while writing holds up no reader; and no writer either, where what is written is copied before
/// it takes a turn.
#[test]
fn a_stalled_writer_holds_up_no_other_side() {
    let stall = |victim: &Instance, way| Stalled::writer_by(&victim.writer(), way);
    others_go_on(stall, |victim, discipline| {
        let reader = victim.reader();
        assert_eq!(
            at_once(move || reader.take(WHOLE)),
            "1".repeat(WHOLE),
            "{discipline}"
        );
        match discipline {
            "stream" | "buffer" => {
                let writer = victim.nonblocking();
                assert_eq!(at_once(move || writer.write(b"x")), Err(Errno::EAGAIN));
            }
            _ => {
                let writer = victim.writer();
                at_once(move || writer.put("x"));
            }
        }
    });
}

/// Removal goes on as well, and what was stalled finds its memory still there.
#[test]
fn removal_goes_on_while_both_sides_are_stalled() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for way in Way::ALL {
            let victim = Instance::add(&small(discipline));
            let device = victim.both();
            victim.writer().put([b'1'; WHOLE]);
            let reader = Stalled::reader_by(&victim.reader(), way);
            let writer = Stalled::writer_by(&victim.writer(), way);
            let gone = victim.clone();
            assert_eq!(at_once(move || gone.remove()), Ok(()), "{discipline}");
            assert_eq!(victim.names(), Vec::<std::path::PathBuf>::new());
            assert_eq!((device.ready(), device.read(1)), (GONE, Err(Errno::ENODEV)));
            // The instance lives by those two alone.
            drop(device);
            assert_eq!(reader.release(), Ok(WHOLE), "{discipline}, {way:?}");
            let written = writer.release();
            assert!(
                matches!(written, Ok(_) | Err(Errno::ENODEV)),
                "{discipline}, {way:?}: {written:?}"
            );
        }
    }
}

/// The argument of an ioctl that does not come holds up nobody at all: no turn is taken for it.
#[test]
fn a_stalled_ioctl_holds_up_nobody() {
    let module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for command in [
            MYDEV_STATUS,
            MYDEV_STATS,
            MYDEV_RESIZE,
            libc::FIONREAD as u32,
        ] {
            let said = format!("{discipline}, {command:#x}");
            let victim = Instance::add(&small(discipline));
            victim.writer().put("before");
            // The first two bytes are there, the others not.
            let stall = Stall::new();
            let (address, device) = (stall.before(2), victim.both());
            let stalled = Sleeper::start(move || device.ioctl(command, address.get() as usize));
            stall.wait_stalled();

            let works: [fn(&Device) -> Result<()>; 2] =
                [|device| device.resize(4000), |device| device.clear()];
            let device = victim.both();
            at_once(move || {
                device.put("goes on");
                assert!(!device.read(3).expect("a read").is_empty());
                for work in works {
                    // More than the new limit may be stored in a spool.
                    assert!(matches!(work(&device), Ok(()) | Err(Errno::EBUSY)));
                }
            });
            onlookers_go_on(&victim, &module.instance());
            let gone = victim.clone();
            assert_eq!(at_once(move || gone.remove()), Ok(()), "{said}");
            stall.release();
            let ended = stalled.join();
            // The kernel reads zeros: a capacity of "xx\0\0". The others look before they copy.
            let expected = match command {
                MYDEV_RESIZE => Err(Errno::ENODEV),
                _ => Ok(0),
            };
            assert!(
                ended == expected || command == MYDEV_RESIZE && ended == Err(Errno::EINVAL),
                "{said}: {ended:?}"
            );
        }
    }
}
