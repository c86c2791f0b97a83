// SPDX-License-Identifier: GPL-2.0

//! Pairs that could harm each other: W8 under load, and adding, opening and changing at the same time.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use mydevice_tests::{
    Device, Instance, Module, Sleeper, device::GONE, eventually, instance::DISCIPLINES,
};
use nix::{
    errno::Errno,
    poll::PollFlags,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};

/// Threads that do something again and again until they are told to stop, or their work ends them.
struct Crowd {
    stop: Arc<AtomicBool>,
    threads: Vec<Sleeper<u64>>,
}

impl Crowd {
    fn new() -> Self {
        Self {
            stop: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// `work` says whether to go on.
    fn add(&mut self, mut work: impl FnMut() -> bool + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(Sleeper::start(move || {
            let mut rounds = 0;
            while !stop.load(Ordering::SeqCst) && work() {
                rounds += 1;
            }
            rounds
        }));
    }

    /// Ends those that do not end themselves; how often each has done its work.
    #[track_caller]
    fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.join()
    }

    #[track_caller]
    fn join(mut self) -> Vec<u64> {
        let threads = std::mem::take(&mut self.threads);
        threads.into_iter().map(Sleeper::join).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Whether a call under load, which ends in ENODEV and in no other way, was not yet the last.
#[track_caller]
fn goes_on(result: nix::Result<usize>, passing: &[Errno]) -> bool {
    match result {
        Ok(_) => true,
        Err(Errno::ENODEV) => false,
        Err(errno) if passing.contains(&errno) => true,
        Err(errno) => panic!("a call under load: {errno}"),
    }
}

/// Hot removal under load and under poll, with every caller ending in ENODEV or in a hang-up.
#[test]
fn w8_removal_under_load_and_under_poll() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for round in 0..5 {
            let victim = Instance::add(&format!(
                "victim discipline={discipline} max_capacity=100000"
            ));
            let watch = victim.both();
            let mut crowd = Crowd::new();
            for _ in 0..2 {
                let device = victim.reader();
                crowd.add(move || goes_on(device.read(3000).map(|bytes| bytes.len()), &[]));
                let device = victim.writer();
                // A buffer may be full.
                crowd.add(move || goes_on(device.write(&[b'x'; 4000]), &[Errno::ENOSPC]));
            }
            let device = victim.both();
            crowd.add(move || {
                let events = device.wait_ready(PollFlags::POLLIN | PollFlags::POLLOUT);
                let events = events.unwrap();
                assert!(events == GONE || !events.intersects(GONE), "{events:?}");
                events != GONE
            });
            let device = victim.both();
            crowd.add(move || {
                let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
                let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
                epoll.add(&device, EpollEvent::new(wanted, 0)).unwrap();
                let mut event = [EpollEvent::empty()];
                epoll.wait(&mut event, EpollTimeout::NONE).unwrap();
                !event[0].events().contains(EpollFlags::EPOLLERR)
            });
            let device = victim.writer();
            crowd.add(move || {
                // Without a pause it would leave the readers nothing.
                std::thread::sleep(std::time::Duration::from_millis(1));
                goes_on(device.clear().map(|()| 0), &[])
            });

            eventually("the load is under way", || {
                // A buffer, read to its end, is not read again.
                watch.stats().writes > 10 * round && watch.stats().reads > 0
            });
            assert_eq!(victim.remove(), Ok(()));
            crowd.join();
            assert_eq!(watch.ready(), GONE, "{discipline}");
        }
    }
}

/// Removal while RESIZE allocates.
#[test]
fn w8_removal_while_resize_allocates() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for _ in 0..5 {
            let settings = format!("victim discipline={discipline} max_capacity=100000000");
            let victim = Instance::add(&settings);
            let device = victim.both();
            device.put("kept");
            let mut crowd = Crowd::new();
            let mut sizes = [32 << 20, 4096, 20 << 20].into_iter().cycle();
            let resizes = Arc::new(AtomicBool::new(false));
            let begun = Arc::clone(&resizes);
            crowd.add(move || {
                let size = sizes.next().expect("it is endless");
                begun.store(true, Ordering::SeqCst);
                goes_on(device.resize(size).map(|()| 0), &[])
            });
            eventually("RESIZE is under way", || resizes.load(Ordering::SeqCst));
            assert_eq!(victim.remove(), Ok(()));
            crowd.join();
        }
    }
}

/// Removal while `/proc` and the attributes are being read, and written.
#[test]
fn w8_removal_while_its_files_are_read() {
    let _module = Module::load(&[]);
    let mut crowd = Crowd::new();
    let victim = Instance::named("mydevice-victim");
    for file in [victim.proc_file(), victim.class_entry().join("bytes_used")] {
        crowd.add(move || {
            // It is there or it is not; between the two, reading what was opened fails.
            let _ = fs::read_to_string(&file);
            true
        });
    }
    let attributes = victim.clone();
    crowd.add(move || {
        let _ = attributes.set_attribute("capacity", "5000");
        true
    });
    for _ in 0..200 {
        let victim = Instance::add("victim");
        assert_eq!(victim.proc().open_count, 0);
        assert_eq!(victim.remove(), Ok(()));
        assert_eq!(victim.names(), Vec::<std::path::PathBuf>::new());
    }
    crowd.stop();
}

