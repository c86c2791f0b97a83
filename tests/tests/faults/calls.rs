// SPDX-License-Identifier: GPL-2.0

//! Calls on a node, its `/proc` entry and its attributes.

use std::fs;

use mydevice_tests::{
    Device, Instance, Module,
    faults::{Faults, is_fault},
    instance::{DISCIPLINES, keeps_records},
};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
};

/// More than a page, and no multiple of one.
const LEN: usize = 10_000;

fn data() -> Vec<u8> {
    (0..LEN).map(|n| (n % 251) as u8).collect()
}

/// An instance of each discipline, with room for the data.
fn each_discipline(mut check: impl FnMut(&str, &Instance)) {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        // A stack that has reserved nothing ahead, so that it has to grow.
        let capacity = match discipline {
            "stack" => "",
            _ => "capacity=65536",
        };
        let instance = Instance::add(&format!("x discipline={discipline} {capacity}"));
        check(discipline, &instance);
        instance.remove().expect("removing the instance");
    }
}

/// All that a new open can read without waiting.
fn all(instance: &Instance) -> Vec<u8> {
    rest(&instance.nonblocking())
}

fn rest(reader: &Device) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        match reader.read(LEN) {
            Ok(more) if more.is_empty() => return bytes,
            Ok(more) => bytes.extend(more),
            Err(Errno::EAGAIN) => return bytes,
            Err(errno) => panic!("a read after {} bytes: {errno}", bytes.len()),
        }
    }
}

/// Opening: an error counts no open, and what is opened works.
#[test]
fn open() {
    let faults = Faults::of_this_thread();
    each_discipline(|discipline, instance| {
        faults.each(
            &format!("open of a {discipline}"),
            || (),
            |()| instance.open(OFlag::O_RDWR),
            |(), result, failed| match result {
                Ok(device) => assert_eq!(device.status().open_count, 1),
                Err(errno) => {
                    assert!(failed && is_fault(errno), "{errno}");
                    assert_eq!(instance.proc().open_count, 0);
                }
            },
        );
    });
}

/// Writing: an error leaves nothing behind, and a short count is what can be read afterwards; a record goes in whole or
/// not at all.
#[test]
fn write() {
    let faults = Faults::of_this_thread();
    let data = data();
    each_discipline(|discipline, instance| {
        let control = instance.nonblocking();
        let records = keeps_records(discipline);
        faults.each(
            &format!("write to a {discipline}"),
            || (control.stats(), instance.writer()),
            |(_, writer)| writer.write(&data),
            |(before, writer), result, failed| {
                // A spool's file ends here.
                drop(writer);
                let n = match result {
                    Ok(n) => n,
                    Err(errno) => {
                        assert!(failed && is_fault(errno), "{errno}");
                        0
                    }
                };
                let whole = if records {
                    [0, LEN].contains(&n)
                } else {
                    failed || n == LEN
                };
                assert!(whole, "{n} bytes");
                let after = control.stats();
                assert_eq!(after.bytes_written - before.bytes_written, n as u64);
                assert_eq!(after.writes - before.writes, u64::from(n > 0));
                assert_eq!(control.status().bytes_used as usize, n);
                assert!(all(instance) == data[..n], "what is read after {n} bytes");
                control.clear().expect("CLEAR");
            },
        );
    });
}

/// A record for which all others of a log have to go: they have gone only if it is in.
#[test]
fn evict() {
    const OTHERS: u32 = 4;
    let faults = Faults::of_this_thread();
    let module = Module::load(&["discipline=log", "buffer_size=32"]);
    let control = module.instance().nonblocking();
    faults.each(
        "a record in place of others",
        || {
            control.clear().expect("CLEAR");
            (0..OTHERS).for_each(|_| control.put("12345678"));
        },
        |()| control.write(&[b'x'; 32]),
        |(), result, failed| match result {
            Ok(n) => assert_eq!((n, all(&module.instance())), (32, vec![b'x'; 32])),
            Err(errno) => {
                assert!(failed && is_fault(errno), "{errno}");
                let left = all(&module.instance());
                assert_eq!(left, b"12345678".repeat(OTHERS as usize), "after {errno}");
            }
        },
    );
}

/// Reading: what did not reach the reader is still there.
#[test]
fn read() {
    let faults = Faults::of_this_thread();
    let data = data();
    each_discipline(|discipline, instance| {
        let control = instance.nonblocking();
        faults.each(
            &format!("read from a {discipline}"),
            || {
                instance.writer().put(&data);
                (control.stats(), instance.nonblocking())
            },
            |(_, reader)| reader.read(LEN),
            |(before, reader), result, failed| {
                let mut got = result.unwrap_or_else(|errno| {
                    assert!(failed && is_fault(errno), "{errno}");
                    Vec::new()
                });
                let after = control.stats();
                assert_eq!(after.bytes_read - before.bytes_read, got.len() as u64);
                assert_eq!(after.reads - before.reads, u64::from(!got.is_empty()));
                got.extend(rest(&reader));
                assert!(got == data, "{} of {LEN} bytes, or others", got.len());
                control.clear().expect("CLEAR");
            },
        );
    });
}

