// SPDX-License-Identifier: GPL-2.0

//! Bad pointers to read, write, readv and writev: EFAULT if nothing was moved, else the count that was. Nothing is
//! consumed that did not reach the reader, and a record that faults half way is not queued at all.

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    instance::{DISCIPLINES, keeps_records},
    memory::{Address, PAGE},
    sleeping_read,
};
use nix::{Result, errno::Errno};

use crate::{
    assert_books_balance,
    memory::{Pages, bad_addresses},
    small,
};

/// A piece of a vector: where and how long.
type Piece = (*mut u8, usize);

/// `readv`, or `read` of one piece.
fn read(device: &Device, pieces: &[Piece]) -> Result<usize> {
    match pieces {
        [(address, len)] => device.read_at_address(*address, *len),
        _ => device.read_at_addresses(pieces),
    }
}

/// `writev`, or `write` of one piece.
fn write(device: &Device, pieces: &[Piece]) -> Result<usize> {
    match pieces {
        [(address, len)] => device.write_from_address(*address, *len),
        _ => device.write_from_addresses(pieces),
    }
}

/// Everything that can be read now, by an open that begins where the oldest stands.
fn contents(device: &Device) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match device.read(PAGE) {
            Ok(more) if more.is_empty() => return all,
            Ok(more) => all.extend(more),
            Err(Errno::EAGAIN) => return all,
            Err(errno) => panic!("a read: {errno}"),
        }
    }
}

const TEXT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// An address that leads nowhere gives EFAULT to each call, in each discipline, and changes nothing.
#[test]
fn what_leads_nowhere_gives_efault_and_changes_nothing() {
    let _module = Module::load(&[]);
    let pages = Pages::new();
    for discipline in DISCIPLINES {
        let victim = Instance::add(&small(discipline));
        let device = victim.nonblocking();
        device.put(TEXT);
        let (status, stats) = (device.status(), device.stats());
        for bad in bad_addresses(&pages) {
            for len in [1, 10, PAGE] {
                let said = format!("{discipline}: {len} bytes at {bad:p}");
                let good = (pages.at(0), 0);
                assert_eq!(read(&device, &[(bad, len)]), Err(Errno::EFAULT), "{said}");
                assert_eq!(
                    read(&device, &[good, (bad, len)]),
                    Err(Errno::EFAULT),
                    "{said}"
                );
                let read_only = (pages.read_only(), len);
                assert_eq!(read(&device, &[read_only]), Err(Errno::EFAULT), "{said}");
                // A buffer that is full would say so first.
                let fits = (bad, len.min(1000));
                assert_eq!(write(&device, &[fits]), Err(Errno::EFAULT), "{said}");
                assert_eq!(write(&device, &[good, fits]), Err(Errno::EFAULT), "{said}");
            }
        }
        assert_eq!(
            (device.status(), device.stats()),
            (status, stats),
            "{discipline}"
        );
        assert_eq!(contents(&device), TEXT, "{discipline}");
        assert_eq!(victim.remove(), Ok(()));
    }
}

/// Reads into memory that ends early, at every place and one byte short of the end among them, in one piece and in
/// three: what was returned and what is read next is the text, whole and in order.
#[test]
fn a_read_into_memory_that_ends_early_loses_nothing() {
    let _module = Module::load(&[]);
    let pages = Pages::new();
    for discipline in DISCIPLINES {
        let victim = Instance::add(&small(discipline));
        for good in 1..TEXT.len() {
            for in_pieces in [false, true] {
                victim.nonblocking().clear().unwrap();
                let device = victim.nonblocking();
                device.put(TEXT);
                pages.fill(PAGE - good, &vec![b'-'; good]);
                let start = pages.at(PAGE - good);
                let rest = (pages.at(PAGE), TEXT.len() - good);
                let moved = match in_pieces {
                    false => read(&device, &[(start, TEXT.len())]),
                    true => read(
                        &device,
                        &[(start, 1), (pages.at(PAGE - good + 1), good - 1), rest],
                    ),
                };
                let said =
                    format!("{discipline}: {good} good bytes, in pieces: {in_pieces}: {moved:?}");
                let moved = moved.or_else(|errno| match errno {
                    Errno::EFAULT => Ok(0),
                    other => Err(other),
                });
                let moved = moved.expect(&said);
                assert!(moved <= good, "{said}");
                let got = &pages.contents()[PAGE - good..];
                assert_eq!(got[..moved], TEXT[..moved], "{said}");
                assert_eq!(contents(&device), &TEXT[moved..], "{said}");
                assert_books_balance(&victim);
            }
        }
        assert_eq!(victim.remove(), Ok(()));
    }
}

/// A reader with a bad address that sleeps, and is the first to be woken, gets EFAULT and hands on what it was woken for.
#[test]
fn a_sleeper_with_a_bad_address_hands_on_its_wake_up() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("{} on_empty=block", small(discipline)));
        for _ in 0..20 {
            let pages = Pages::new();
            let (bad, device) = (Address(pages.none()), victim.reader());
            // Its close would wake others. But a spool's file is its own until then.
            let kept = (discipline != "spool").then(|| device.clone());
            let first =
                Sleeper::asleep_in(libc::SYS_read, move || device.read_at_address(bad.get(), 1));
            let second = sleeping_read(&victim.reader(), 1);
            victim.writer().put("x");
            assert_eq!(first.join(), Err(Errno::EFAULT), "{discipline}");
            assert_eq!(second.join(), Ok(b"x".to_vec()), "{discipline}");
            drop(kept);
            victim.writer().clear().expect("CLEAR");
        }
        assert_books_balance(&victim);
        assert_eq!(victim.remove(), Ok(()));
    }
}

/// Writes from memory that ends early: a record is not queued at all; elsewhere the count that came is in, and it
/// is what comes out.
#[test]
fn a_write_from_memory_that_ends_early_adds_what_it_says() {
    let _module = Module::load(&[]);
    let pages = Pages::new();
    for discipline in DISCIPLINES {
        let is_record = keeps_records(discipline);
        let victim = Instance::add(&small(discipline));
        for good in (1..60).chain([PAGE - 100]) {
            for in_pieces in [false, true] {
                let device = victim.nonblocking();
                device.clear().unwrap();
                let before = device.stats().writes;
                // The page that can be read ends before the one that cannot.
                let start = pages.at(2 * PAGE - good);
                let moved = match in_pieces {
                    false => write(&device, &[(start, good + 1)]),
                    true => write(&device, &[(start, good), (pages.none(), 1)]),
                };
                let said =
                    format!("{discipline}: {good} good bytes, in pieces: {in_pieces}: {moved:?}");
                match moved {
                    Err(Errno::EFAULT) => assert_eq!(device.stats().writes, before, "{said}"),
                    Ok(moved) => {
                        assert!(!is_record && moved <= good && moved > 0, "{said}");
                        let reader = victim.nonblocking();
                        drop(device);
                        assert_eq!(contents(&reader), vec![b'x'; moved], "{said}");
                    }
                    Err(errno) => panic!("{said}: {errno}"),
                }
                assert_books_balance(&victim);
            }
        }
        assert_eq!(victim.remove(), Ok(()));
    }
}
