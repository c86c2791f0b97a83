// SPDX-License-Identifier: GPL-2.0

//! `spool`: its limit, its memory, and who is stalled or killed in mid-copy.

use mydevice_tests::{
    Instance, Module,
    device::{READABLE, WRITABLE},
    eventually,
    group::{MemoryGroup, marks},
    guest::{Process, sh},
    memory::{Fence, PAGE},
    signals::INTERRUPTING,
    sleeping_read, sleeping_write,
    stalled::{GOOD, Stalled, WHOLE, at_once},
};
use nix::{errno::Errno, sys::signal::Signal};

fn small(capacity: usize) -> Instance {
    Instance::add(&format!("small discipline=spool capacity={capacity}"))
}

/// Its capacity starts at `max_capacity`, 100000 pages.
#[test]
fn the_limit_starts_at_100000_pages() {
    let module = Module::load(&["discipline=spool", "buffer_size=100"]);
    let instance = module.instance();
    let limit = (100_000 * PAGE).to_string();
    assert_eq!(
        (
            instance.attribute("capacity"),
            instance.attribute("max_capacity")
        ),
        (limit.clone(), limit)
    );
}

/// When it is full the writer waits, and goes on as there is room; EAGAIN with `O_NONBLOCK`, which takes what
/// fits. A signal leaves what was moved.
#[test]
fn a_full_spool_makes_writers_wait() {
    let _module = Module::load(&[]);
    let small = small(10_000);
    let device = small
        .open(nix::fcntl::OFlag::O_WRONLY | nix::fcntl::OFlag::O_NONBLOCK)
        .unwrap();
    assert_eq!(device.write(&[b'x'; 20_000]), Ok(10_000));
    assert_eq!(device.write(b"x"), Err(Errno::EAGAIN));
    assert_eq!(device.ready(), nix::poll::PollFlags::empty());

    let interrupted = sleeping_write(&small.writer(), b"lost");
    interrupted.signal(INTERRUPTING);
    assert_eq!(interrupted.join(), Err(Errno::EINTR));
    drop(device);
    let writer = sleeping_write(&small.writer(), [b'y'; 15_000]);
    let reader = small.reader();
    assert_eq!(reader.collect(6_000), [b'x'; 6_000]);
    writer.wait_asleep_in(libc::SYS_write);
    assert_eq!(small.attribute("bytes_used"), "10000");
    writer.signal(INTERRUPTING);
    assert_eq!(writer.join(), Ok(6_000), "a short count");
    assert_eq!(reader.collect(4_000), [b'x'; 4_000]);
    assert_eq!((reader.take(10), reader.next()), ("".into(), Ok(())));
    assert_eq!(reader.collect(6_000), [b'y'; 6_000]);
}

/// The limit never stops the writer of a file whose stored bytes a reader has all taken: it may always store
/// one page more.
#[test]
fn the_limit_does_not_stop_a_file_that_is_followed() {
    let _module = Module::load(&[]);
    let small = small(1000);
    let (writer, reader) = (small.writer(), small.reader());
    writer.put("followed");
    assert_eq!(reader.take(100), "followed");
    // Another file takes all the room there is.
    let other = small.nonblocking();
    assert_eq!(other.write(&[b'o'; 2000]), Ok(1000));
    assert_eq!(small.nonblocking().write(b"x"), Err(Errno::EAGAIN));
    let sleeper = sleeping_read(&reader, PAGE);
    writer.put("goes on");
    assert_eq!(sleeper.join(), Ok(b"goes on".to_vec()));
    assert_eq!(writer.ready(), WRITABLE);

    // Page by page, as the reader takes them.
    let long = sleeping_write(&writer, vec![b'l'; 3 * PAGE]);
    assert_eq!(reader.collect(3 * PAGE), vec![b'l'; 3 * PAGE]);
    assert_eq!(long.join(), Ok(3 * PAGE));
    assert_eq!(small.attribute("bytes_used"), "1000");
}