/// Short transfers of a stream: the copy that does not wait fails, one that waits takes its place, and the caller sees
/// nothing of it.
#[test]
fn short_transfers() {
    let faults = Faults::of_this_thread();
    // So much that no transfer lies in two parts.
    let module = Module::load(&["buffer_size=65536"]);
    let instance = module.instance();
    let device = instance.nonblocking();
    for len in [1, 64, 4096] {
        let data = &data()[..len];
        faults.each(
            &format!("write of {len} bytes"),
            || (),
            |()| device.write(data),
            |(), result, failed| {
                assert_eq!(result, Ok(len), "with a fault: {failed}");
                assert_eq!(device.status().bytes_used as usize, len);
                assert!(
                    all(&instance) == data,
                    "what is read is not what was written"
                );
            },
        );
        faults.each(
            &format!("read of {len} bytes"),
            || device.put(data),
            |()| device.read(len),
            |(), result, failed| {
                assert!(result.as_deref() == Ok(data), "with a fault: {failed}");
                assert_eq!(device.status().bytes_used, 0);
            },
        );
    }
}

/// RESIZE: an error leaves capacity and data.
#[test]
fn resize() {
    let faults = Faults::of_this_thread();
    let data = data();
    each_discipline(|discipline, instance| {
        let control = instance.both();
        faults.each(
            &format!("RESIZE of a {discipline}"),
            || {
                instance.writer().put(&data);
                control.status().buffer_size
            },
            |_| control.resize(200_000),
            |before, result, failed| {
                let capacity = match result {
                    Ok(()) => 200_000,
                    Err(errno) => {
                        assert!(failed && is_fault(errno), "{errno}");
                        before
                    }
                };
                assert_eq!(control.status().buffer_size, capacity);
                assert!(all(instance) == data, "the data is not what it was");
                control.clear().expect("CLEAR");
                // A stack that is empty goes back by itself; one byte at least is what it has.
                control.resize(65_536).expect("RESIZE without a fault");
            },
        );
    });
}

/// STATUS and STATS: the error is EFAULT, and the figures are those of `/proc`.
#[test]
fn status() {
    let faults = Faults::of_this_thread();
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("12345");
    let mut status = mydevice_uapi::ioctl::Status::default();
    let address = &raw mut status as usize;
    faults.each(
        "STATUS",
        || (),
        |()| device.ioctl(mydevice_uapi::ioctl::MYDEV_STATUS, address),
        |(), result, failed| match result {
            Ok(_) => assert_eq!(
                u64::from(device.status().bytes_used),
                module.instance().proc().bytes_used
            ),
            Err(errno) => assert!(failed && errno == Errno::EFAULT, "{errno}"),
        },
    );
    assert_eq!((status.bytes_used, status.open_count), (5, 1));
}

/// `/proc`: a text comes whole or not at all.
#[test]
fn proc_entry() {
    let faults = Faults::of_this_thread();
    let module = Module::load(&[]);
    let file = module.instance().proc_file();
    let text = module.instance().proc_text();
    faults.each(
        "/proc",
        || (),
        |()| fs::read_to_string(&file),
        |(), result, failed| match result {
            Ok(now) => assert_eq!(now, text),
            Err(error) => {
                let errno = error.raw_os_error().map(Errno::from_raw);
                assert!(failed && errno.is_some_and(is_fault), "{error}");
            }
        },
    );
}

/// `O_ASYNC`: after an error the file is not asynchronous, and can become so.
#[test]
fn o_async() {
    let faults = Faults::of_this_thread();
    let module = Module::load(&[]);
    let device = module.instance().both();
    let set = |flags| fcntl(&device, FcntlArg::F_SETFL(flags)).map(drop);
    faults.each(
        "O_ASYNC",
        || set(OFlag::empty()).expect("taking O_ASYNC back"),
        |()| set(OFlag::O_ASYNC),
        |(), result, failed| {
            let flags = fcntl(&device, FcntlArg::F_GETFL).expect("F_GETFL");
            let on = OFlag::from_bits_retain(flags).contains(OFlag::O_ASYNC);
            assert_eq!(on, result.is_ok());
            assert!(on || failed && result == Err(Errno::ENOMEM), "{result:?}");
        },
    );
}

/// The attribute `discipline`: after an error the instance is what it was.
#[test]
fn discipline() {
    let faults = Faults::of_this_thread();
    let module = Module::load(&[]);
    let instance = module.instance();
    for discipline in DISCIPLINES {
        faults.each(
            &format!("from stream to {discipline}"),
            || {
                instance
                    .set_attribute("discipline", "stream")
                    .expect("back to stream")
            },
            |()| instance.set_attribute("discipline", discipline),
            |(), result, failed| {
                let now = match result {
                    Ok(()) => discipline,
                    Err(errno) => {
                        assert!(failed && is_fault(errno), "{errno}");
                        "stream"
                    }
                };
                assert_eq!(instance.proc().discipline, now);
                instance.writer().put("x");
                assert_eq!(all(&instance), b"x");
                instance.both().clear().expect("CLEAR");
            },
        );
    }
}
