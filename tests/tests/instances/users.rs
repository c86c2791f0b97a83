// SPDX-License-Identifier: GPL-2.0

//! Who uses an instance now: `readers` and `writers`, `waiting_readers` and `waiting_writers`.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd},
};

use mydevice_tests::{
    Device, Instance, Module, Sleeper, eventually,
    instance::DISCIPLINES,
    signals::{INTERRUPTING, RESTARTING},
    sleeping_read, sleeping_write,
    stalled::{Stalled, WHOLE},
};
use nix::{
    Result,
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

const NOBODY: [u64; 2] = [0, 0];

fn numbers(instance: &Instance, attributes: [&str; 2]) -> [u64; 2] {
    attributes.map(|attribute| {
        let text = instance.attribute(attribute);
        text.parse()
            .unwrap_or_else(|_| panic!("{attribute} is {text:?}"))
    })
}

/// `readers` and `writers`.
fn open(instance: &Instance) -> [u64; 2] {
    numbers(instance, ["readers", "writers"])
}

/// `waiting_readers` and `waiting_writers`.
fn waiting(instance: &Instance) -> [u64; 2] {
    numbers(instance, ["waiting_readers", "waiting_writers"])
}

/// An open counts for what it can do, one for both in both, and one for neither, with which ioctl alone is possible, in
/// none; until its last close.
#[test]
fn an_open_counts_for_what_it_can_do() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!("it discipline={discipline}"));
        assert_eq!(open(&instance), [0, 0], "{discipline}");
        let reader = instance.reader();
        assert_eq!(open(&instance), [1, 0], "{discipline}");
        let writers = [instance.writer(), instance.writer()];
        assert_eq!(open(&instance), [1, 2], "{discipline}");
        let both = instance.both();
        assert_eq!(open(&instance), [2, 3], "{discipline}");
        let neither = instance.open(OFlag::O_ACCMODE).unwrap();
        assert_eq!(open(&instance), [2, 3], "{discipline}");
        assert_eq!(instance.proc().open_count, 5, "{discipline}");

        drop(reader);
        assert_eq!(open(&instance), [1, 3], "{discipline}");
        drop(neither);
        assert_eq!(open(&instance), [1, 3], "{discipline}");
        drop(writers);
        assert_eq!(open(&instance), [1, 1], "{discipline}");
        drop(both);
        assert_eq!(open(&instance), [0, 0], "{discipline}");
        assert_eq!(waiting(&instance), NOBODY, "{discipline}");
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// Descriptors that share an open are one; opening it again by `/proc` makes another.
#[test]
fn shared_descriptors_are_one_open() {
    let module = Module::load(&[]);
    let instance = module.instance();
    let reader = instance.reader();
    let copy = reader.as_fd().try_clone_to_owned().unwrap();
    assert_eq!(open(&instance), [1, 0]);
    drop(reader);
    assert_eq!(open(&instance), [1, 0], "one descriptor is left");
    let copy = Device::from_fd(copy);
    let again = format!("/proc/self/fd/{}", copy.as_raw_fd());
    let again = Device::open(again.as_ref(), OFlag::O_WRONLY).unwrap();
    assert_eq!(open(&instance), [1, 1]);
    drop(copy);
    assert_eq!(open(&instance), [0, 1]);
    drop(again);
    assert_eq!(open(&instance), [0, 0]);
}

/// A split instance counts the opens of both its nodes, and not those that were refused.
#[test]
fn the_nodes_of_a_split_instance_count_together() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1");
    let [node_w, node_r] = [pair.write_node(), pair.read_node()];
    let writer = Device::open(&node_w, OFlag::O_WRONLY).unwrap();
    assert_eq!(open(&pair), [0, 1]);
    let readers = [(); 2].map(|()| Device::open(&node_r, OFlag::O_RDONLY).unwrap());
    assert_eq!(open(&pair), [2, 1]);
    for node in [&node_w, &node_r] {
        assert_eq!(Device::open(node, OFlag::O_RDWR).err(), Some(Errno::EACCES));
    }
    assert_eq!(open(&pair), [2, 1]);
    let sleeper = sleeping_read(&readers[0], 10);
    assert_eq!(waiting(&pair), [1, 0]);
    writer.put("x");
    assert_eq!(sleeper.join(), Ok(b"x".to_vec()));
    drop((writer, readers));
    assert_eq!((open(&pair), waiting(&pair)), ([0, 0], NOBODY));
}

/// A way to wait: what `own` does asleep, in an instance with these settings, once `other` and it have done the first
/// steps, and what ends it.
struct Wait {
    what: &'static str,
    settings: &'static str,
    first: fn(other: &Device, own: &Device),
    /// The bytes that are written; none where it is a read.
    writes: usize,
    end: fn(&Instance, other: &Device),
}

