// SPDX-License-Identifier: GPL-2.0

//! Any number and any pointer to ioctl. `MYDEVICE_IOCTLS` says how many.

use mydevice_tests::{Device, Instance, Module, instance::DISCIPLINES, length, memory::PAGE};
use mydevice_uapi::ioctl::{
    MYDEV_CLEAR, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS, Stats, Status,
};
use nix::{Result, errno::Errno, fcntl::OFlag};

use crate::{
    assert_books_balance,
    memory::{Pages, bad_addresses},
    random::Random,
    small,
};

const FIONREAD: u32 = libc::FIONREAD as u32;
const OURS: [u32; 6] = [
    MYDEV_CLEAR,
    MYDEV_RESIZE,
    MYDEV_STATUS,
    MYDEV_STATS,
    MYDEV_NEXT,
    FIONREAD,
];

/// One open, and what decides what it gets.
struct Caller {
    device: Device,
    discipline: &'static str,
    writes: bool,
    gone: bool,
}

/// Every open that makes a difference, of every discipline.
fn callers() -> (Vec<Instance>, Vec<Caller>) {
    let (mut instances, mut callers) = (Vec::new(), Vec::new());
    for discipline in DISCIPLINES {
        let settings = small(discipline).replace("victim", discipline);
        let instance = Instance::add(&settings);
        let victim = Instance::add(&small(discipline));
        for way in [OFlag::O_RDWR, OFlag::O_RDONLY, OFlag::O_WRONLY] {
            for (of, gone) in [(&instance, false), (&victim, true)] {
                callers.push(Caller {
                    device: of.open(way | OFlag::O_NONBLOCK).expect("opening"),
                    discipline,
                    writes: way != OFlag::O_RDONLY,
                    gone,
                });
            }
        }
        assert_eq!(victim.remove(), Ok(()));
        instances.push(instance);
    }
    (instances, callers)
}

/// A command: one of ours, one of ours with a bit turned, one of our type, or anything.
fn any_command(random: &mut Random) -> u32 {
    match random.below(8) {
        0..4 => random.one_of(&OURS),
        4 | 5 => random.one_of(&OURS) ^ 1 << random.below(32),
        6 => (random.next() as u32) & 0xffff_00ff | u32::from(b'M') << 8,
        _ => random.next() as u32,
    }
}

/// An argument: in the good page, at its end, in the pages behind, or bad in another way.
fn any_argument(random: &mut Random, pages: &Pages, bad: &[*mut u8]) -> usize {
    match random.below(8) {
        0..3 => pages.at(random.below(PAGE)) as usize,
        3 => pages.at(PAGE - random.below(130)) as usize,
        4 => pages.at(2 * PAGE - random.below(130)) as usize,
        5 | 6 => random.one_of(bad) as usize,
        _ => match random.next() as usize {
            // Not into what belongs to the test.
            mapped if mapped >> 47 == 0 => mapped | 1 << 63,
            other => other,
        },
    }
}

/// Commands that the kernel answers itself, before or instead of the driver.
fn is_the_kernels(command: u32) -> bool {
    let kind = (command >> 8) as u8;
    !OURS.contains(&command) && matches!(kind, b'T' | b'f' | b'X' | 0 | 0x12 | 0x15 | 0x94)
}

/// What the contract says of this call, in its order of errors; more than one thing only where the state decides.
fn expected(caller: &Caller, command: u32, argument: usize, pages: &Pages) -> Vec<Result<i32>> {
    let changes = matches!(command, MYDEV_CLEAR | MYDEV_RESIZE);
    let size = match command {
        MYDEV_STATUS => size_of::<Status>(),
        MYDEV_STATS => size_of::<Stats>(),
        MYDEV_RESIZE | FIONREAD => size_of::<u32>(),
        _ => 0,
    };
    let is_bad = size > 0 && pages.good(argument, command != MYDEV_RESIZE) < size;
    let error = if caller.gone {
        Errno::ENODEV
    } else if !OURS.contains(&command) || command == MYDEV_NEXT && caller.discipline != "spool" {
        Errno::ENOTTY
    } else if changes && !caller.writes {
        Errno::EBADF
    } else if is_bad {
        Errno::EFAULT
    } else if command == MYDEV_RESIZE {
        // The number is whatever stands there.
        return vec![Ok(0), Err(Errno::EINVAL), Err(Errno::EBUSY)];
    } else {
        return vec![Ok(0)];
    };
    vec![Err(error)]
}

/// Random numbers and pointers: each call gives what the contract says, and writes nothing but its own structure.
#[test]
fn random_ioctls_give_clean_errors() {
    let count = length("MYDEVICE_IOCTLS", 30_000, 1_000_000);
    let _module = Module::load(&[]);
    let (instances, callers) = callers();
    let pages = Pages::new();
    let bad = bad_addresses(&pages);
    let mut random = Random::new(4);
    let mut done = [0u64; 2];
    for call in 0..count {
        let caller = &callers[random.below(callers.len())];
        let command = any_command(&mut random);
        let argument = any_argument(&mut random, &pages, &bad);
        if is_the_kernels(command) {
            continue;
        }
        if call % 64 == 0 && caller.writes && !caller.gone {
            // Something for CLEAR and RESIZE to drop.
            let _ = caller.device.write(&[b'x'; 100]);
        }
        // What a RESIZE finds: mostly a size that is good.
        let size = random.one_of(&[0, 1, 100, 4096, 4097, 1 << 20, u32::MAX]);
        if pages.good(argument, true) >= 4 {
            pages.fill(argument - pages.at(0) as usize, &size.to_ne_bytes());
        }
        let before = pages.contents();
        let got = caller.device.ioctl(command, argument);
        assert!(
            expected(caller, command, argument, &pages).contains(&got),
            "call {call}: {} {command:#x}, {argument:#x} (the page is {:p}): {got:?}",
            caller.discipline,
            pages.at(0),
        );
        done[usize::from(got.is_ok())] += 1;

        let written = match (command, got) {
            (MYDEV_STATUS, Ok(_)) => size_of::<Status>(),
            (MYDEV_STATS, Ok(_)) => size_of::<Stats>(),
            (FIONREAD, Ok(_)) => size_of::<i32>(),
            // A copy that faults half way has written what came before.
            (MYDEV_STATUS | MYDEV_STATS | FIONREAD, Err(Errno::EFAULT)) => PAGE,
            _ => 0,
        };
        let first = argument.wrapping_sub(pages.at(0) as usize).min(PAGE);
        let end = first.saturating_add(written).min(PAGE);
        let after = pages.contents();
        assert!(
            before[..first] == after[..first] && before[end..] == after[end..],
            "call {call}: {command:#x} wrote beside {first}..{end}"
        );
    }
    println!("{} calls were done, {} were errors", done[1], done[0]);
    assert!(done[0] > 0 && done[1] > 0, "{done:?}");
    instances.iter().for_each(assert_books_balance);
}
