// SPDX-License-Identifier: GPL-2.0

//! L9: `rmmod` in every state. With a file open, by whomever, the module is in use and everything works on; with
//! nothing open but `/proc` and sysfs it goes, and what is left of those says so.

use std::{
    fs::{self, File},
    io::Read,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::FileExt,
    },
    ptr,
};

use io_uring::{IoUring, opcode, types::Fd};
use mydevice_tests::{
    Device, Instance, Module, Sleeper, eventually,
    instance::{CLASS, DISCIPLINES},
    sleeping_read, sleeping_write,
    stalled::{Stalled, WHOLE},
};
use nix::{
    errno::Errno,
    kmod::{DeleteModuleFlags, delete_module},
    poll::PollFlags,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    unistd::pipe,
};

/// `rmmod` says that the module is in use, twice, and the instance works on.
#[track_caller]
fn assert_in_use(module: &mut Module, instance: &Instance, state: &str) {
    for _ in 0..2 {
        assert_eq!(module.try_unload(), Err(Errno::EAGAIN), "{state}");
    }
    assert!(!instance.names().is_empty(), "{state}: a name is gone");
    instance.proc();
}

/// A module with one instance of the discipline, in which a reader of nothing waits.
fn waiting(discipline: &str) -> (Module, Instance) {
    let module = Module::load(&[&format!("discipline={discipline}")]);
    let instance = module.instance();
    assert_eq!(instance.set_attribute("on_empty", "block"), Ok(()));
    (module, instance)
}

#[test]
fn l9_open() {
    for discipline in DISCIPLINES {
        let (mut module, instance) = waiting(discipline);
        let device = instance.both();
        assert_in_use(&mut module, &instance, "open");
        device.put("works on");
        assert_eq!(instance.nonblocking().read(1).map(|got| got.len()), Ok(1));
        drop(device);
        module.unload();
    }
}

#[test]
fn l9_asleep_in_a_read_and_in_a_write() {
    for discipline in DISCIPLINES {
        let (mut module, instance) = waiting(discipline);
        let reader = sleeping_read(&instance.reader(), 8);
        assert_in_use(&mut module, &instance, "a sleeping reader");
        instance.writer().put("works on");
        assert_eq!(reader.join(), Ok(b"works on".to_vec()), "{discipline}");
        module.unload();
    }
    let (mut module, instance) = waiting("stream");
    let writer = sleeping_write(&instance.writer(), [b'x'; 5000]);
    assert_in_use(&mut module, &instance, "a writer in mid-write");
    assert_eq!(instance.reader().collect(5000).len(), 5000);
    assert_eq!(writer.join(), Ok(5000));
}

#[test]
fn l9_polled_and_in_a_set_of_epoll() {
    let (mut module, instance) = waiting("stream");
    let device = instance.reader();
    let poller = Sleeper::asleep_in(libc::SYS_poll, move || device.wait_ready(PollFlags::POLLIN));
    assert_in_use(&mut module, &instance, "polled");
    instance.writer().put("x");
    assert_eq!(poller.join(), Ok(PollFlags::POLLIN));

    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let device = instance.reader();
    let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
    epoll.add(&device, EpollEvent::new(wanted, 7)).unwrap();
    assert_in_use(&mut module, &instance, "in a set");
    let mut event = [EpollEvent::empty()];
    assert_eq!(epoll.wait(&mut event, EpollTimeout::NONE), Ok(1));
    // A set holds no file: closing it takes it out.
    drop(device);
    module.unload();
    assert_eq!(epoll.wait(&mut event, EpollTimeout::ZERO), Ok(0));
}

/// A request that io_uring holds when the descriptor is closed.
#[test]
fn l9_a_request_of_io_uring_is_pending() {
    for discipline in DISCIPLINES {
        let (mut module, instance) = waiting(discipline);
        let mut ring = IoUring::new(4).expect("io_uring");
        let device = instance.reader();
        let mut buffer = [0u8; 8];
        let read = opcode::Read::new(Fd(device.as_raw_fd()), buffer.as_mut_ptr(), 8);
        // SAFETY: the buffer lives until the request is completed, below.
        unsafe { ring.submission().push(&read.offset(u64::MAX).build()) }.expect("room for one");
        assert_eq!(ring.submit().expect("submitting"), 1);
        drop(device);
        assert_in_use(&mut module, &instance, "a request is pending");
        instance.writer().put("works on");
        ring.submit_and_wait(1).expect("waiting");
        assert_eq!(ring.completion().next().map(|done| done.result()), Some(8));
        assert_eq!(&buffer, b"works on", "{discipline}");
        drop(ring);
        module.unload();
    }
}