/// Add while removing the same name: each add is one or EEXIST, each remove is one or ENODEV, and they balance.
#[test]
fn add_and_remove_of_one_name_balance() {
    const REMOVALS: usize = 50;
    let module = Module::load(&[]);
    let over = Arc::new(AtomicBool::new(false));
    let adders = [0, 1].map(|_| {
        let over = Arc::clone(&over);
        Sleeper::start(move || {
            let mut added = 0;
            while !over.load(Ordering::SeqCst) {
                match Instance::try_add("victim split=1") {
                    Ok(_) => added += 1,
                    Err(Errno::EEXIST) => {}
                    Err(errno) => panic!("add: {errno}"),
                }
            }
            added
        })
    });
    let removers = [0, 1].map(|_| {
        Sleeper::start(|| {
            let victim = Instance::named("mydevice-victim");
            let mut removed = 0;
            while removed < REMOVALS {
                match victim.remove() {
                    Ok(()) => removed += 1,
                    Err(Errno::ENODEV) => {}
                    Err(errno) => panic!("remove: {errno}"),
                }
            }
            removed
        })
    });
    let removed: usize = removers.into_iter().map(Sleeper::join).sum();
    over.store(true, Ordering::SeqCst);
    let added: usize = adders.into_iter().map(Sleeper::join).sum();
    let left = Instance::named("mydevice-victim").names().len();
    match added - removed {
        0 => assert_eq!(left, 0),
        // Two nodes, three devices in the class, one entry in /proc.
        1 => assert_eq!(left, 6),
        more => panic!("{added} were added and {removed} removed: {more} are left"),
    }
    module.unload();
}

/// Remove while opening: an open succeeds or finds nothing, and what it opened works or is gone.
#[test]
fn removal_while_opening() {
    let _module = Module::load(&[]);
    let mut crowd = Crowd::new();
    for _ in 0..3 {
        crowd.add(|| {
            let victim = Instance::named("mydevice-victim");
            match victim.open(nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NONBLOCK) {
                Ok(device) => {
                    goes_on(device.write(b"x"), &[Errno::EAGAIN]);
                    goes_on(device.read(1).map(|bytes| bytes.len()), &[Errno::EAGAIN]);
                }
                Err(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => {}
                Err(errno) => panic!("opening: {errno}"),
            }
            true
        });
    }
    for _ in 0..300 {
        let victim = Instance::add("victim");
        assert_eq!(victim.remove(), Ok(()));
    }
    assert!(crowd.stop().iter().all(|rounds| *rounds > 0));
}

/// Discipline changed while opening: it never changes under an open file, and bytes are never mixed up.
#[test]
fn the_discipline_does_not_change_under_an_open_file() {
    let _module = Module::load(&[]);
    let instance = Instance::add("victim");
    let mut crowd = Crowd::new();
    for _ in 0..2 {
        let instance = instance.clone();
        crowd.add(move || {
            let device: Device = instance.nonblocking();
            let before = instance.attribute("discipline");
            assert!(matches!(
                device.write(b"123456"),
                Ok(6) | Err(Errno::EAGAIN)
            ));
            match device.read(3) {
                Ok(bytes) => {
                    assert!(bytes.len() <= 3 && b"123456".contains(bytes.first().unwrap_or(&b'1')))
                }
                Err(errno) => assert_eq!(errno, Errno::EAGAIN),
            }
            assert_eq!(instance.attribute("discipline"), before);
            // The other may be copying just now.
            loop {
                match device.clear() {
                    Ok(()) => return true,
                    Err(errno) => assert_eq!(errno, Errno::EAGAIN),
                }
            }
        });
    }
    let (mut changes, mut tries) = (0, 0);
    eventually("it is changed, between two opens, again and again", || {
        for discipline in DISCIPLINES.into_iter().cycle().take(50) {
            let before = instance.attribute("discipline");
            match instance.set_attribute("discipline", discipline) {
                Ok(()) => changes += usize::from(before != discipline),
                Err(errno) => assert_eq!(errno, Errno::EBUSY),
            }
            tries += 1;
        }
        changes > 2 && tries >= 500
    });
    assert!(crowd.stop().iter().all(|rounds| *rounds > 0));
    assert_eq!(instance.attribute("bytes_used"), "0");
    assert_eq!(instance.set_attribute("discipline", "stream"), Ok(()));
}

/// A `max_capacity` that was set while a RESIZE was under way holds: either that RESIZE or the setting is refused.
#[test]
fn a_capacity_is_never_larger_than_the_limit() {
    const MIB: usize = 1 << 20;
    const ROUNDS: u32 = 40;
    let _module = Module::load(&[]);
    let instance = Instance::add(&format!("large max_capacity={}", 16 * MIB));
    let set = |attribute, mib| instance.set_attribute(attribute, &format!("{}", mib * MIB));
    assert_eq!(set("capacity", 8), Ok(()));
    // What there is to be copied.
    instance.both().put(vec![b'x'; 8 * MIB]);
    let start = Instant::now();
    assert_eq!(set("capacity", 16), Ok(()));
    let whole = start.elapsed();
    assert_eq!(set("capacity", 8), Ok(()));

    for round in 0..ROUNDS {
        let device = instance.writer();
        let resize = Sleeper::start(move || device.resize(16 * MIB as u32));
        thread::sleep(whole * round / ROUNDS);
        let lowered = set("max_capacity", 8);
        let resized = resize.join();
        let expected = match lowered {
            Ok(()) => (8, Err(Errno::EINVAL)),
            Err(_) => (16, Ok(())),
        };
        let capacity: usize = instance.attribute("capacity").parse().expect("a number");
        assert_eq!(
            (capacity / MIB, resized),
            expected,
            "round {round}: {lowered:?}"
        );
        assert_eq!(set("max_capacity", 16), Ok(()));
        assert_eq!(set("capacity", 8), Ok(()));
    }
}
