// SPDX-License-Identifier: GPL-2.0

//! What ends growth is memory: ENOMEM, nothing changed, and nobody killed.

use mydevice_tests::{
    Instance, Module,
    group::{MemoryGroup, marks},
    guest::sh,
};
use nix::errno::Errno;

/// Bytes that the group is left when the queue begins to grow.
const ROOM: u64 = 8 << 20;

/// Has a process in a group with a limit write to an instance until it is refused; returns the bytes that are in.
#[track_caller]
fn fill(instance: &Instance, size: usize) -> u64 {
    let group = MemoryGroup::new("max");
    let said = sh(&format!(
        "{} {} {} {ROOM} {size}",
        env!("CARGO_BIN_EXE_fill"),
        instance.node().display(),
        MemoryGroup::FOLDER
    ));
    let written = said
        .strip_prefix("ENOMEM ")
        .and_then(|rest| rest.strip_suffix(" unchanged\n"))
        .unwrap_or_else(|| panic!("writes of {size}: {said}"));
    let events = group.file("memory.events");
    assert!(events.lines().any(|line| line == "oom_kill 0"), "{events}");
    written.parse().expect("a number of bytes")
}

/// A stack grows until there is no memory: the record that does not fit is not in, and every other is.
#[test]
fn a_stack_grows_until_there_is_no_memory() {
    let _module = Module::load(&[]);
    for size in [100, 4096, 50_000, 1 << 20] {
        let stack = Instance::add("grown discipline=stack");
        let device = stack.both();
        device.put("intact");
        let written = fill(&stack, size);
        assert!(
            written > 0 && written < 2 * ROOM && written.is_multiple_of(size as u64),
            "records of {size}: {written} bytes are in"
        );
        let status = device.status();
        assert_eq!(u64::from(status.bytes_used), 6 + written);
        assert_eq!(u64::from(status.write_count), 1 + written / size as u64);
        // There is memory again: it grows on, and nothing was harmed.
        device.put("on top");
        assert_eq!(device.take(100), "on top");
        for _ in 0..written / size as u64 {
            assert!(
                device.read(size + 1) == Ok(vec![b'f'; size]),
                "records of {size}"
            );
        }
        assert_eq!(
            (device.take(10), device.take(10)),
            ("intact".into(), "".into())
        );
        drop(device);
        assert_eq!(stack.remove(), Ok(()));
    }
}

/// A spool grows until there is no memory: what was taken of a file is all there, and the file can go on.
#[test]
fn a_spool_grows_until_there_is_no_memory() {
    let _module = Module::load(&[]);
    for size in [100, 4096, 50_000, 1 << 20] {
        let spool = Instance::add("grown discipline=spool");
        spool.writer().put("intact");
        let written = fill(&spool, size);
        assert!(
            written > ROOM / 2 / marks() && written < 2 * ROOM,
            "writes of {size}: {written} bytes are in"
        );
        assert_eq!(spool.attribute("bytes_used"), (6 + written).to_string());
        spool.writer().put("one more file");
        let reader = spool.nonblocking();
        assert_eq!(
            (reader.take(100), reader.take(1), reader.next()),
            ("intact".into(), "".into(), Ok(()))
        );
        assert!(
            reader
                .collect(written as usize)
                .iter()
                .all(|byte| *byte == b'f')
        );
        assert_eq!((reader.take(1), reader.next()), ("".into(), Ok(())));
        assert_eq!(reader.take(100), "one more file");
        assert_eq!((reader.take(1), reader.next()), ("".into(), Ok(())));
        assert_eq!(reader.read(1), Err(Errno::EAGAIN));
        drop(reader);
        assert_eq!(spool.remove(), Ok(()));
    }
}