/// RESIZE moves the limit, and gives EBUSY, cutting no file, when more is stored.
#[test]
fn resize_moves_the_limit() {
    let _module = Module::load(&[]);
    let small = small(1000);
    let device = small.nonblocking();
    device.put([b'x'; 1000]);
    assert_eq!(device.resize(999), Err(Errno::EBUSY));
    assert_eq!(device.resize(0), Err(Errno::EINVAL));
    assert_eq!(small.set_attribute("capacity", "1"), Err(Errno::EBUSY));
    assert_eq!(
        (device.status().buffer_size, device.status().bytes_used),
        (1000, 1000)
    );
    let writer = sleeping_write(&small.writer(), b"more");
    assert_eq!(device.resize(1004), Ok(()));
    assert_eq!(writer.join(), Ok(4));
    assert_eq!(device.collect(1000), [b'x'; 1000]);
    assert_eq!(
        (device.resize(4), device.stats().bytes_truncated),
        (Ok(()), 0)
    );
}

/// 65536 files: beyond that it counts as full, until one is gone.
#[test]
fn the_number_of_files_is_bounded() {
    let module = Module::load(&["discipline=spool"]);
    let instance = module.instance();
    for _ in 0..65536 {
        instance.writer().put("f");
    }
    let more = instance.nonblocking();
    assert_eq!(
        (more.write(b"m"), more.ready()),
        (Err(Errno::EAGAIN), READABLE)
    );
    let waiting = sleeping_write(&instance.writer(), b"w");
    let reader = instance.reader();
    assert_eq!((reader.take(10), reader.take(10)), ("f".into(), "".into()));
    assert_eq!(waiting.join(), Ok(1));
    assert_eq!(
        (more.write(b"m"), instance.attribute("bytes_used")),
        (Err(Errno::EAGAIN), "65536".into())
    );
    assert_eq!(more.clear(), Ok(()));
    more.put("m");
}

/// Memory follows what is stored: within one page a file plus 10%, and it is given back as it is read.
#[test]
fn memory_follows_what_is_stored() {
    const MIB: u64 = 1 << 20;
    // What the kernel charges ahead, for each CPU, and what a process that has ended leaves for a while.
    const SLACK: u64 = MIB;
    let group = MemoryGroup::new("200M");
    let module = Module::load(&["discipline=spool"]);
    for (files, size) in [
        (1u64, 32 * MIB),
        (20_000, 1),
        (4000, 100),
        (3000, 4097),
        (2000, 5000),
    ] {
        let before = group.kernel();
        group.sh(&format!(
            "exec python3 -c \"
import os
for n in range({files}):
    fd = os.open('/dev/mydevice', os.O_WRONLY)
    left = {size}
    while left: left -= os.write(fd, bytes(min(left, 65536)))
    os.close(fd)\""
        ));
        let stored = files * size;
        let allowed = marks() * (stored + stored / 10 + files * PAGE as u64) + SLACK;
        let used = || group.kernel().saturating_sub(before);
        assert!(
            used() <= allowed,
            "{files} files of {size}: {} for {stored}",
            used()
        );
        println!(
            "{files} files of {size}: {} beside what is stored, of which a page a file is {}",
            used().saturating_sub(stored),
            files * PAGE as u64
        );
        assert!(
            used() + SLACK >= stored,
            "{} for {stored} is charged to somebody else",
            used()
        );
        assert_eq!(
            module.instance().attribute("bytes_used"),
            stored.to_string()
        );

        let reader = module.instance().reader();
        for _ in 0..files {
            reader.collect(size as usize);
            assert_eq!((reader.take(1), reader.next()), ("".into(), Ok(())));
        }
        eventually("it is given back", || used() <= SLACK);
    }
}

/// It is given back as it is read, while the file is still being written.
#[test]
fn memory_is_given_back_within_a_file() {
    let group = MemoryGroup::new("24M");
    let module = Module::load(&["discipline=spool"]);
    // So that the writer waits for the reader.
    let (limit, instance) = ((4 << 20).to_string(), module.instance());
    assert_eq!(instance.set_attribute("capacity", &limit), Ok(()));
    let copied = Process::start("bash", &["-c", "cat /dev/mydevice | md5sum"]);
    let sent = group.sh("head -c 40M /dev/zero | tee /dev/mydevice | md5sum");
    assert_eq!(String::from_utf8(copied.join().stdout).unwrap(), sent);
}