const WAITS: [Wait; 9] = [
    Wait {
        what: "for bytes of a stream",
        settings: "discipline=stream",
        first: |_, _| (),
        writes: 0,
        end: |_, other| other.put("x"),
    },
    Wait {
        what: "for more text of a buffer",
        settings: "discipline=buffer on_empty=block",
        first: |other, own| {
            other.put("text");
            assert_eq!(own.take(10), "text");
        },
        writes: 0,
        end: |_, other| other.put("x"),
    },
    Wait {
        what: "for the next record of a log",
        settings: "discipline=log",
        first: |_, _| (),
        writes: 0,
        end: |_, other| other.put("x"),
    },
    Wait {
        what: "for a file of a spool",
        settings: "discipline=spool",
        first: |_, _| (),
        writes: 0,
        end: |_, other| other.put("x"),
    },
    Wait {
        what: "for a file to go on",
        settings: "discipline=spool",
        first: |other, own| {
            other.put("begun");
            assert_eq!(own.take(10), "begun");
        },
        writes: 0,
        end: |_, other| other.put("x"),
    },
    Wait {
        what: "for room in a stream",
        settings: "discipline=stream capacity=10",
        first: |other, _| other.put("0123456789"),
        writes: 5,
        end: |instance, _| drop(instance.reader().collect(10)),
    },
    Wait {
        what: "in the middle of a write",
        settings: "discipline=stream capacity=10",
        first: |_, _| (),
        writes: 15,
        end: |instance, _| drop(instance.reader().collect(15)),
    },
    Wait {
        what: "for room in a spool",
        settings: "discipline=spool capacity=10 max_capacity=10",
        first: |other, _| other.put("0123456789"),
        writes: 5,
        end: |instance, _| drop(instance.reader().collect(10)),
    },
    Wait {
        what: "for room in a stack",
        settings: "discipline=stack capacity=10 max_capacity=10",
        first: |other, _| other.put("0123456789"),
        writes: 5,
        end: |instance, _| drop(instance.reader().collect(10)),
    },
];

impl Wait {
    /// Makes the instance; who is to make the wait end, and who is to wait.
    fn begin(&self) -> (Instance, Device, Device) {
        let instance = Instance::add(&format!("it {}", self.settings));
        let other = instance.both();
        let own = match self.writes {
            0 => instance.reader(),
            _ => instance.writer(),
        };
        (self.first)(&other, &own);
        assert_eq!(waiting(&instance), NOBODY, "{}", self.what);
        (instance, other, own)
    }

    #[track_caller]
    fn sleeper(&self, own: &Device) -> Sleeper<Result<usize>> {
        let (own, writes) = (own.clone(), self.writes);
        match writes {
            0 => Sleeper::asleep_in(libc::SYS_read, move || own.read(10).map(|it| it.len())),
            _ => Sleeper::asleep_in(libc::SYS_write, move || own.write(&vec![b'w'; writes])),
        }
    }

    fn call(&self) -> i64 {
        match self.writes {
            0 => libc::SYS_read,
            _ => libc::SYS_write,
        }
    }

    /// One that sleeps so.
    fn one(&self) -> [u64; 2] {
        match self.writes {
            0 => [1, 0],
            _ => [0, 1],
        }
    }
}