/// There is no `mmap`, and a refused one leaves nothing behind.
#[test]
fn l9_after_a_refused_mmap() {
    let (mut module, instance) = waiting("stream");
    let device = instance.both();
    for protection in [libc::PROT_READ, libc::PROT_WRITE] {
        let fd = device.as_fd().as_raw_fd();
        // SAFETY: at an address of the kernel's choice, it touches nothing that exists.
        let mapped =
            unsafe { libc::mmap(ptr::null_mut(), 4096, protection, libc::MAP_SHARED, fd, 0) };
        assert_eq!((mapped, Errno::last()), (libc::MAP_FAILED, Errno::ENODEV));
    }
    assert_in_use(&mut module, &instance, "open after a refused mmap");
    drop(device);
    module.unload();
}

/// `splice` out of what is empty and into what is full.
#[test]
fn l9_a_splice_is_in_progress() {
    let splice = |from: std::os::fd::OwnedFd, to: std::os::fd::OwnedFd| {
        Sleeper::asleep_in(libc::SYS_splice, move || {
            let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
            // SAFETY: no addresses are handed in.
            let moved = unsafe { libc::splice(from, ptr::null_mut(), to, ptr::null_mut(), 10, 0) };
            Errno::result(moved)
        })
    };
    let owned = |device: &Device| device.as_fd().try_clone_to_owned().unwrap();
    let (mut module, instance) = waiting("stream");
    let (out, into) = pipe().unwrap();
    let spliced = splice(owned(&instance.reader()), into.try_clone().unwrap());
    assert_in_use(&mut module, &instance, "a splice waits for data");
    instance.writer().put("0123456789");
    assert_eq!(spliced.join(), Ok(10));

    instance.writer().put([b'x'; 4096]);
    let spliced = splice(out, owned(&instance.writer()));
    assert_in_use(&mut module, &instance, "a splice waits for room");
    assert_eq!(instance.reader().collect(4106)[4096..], *b"0123456789");
    assert_eq!(spliced.join(), Ok(10));
    module.unload();
}

/// After a hot removal, what is still open keeps the module; a copy in progress, too.
#[test]
fn l9_after_hot_removal() {
    for discipline in DISCIPLINES {
        let mut module = Module::load(&[]);
        let victim = Instance::add(&format!("victim discipline={discipline}"));
        let device = victim.both();
        device.put("unread");
        assert_eq!(victim.remove(), Ok(()));
        assert_in_use(&mut module, &module_instance(), "open after a removal");
        assert_eq!(device.read(1), Err(Errno::ENODEV));
        drop(device);
        module.unload();
    }
}

fn module_instance() -> Instance {
    Instance::named("mydevice")
}

/// Files of `/proc` and sysfs do not keep the module. What is left of them is an error or an end, and no text.
#[test]
fn l9_files_of_proc_and_sysfs_are_open() {
    let module = Module::load(&["devices=2"]);
    let instance = module.instance();
    let attributes = ["discipline", "capacity", "bytes_used", "uevent", "dev"];
    let mut paths: Vec<_> = attributes
        .map(|attribute| instance.class_entry().join(attribute))
        .into();
    paths.push(instance.proc_file());
    paths.push(module.parameter_file("verbose"));
    let files: Vec<_> = paths
        .iter()
        .map(|path| {
            let mut file = File::open(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            // One byte, so that a read is under way; the same file is read on afterwards.
            assert_eq!(file.read(&mut [0]).unwrap(), 1, "{path:?}");
            file
        })
        .collect();
    let add = File::options()
        .write(true)
        .open(format!("{CLASS}/add"))
        .unwrap();
    module.unload();
    for (file, path) in files.iter().zip(&paths) {
        let read = file.read_at(&mut [0; 100], 0);
        assert!(!matches!(read, Ok(1..)), "{path:?} still says {read:?}");
    }
    let written = nix::unistd::write(&add, b"late");
    assert!(written.is_err(), "an instance of what is not there");
}

/// A reader of `/proc` that is stalled in its copy: unloading waits for it, and no longer.
#[test]
fn l9_a_reader_of_proc_is_stalled() {
    let module = Module::load(&[]);
    let reader = Stalled::reader_of_proc(&module.instance());
    let unloading = Sleeper::start(|| delete_module(c"mydevice", DeleteModuleFlags::O_NONBLOCK));
    eventually("it has begun, or is over already", || {
        unloading.has_ended()
            || fs::read_to_string("/sys/module/mydevice/initstate")
                .is_ok_and(|state| state.trim() == "going")
    });
    // Whether it waits or not, it is over when the reader is.
    assert_eq!(reader.release(), Ok(WHOLE));
    assert_eq!(unloading.join(), Ok(()));
    module.was_unloaded();
}
