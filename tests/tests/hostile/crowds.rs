// SPDX-License-Identifier: GPL-2.0

//! Very many of what a user may have many of.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{sleep, yield_now},
    time::Duration,
};

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    guest::{come_before_others, on_one_cpu},
    stalled::{Stalled, WHOLE, at_once},
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Allows this process, in which other tests run after this one, so many descriptors at least.
fn allow_descriptors(most: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of descriptors");
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(most), hard.max(most)).expect("more descriptors");
}

/// Until dropped, the kernel reports no task as hung. Its workers wait for the readers that a test stalls, for as long as that
/// test goes on.
struct PatientKernel {
    before: Option<String>,
}

impl PatientKernel {
    const LIMIT: &str = "/proc/sys/kernel/hung_task_timeout_secs";

    fn new() -> Self {
        let before = fs::read_to_string(Self::LIMIT).ok();
        if before.is_some() {
            fs::write(Self::LIMIT, "0").expect("taking the limit for hung tasks away");
        }
        Self { before }
    }
}

impl Drop for PatientKernel {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            fs::write(Self::LIMIT, before).expect("setting the limit for hung tasks again");
        }
    }
}

/// More readers of `/proc` that are stalled than one of the kernel's work queues has workers (`WQ_DFL_ACTIVE`): anybody
/// can be so many, and removing and adding go on all the same.
#[test]
fn removal_waits_for_no_crowd_of_readers_of_proc() {
    const READERS: usize = 1_100;
    let most = 4 * READERS as u64;
    allow_descriptors(most);
    let _patient = PatientKernel::new();
    let _module = Module::load(&[]);
    let readers: Vec<_> = (0..READERS)
        .map(|number| {
            let victim = Instance::add(&format!("victim{number}"));
            let reader = Stalled::reader_of_proc(&victim);
            let removed = at_once(move || victim.remove());
            assert_eq!(removed, Ok(()), "removal {number}");
            reader
        })
        .collect();
    let fresh = at_once(|| Instance::add("victim0"));
    assert_eq!(at_once(move || fresh.remove()), Ok(()));
    for reader in readers {
        assert_eq!(reader.release(), Ok(WHOLE));
    }
}

/// Files that were read to their end while their writers have them open have no page any more. A CLEAR that drops very
/// many of them lets others have the lock in between: on one processor, a task that comes before it.
#[test]
fn a_clear_of_very_many_drained_files_lets_others_in() {
    const FILES: usize = 20_000;
    /// What a file begins with: filled, it is given back as soon as it has been read.
    const PAGE: usize = 2048;
    let most = FILES as u64 + 1_000;
    allow_descriptors(most);
    let _module = Module::load(&[]);
    let victim = Instance::add("victim discipline=spool");
    let files: Vec<Device> = (0..FILES)
        .map(|_| {
            let device = victim.nonblocking();
            device.put([b'x'; PAGE]);
            assert_eq!(device.read(PAGE).map(|bytes| bytes.len()), Ok(PAGE));
            device
        })
        .collect();
    assert_eq!(files[0].status().bytes_used, 0);

    let clearer = victim.writer();
    let looks = Arc::new(AtomicUsize::new(0));
    let during = on_one_cpu(|| {
        let (count, stop) = (Arc::clone(&looks), Arc::new(AtomicBool::new(false)));
        let (stopped, device) = (Arc::clone(&stop), victim.reader());
        let bystander = Sleeper::start(move || {
            come_before_others();
            while !stopped.load(Ordering::SeqCst) {
                device.status();
                count.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_micros(100));
            }
        });
        while looks.load(Ordering::SeqCst) < 10 {
            yield_now();
        }
        let before = looks.load(Ordering::SeqCst);
        assert_eq!(clearer.clear(), Ok(()));
        let during = looks.load(Ordering::SeqCst) - before;
        stop.store(true, Ordering::SeqCst);
        bystander.join();
        during
    });
    println!("{during} calls of a bystander during the CLEAR of {FILES} files");
    assert!(during >= 10, "{during} calls went through");
    drop((files, clearer));
    assert_eq!(victim.remove(), Ok(()));
}