/// Who sleeps is counted on its side, until it goes on.
#[test]
fn a_sleeper_counts_until_it_goes_on() {
    let _module = Module::load(&[]);
    for wait in WAITS {
        let (instance, other, own) = wait.begin();
        let sleeper = wait.sleeper(&own);
        assert_eq!(waiting(&instance), wait.one(), "{}", wait.what);
        (wait.end)(&instance, &other);
        let moved = if wait.writes == 0 { 1 } else { wait.writes };
        assert_eq!(sleeper.join(), Ok(moved), "{}", wait.what);
        assert_eq!(waiting(&instance), NOBODY, "{}", wait.what);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// Or until a signal ends its call. One whose call starts again counts once.
#[test]
fn a_sleeper_counts_until_a_signal() {
    let _module = Module::load(&[]);
    for wait in WAITS {
        let (instance, _other, own) = wait.begin();
        let sleeper = wait.sleeper(&own);
        // In the middle of a write there is nothing to start again.
        if wait.what != "in the middle of a write" {
            sleeper.restart(wait.call());
            assert_eq!(waiting(&instance), wait.one(), "{}: again", wait.what);
        }
        sleeper.signal(INTERRUPTING);
        let ended = sleeper.join();
        let middle = ended == Ok(10) && wait.writes > 10;
        assert!(
            ended == Err(Errno::EINTR) || middle,
            "{}: {ended:?}",
            wait.what
        );
        assert_eq!(waiting(&instance), NOBODY, "{}", wait.what);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// Or until the time of a read is over, or a signal comes in such a read.
#[test]
fn a_sleeper_counts_until_its_time_is_over() {
    let _module = Module::load(&[]);
    for wait in WAITS.iter().filter(|wait| wait.writes == 0) {
        let (instance, _other, own) = wait.begin();
        assert_eq!(instance.set_attribute("read_timeout_ms", "20"), Ok(()));
        assert_eq!(own.read(10), Err(Errno::EAGAIN), "{}", wait.what);
        assert_eq!(waiting(&instance), NOBODY, "{}", wait.what);

        assert_eq!(instance.set_attribute("read_timeout_ms", "3600000"), Ok(()));
        let sleeper = wait.sleeper(&own);
        assert_eq!(waiting(&instance), wait.one(), "{}", wait.what);
        sleeper.signal(RESTARTING);
        assert_eq!(sleeper.join(), Err(Errno::EINTR), "{}", wait.what);
        assert_eq!(waiting(&instance), NOBODY, "{}", wait.what);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// Or until the instance is removed. Then there is nothing to be read any more, also by who has the file open, and
/// another of that name begins anew, whoever still has the old one open.
#[test]
fn what_was_removed_tells_nothing() {
    let _module = Module::load(&[]);
    for wait in WAITS {
        let (instance, other, own) = wait.begin();
        let sleeper = wait.sleeper(&own);
        assert_eq!(waiting(&instance), wait.one(), "{}", wait.what);
        let mut files = ["readers", "writers", "waiting_readers", "waiting_writers"]
            .map(|attribute| File::open(instance.class_entry().join(attribute)).unwrap());
        assert_eq!(instance.remove(), Ok(()));
        let ended = sleeper.join();
        let middle = ended == Ok(10) && wait.writes > 10;
        assert!(
            ended == Err(Errno::ENODEV) || middle,
            "{}: {ended:?}",
            wait.what
        );
        for file in &mut files {
            let read = file.read(&mut [0; 100]);
            let errno = read.err().and_then(|error| error.raw_os_error());
            assert_eq!(errno, Some(libc::ENODEV), "{}", wait.what);
        }
        let new = Instance::add("it");
        assert_eq!((open(&new), waiting(&new)), ([0, 0], NOBODY));
        drop((other, own));
        assert_eq!((open(&new), waiting(&new)), ([0, 0], NOBODY));
        assert_eq!(new.remove(), Ok(()));
    }
}

/// Tasks are counted, not opens: each that sleeps, in one open or in several, the one in mid-write and all behind it.
#[test]
fn each_task_counts() {
    let _module = Module::load(&[]);
    let instance = Instance::add("it capacity=10");
    let shared = instance.both();
    let mut readers = vec![sleeping_read(&shared, 10), sleeping_read(&shared, 10)];
    readers.push(sleeping_read(&instance.reader(), 10));
    assert_eq!(waiting(&instance), [3, 0]);
    readers.pop().unwrap().signal(INTERRUPTING);
    eventually("the interrupted one has left", || {
        waiting(&instance) == [2, 0]
    });
    for left in [1, 0] {
        shared.put("x");
        eventually("one more has left", || waiting(&instance) == [left, 0]);
    }
    for reader in readers {
        assert_eq!(reader.join(), Ok(b"x".to_vec()));
    }

    let middle = sleeping_write(&shared, [b'm'; 15]);
    let behind = [(); 2].map(|()| sleeping_write(&shared, b"behind"));
    assert_eq!(waiting(&instance), [0, 3]);
    assert_eq!(shared.collect(15), [b'm'; 15]);
    assert_eq!(middle.join(), Ok(15));
    assert_eq!(shared.collect(12), b"behindbehind");
    for writer in behind {
        assert_eq!(writer.join(), Ok(6));
    }
    assert_eq!(waiting(&instance), NOBODY);
}

/// Who waits elsewhere is not counted: for the page of its own memory, in poll, or to clear. Who waits for the turn of
/// one that waits so is.
#[test]
fn who_waits_elsewhere_does_not_count() {
    let module = Module::load(&["buffer_size=200"]);
    let instance = module.instance();
    let device = instance.both();
    let poller = device.clone();
    let poller = Sleeper::asleep_in(libc::SYS_poll, move || {
        let mut fds = [PollFd::new(poller.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE)
    });
    assert_eq!(waiting(&instance), NOBODY, "one that polls");
    device.put([b'1'; WHOLE]);
    assert_eq!(poller.join(), Ok(1));

    let stalled = Stalled::reader(&device);
    assert_eq!(waiting(&instance), NOBODY, "one in mid-copy");
    let next = sleeping_read(&device, WHOLE);
    assert_eq!(waiting(&instance), [1, 0], "the next");
    let clear = device.clone();
    let clear = Sleeper::asleep_in(libc::SYS_ioctl, move || clear.clear());
    assert_eq!(waiting(&instance), [1, 0], "one that clears");
    assert_eq!(stalled.release(), Ok(WHOLE));
    assert_eq!(clear.join(), Ok(()));
    assert_eq!(waiting(&instance), [1, 0], "there is nothing for the next");
    device.put("x");
    assert_eq!(next.join(), Ok(b"x".to_vec()));
    assert_eq!(waiting(&instance), NOBODY);
}