/// A file that was read to its end keeps nothing once its writer has left, also if its reader stays.
#[test]
fn a_file_that_is_over_keeps_no_memory() {
    const FILES: u64 = 1000;
    let group = MemoryGroup::new("200M");
    let module = Module::load(&["discipline=spool"]);
    let instance = module.instance();
    let readers: Vec<_> = (0..FILES).map(|_| instance.reader()).collect();
    let before = group.kernel();
    let used = instance.class_entry().join("bytes_used");
    // Each file is read to its end before its writer closes it.
    let writes = group.start(&format!(
        "for ((n = 0; n < {FILES}; n++)); do exec 3> /dev/mydevice; printf x >&3; \
         until read -r used < {} && ((used == 0)); do :; done; exec 3>&-; done",
        used.display()
    ));
    for reader in &readers {
        assert_eq!(reader.take(1), "x");
    }
    assert!(writes.join().status.success());
    // Less than half of what the shortest file takes.
    let kept = || group.kernel().saturating_sub(before) / FILES;
    eventually("the files' memory is given back", || kept() < 1000);
}

/// A writer killed in the middle of a file ends it; the reader gets what there is, then 0.
#[test]
fn a_killed_writer_ends_its_file() {
    let module = Module::load(&["discipline=spool"]);
    let mut writer = Process::start(
        "bash",
        &[
            "-c",
            "exec 3> /dev/mydevice; echo half >&3; echo written; read < <(sleep 1000)",
        ],
    );
    writer.said("written");
    let reader = module.instance().reader();
    assert_eq!(reader.take(100), "half\n");
    let sleeper = sleeping_read(&reader, 100);
    sh(&format!("pkill -KILL -P {}; true", writer.pid()));
    writer.signal(Signal::SIGKILL);
    writer.join();
    assert_eq!(sleeper.join(), Ok(vec![]));
    assert_eq!(
        module.instance().nonblocking().read(1),
        Err(Errno::EAGAIN),
        "it is gone"
    );
}

/// One killed in the middle of a copy leaves what came before, or nothing.
#[test]
fn a_writer_killed_in_mid_copy_harms_nobody() {
    let module = Module::load(&["discipline=spool"]);
    kill_stalled("write");
    let writer = module.instance().writer();
    writer.put("next");
    drop(writer);
    let reader = module.instance().reader();
    let mut first = reader.take(1000);
    if first.starts_with('x') {
        assert!(first.len() <= GOOD, "{first:?}");
        assert_eq!((reader.take(10), reader.next()), ("".into(), Ok(())));
        first = reader.take(1000);
    }
    assert_eq!((first, reader.take(10)), ("next".into(), "".into()));
    assert_eq!(
        module.instance().writer().clear(),
        Ok(()),
        "nobody copies any more"
    );
}

/// A reader killed in the middle of a copy leaves the rest at the head for the next.
#[test]
fn a_killed_reader_leaves_the_rest() {
    let module = Module::load(&["discipline=spool"]);
    let text: Vec<u8> = (0..WHOLE as u8).collect();
    module.instance().writer().put(&text);
    module.instance().writer().put("newer");
    kill_stalled("read");
    let reader = module.instance().reader();
    let left = reader.read(WHOLE).unwrap();
    assert!(
        left.len() >= WHOLE - GOOD,
        "only {} bytes are left",
        left.len()
    );
    assert_eq!(left, text[WHOLE - left.len()..]);
    assert_eq!(
        (reader.take(10), module.instance().reader().take(10)),
        ("".into(), "newer".into())
    );
}

fn kill_stalled(direction: &str) {
    let mut process = Process::start(env!("CARGO_BIN_EXE_stall"), &["/dev/mydevice", direction]);
    process.said("stalled");
    process.signal(Signal::SIGKILL);
    process.join();
}

