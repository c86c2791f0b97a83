// SPDX-License-Identifier: GPL-2.0

//! Memory that another thread takes away and gives back during the calls.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mydevice_tests::{Instance, Module, Sleeper, instance::DISCIPLINES, length, memory::PAGE};
use nix::errno::Errno;

use crate::{
    assert_books_balance,
    memory::{map, protect, unmap},
    random::Random,
};

/// Of the memory: 16 pages.
const LEN: usize = 16 * PAGE;

/// Memory that comes and goes until this is dropped.
struct Moving {
    start: *mut u8,
    stop: Arc<AtomicBool>,
    mover: Option<Sleeper<u64>>,
}

impl Moving {
    fn new() -> Self {
        let start = map(LEN);
        let stop = Arc::new(AtomicBool::new(false));
        let (address, end) = (start as usize, Arc::clone(&stop));
        let mover = Sleeper::start(move || {
            let mut random = Random::new(address as u64);
            let mut rounds = 0;
            while !end.load(Ordering::SeqCst) {
                turn(address as *mut u8, &mut random);
                rounds += 1;
            }
            rounds
        });
        Self {
            start,
            stop,
            mover: Some(mover),
        }
    }
}

/// Does one thing to the memory, which is whole again thereafter.
fn turn(start: *mut u8, random: &mut Random) {
    let first = random.below(16);
    let pages = 1 + random.below(16 - first);
    // SAFETY: within the mapping, in which no Rust object lies.
    unsafe {
        let (at, len) = (start.add(first * PAGE), pages * PAGE);
        match random.below(4) {
            0 => protect(at, len, libc::PROT_NONE),
            1 => protect(at, len, libc::PROT_READ),
            2 => {
                libc::madvise(at.cast(), len, libc::MADV_DONTNEED);
            }
            // Unmapped, and the place kept, so that nobody else's memory comes to lie there.
            _ => {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
                let gone = libc::mmap(at.cast(), len, libc::PROT_NONE, flags, -1, 0);
                assert_ne!(gone, libc::MAP_FAILED);
            }
        }
        for _ in 0..random.below(2000) {
            std::hint::spin_loop();
        }
        protect(at, len, libc::PROT_READ | libc::PROT_WRITE);
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(mover) = self.mover.take()
            && !std::thread::panicking()
        {
            assert!(mover.join() > 0, "nothing moved");
            unmap(self.start, LEN);
        }
    }
}

/// Each call gives a count or EFAULT, and no byte is lost, doubled or counted wrong.
#[test]
fn memory_that_goes_during_a_call_is_a_bad_pointer_and_no_more() {
    let calls = length("MYDEVICE_MOVING_CALLS", 1_000, 50_000);
    let _module = Module::load(&[]);
    let mut faults_in_all = 0;
    for discipline in DISCIPLINES {
        let settings = match discipline {
            "stack" => "victim discipline=stack max_capacity=200000".to_owned(),
            other => format!("victim discipline={other} capacity=200000"),
        };
        let victim = Instance::add(&settings);
        let device = victim.nonblocking();
        let moving = Moving::new();
        let mut random = Random::new(calls);
        let (mut faults, mut cut, mut bytes) = (0u64, 0u64, [0u64; 2]);
        let before = device.stats();
        for call in 0..calls {
            // SAFETY: within the mapping.
            let at = unsafe { moving.start.add(random.below(PAGE)) };
            let len = LEN - PAGE - random.below(PAGE);
            let writes = call % 2 == 0;
            let moved = match writes {
                true => device.write_from_address(at, len),
                false => device.read_at_address(at, len),
            };
            match moved {
                Ok(n) => {
                    assert!(n <= len);
                    bytes[usize::from(writes)] += n as u64;
                    cut += u64::from(n < len);
                }
                Err(Errno::EFAULT) => faults += 1,
                Err(Errno::EAGAIN) => {}
                // A buffer is full, and then empty again.
                Err(Errno::ENOSPC) => device.clear().unwrap(),
                Err(errno) => panic!("{discipline}, call {call}: {errno}"),
            }
            if discipline == "spool" {
                device.next().unwrap();
            }
        }
        drop(moving);
        let stats = device.stats();
        assert_eq!(
            [
                stats.bytes_read - before.bytes_read,
                stats.bytes_written - before.bytes_written
            ],
            bytes,
            "{discipline}: what was counted is not what was returned"
        );
        assert_books_balance(&victim);
        println!("{discipline}: {calls} calls, {faults} EFAULT, {cut} short, {bytes:?} bytes");
        assert!(
            faults + cut > 0,
            "{discipline}: no call met memory that was gone"
        );
        faults_in_all += faults;
        // It works on.
        device.clear().unwrap();
        drop(device);
        victim.writer().put("works on");
        assert_eq!(victim.nonblocking().take(8), "works on", "{discipline}");
        assert_eq!(victim.remove(), Ok(()));
    }
    assert!(faults_in_all > 0, "no call of any met memory that was gone");
}
