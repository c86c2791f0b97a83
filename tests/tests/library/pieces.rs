// SPDX-License-Identifier: GPL-2.0

//! Records and files, one after the other.

use std::{io::Write, thread};

use mydevice::{Add, Device, Discipline, OnEmpty, OpenOptions};
use mydevice_tests::{Module, eventually};
use nix::errno::Errno;

use crate::devices::errno;

/// Lengths around everything that might cut a record.
const LENGTHS: [usize; 8] = [1, 2, 4095, 4096, 4097, 65537, 1, 300_000];

fn piece(number: usize, len: usize) -> Vec<u8> {
    vec![b'a' + number as u8; len]
}

fn pieces() -> Vec<Vec<u8>> {
    let numbered = LENGTHS.into_iter().enumerate();
    numbered.map(|(number, len)| piece(number, len)).collect()
}

#[test]
fn records_of_every_length_come_whole() {
    let _module = Module::load(&[]);
    for discipline in [Discipline::Log, Discipline::Stack] {
        let add = Add::new("r").discipline(discipline).capacity(1 << 20);
        let instance = add.on_empty(OnEmpty::Eof).add().unwrap();
        let mut device = Device::open("r").unwrap();
        for record in pieces() {
            device.write_all(&record).unwrap();
        }
        let mut got: Vec<_> = device.records().map(Result::unwrap).collect();
        if discipline == Discipline::Stack {
            got.reverse();
        }
        assert_eq!(got, pieces(), "{discipline}");
        instance.remove().unwrap();
    }
}

/// The reader waits, then a record comes that is longer than anything that it could have made room for.
#[test]
fn a_record_that_is_waited_for_comes_whole() {
    let _module = Module::load(&[]);
    for discipline in [Discipline::Log, Discipline::Stack] {
        let add = Add::new("r")
            .discipline(discipline)
            .on_empty(OnEmpty::Block);
        let instance = add.max_capacity(1 << 22).add().unwrap();
        let device = Device::open("r").unwrap();
        thread::scope(|scope| {
            let reader = scope.spawn(|| device.records().next().unwrap().unwrap());
            if discipline == Discipline::Log {
                device.resize(1 << 22).unwrap();
            }
            (&device).write_all(&piece(0, 3_000_000)).unwrap();
            assert_eq!(reader.join().unwrap().len(), 3_000_000, "{discipline}");
        });
        instance.remove().unwrap();
    }
}

#[test]
fn without_waiting_the_end_is_eagain_and_not_the_last() {
    let _module = Module::load(&["discipline=log"]);
    let options = OpenOptions::new().read(true).write(true);
    let device = options.nonblocking(true).open("mydevice").unwrap();
    let mut records = device.records();
    for number in 0..3 {
        assert_eq!(errno(records.next().unwrap()), Errno::EAGAIN);
        let record = piece(number, 10);
        (&device).write_all(&record).unwrap();
        assert_eq!(records.next().unwrap().unwrap(), record);
    }
}

#[test]
fn files_come_whole_and_in_order() {
    let _module = Module::load(&[]);
    let add = Add::new("f").discipline(Discipline::Spool);
    let instance = add.on_empty(OnEmpty::Eof).add().unwrap();
    for file in pieces() {
        let mut writer = Device::writer("f").unwrap();
        // In several writes, and still one file.
        for part in file.chunks(10_000) {
            writer.write_all(part).unwrap();
        }
    }
    let reader = Device::reader("f").unwrap();
    let got: Vec<_> = reader.files().map(Result::unwrap).collect();
    assert_eq!(got, pieces());
    assert!(reader.files().next().is_none());
    drop(reader);
    instance.remove().unwrap();
}

/// What came of a file before EAGAIN is part of what comes after it.
#[test]
fn a_file_that_is_still_written_is_not_cut() {
    let _module = Module::load(&["discipline=spool"]);
    let options = OpenOptions::new().read(true);
    let reader = options.nonblocking(true).open("mydevice").unwrap();
    let mut files = reader.files();
    assert_eq!(errno(files.next().unwrap()), Errno::EAGAIN);
    let mut writer = Device::writer("mydevice").unwrap();
    writer.write_all(b"half ").unwrap();
    assert_eq!(errno(files.next().unwrap()), Errno::EAGAIN);
    assert_eq!(reader.status().unwrap().bytes_used, 0, "taken");
    writer.write_all(b"and half").unwrap();
    drop(writer);
    assert_eq!(files.next().unwrap().unwrap(), b"half and half");
    assert_eq!(errno(files.next().unwrap()), Errno::EAGAIN);
}

/// A worker that waits for jobs in one open.
#[test]
fn a_worker_waits_for_files() {
    let _module = Module::load(&["discipline=spool"]);
    let device = Device::reader("mydevice").unwrap();
    let worker = thread::spawn(move || {
        let files = device.files().take(3);
        files.collect::<Result<Vec<_>, _>>().unwrap()
    });
    for number in 0..3 {
        Device::writer("mydevice")
            .unwrap()
            .write_all(&piece(number, 100))
            .unwrap();
    }
    eventually("the worker has its jobs", || worker.is_finished());
    let got = worker.join().unwrap();
    assert_eq!(got, [0, 1, 2].map(|number| piece(number, 100)));
}