/// A reader stalled in mid-copy holds up no writer, not even that of its own file.
#[test]
fn a_stalled_reader_holds_up_no_writer() {
    let module = Module::load(&["discipline=spool"]);
    let (writer, reader) = (module.instance().writer(), module.instance().reader());
    writer.put([b'r'; WHOLE]);
    let stalled = Stalled::reader(&reader);
    let other = module.instance().writer();
    at_once(move || {
        writer.put("more of it");
        drop(writer);
        other.put("another file");
        assert_eq!(other.ready(), WRITABLE);
        other.status()
    });
    assert_eq!(stalled.release(), Ok(WHOLE));
    assert_eq!(
        (reader.take(100), reader.take(100)),
        ("more of it".into(), "".into())
    );
    assert_eq!(module.instance().reader().take(100), "another file");
}

/// A writer stalled in mid-copy holds up no reader.
#[test]
fn a_stalled_writer_holds_up_no_reader() {
    let module = Module::load(&["discipline=spool"]);
    module.instance().writer().put("older");
    let stalled = Stalled::writer(&module.instance().writer());
    let reader = module.instance().reader();
    let got = at_once(move || (reader.take(100), reader.take(100)));
    assert_eq!(got, ("older".into(), "".into()));
    let nonblocking = module.instance().nonblocking();
    // It may wait for its turn, but not sleep for it.
    at_once(move || {
        assert!(matches!(
            nonblocking.write(b"x"),
            Ok(1) | Err(Errno::EAGAIN)
        ))
    });
    assert_eq!(stalled.release(), Ok(WHOLE));
}

/// A bad pointer: EFAULT if nothing was moved, else the count that was; nothing is consumed that did not
/// reach the reader.
#[test]
fn a_fault_loses_nothing() {
    let module = Module::load(&["discipline=spool"]);
    let writer = module.instance().writer();
    let fence = Fence::new();
    assert_eq!(
        writer.write_from_address(fence.before(0), 100),
        Err(Errno::EFAULT)
    );
    assert_eq!(writer.write_from_address(fence.before(5), 100), Ok(5));
    drop(writer);
    let reader = module.instance().reader();
    assert_eq!(
        reader.read_at_address(fence.before(0), 100),
        Err(Errno::EFAULT)
    );
    assert_eq!(reader.read_at_address(fence.before(2), 100), Ok(2));
    assert_eq!(
        (reader.take(100), reader.take(100)),
        ("xxx".into(), "".into())
    );
}

/// CLEAR drops what is stored: all of it, also of a file whose writer closes in the middle of it.
#[test]
fn a_close_in_the_middle_of_clear_loses_no_page() {
    let _module = Module::load(&[]);
    let spool = Instance::add("closed discipline=spool");
    for wait in 0..20 {
        let writer = spool.writer();
        assert_eq!(writer.write(&vec![b'x'; 1 << 20]), Ok(1 << 20));
        let control = spool.both();
        let clear = std::thread::spawn(move || control.clear());
        std::thread::sleep(std::time::Duration::from_micros(wait * 100));
        drop(writer);
        clear.join().unwrap().unwrap();
        assert_eq!(spool.attribute("bytes_used"), "0", "round {wait}");
    }
}

/// The limit never stops the writer of a file whose stored bytes a reader has all taken: not either when that
/// reader has gone, and the next one waits for the file to go on.
#[test]
fn a_drained_file_goes_on_after_its_reader_has_left() {
    let _module = Module::load(&[]);
    let spool = small(2 * PAGE);
    let (first, second) = (spool.writer(), spool.writer());
    assert_eq!(first.write(&[b'a'; PAGE]), Ok(PAGE));
    assert_eq!(second.write(&[b'b'; PAGE]), Ok(PAGE));
    let reader = spool.reader();
    assert_eq!(reader.collect(PAGE), [b'a'; PAGE]);
    assert_eq!(
        second.write(&[b'c'; PAGE]),
        Ok(PAGE),
        "the spool is full now"
    );
    drop(reader);
    assert_eq!(first.write(b"more"), Ok(4));
    assert_eq!(spool.reader().collect(4), b"more");
}
