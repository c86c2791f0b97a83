// SPDX-License-Identifier: GPL-2.0

//! The order of memory accesses.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/asm-generic/barrier.h`](srctree/include/asm-generic/barrier.h),
//! [`include/linux/atomic.h`](srctree/include/linux/atomic.h)

use kernel::{
    prelude::*,
    processor::cpu_relax,
    sync::{
        atomic::{Acquire, Atomic, Full, Relaxed, Release},
        Arc,
    },
};

use crate::{
    kapi::compat::samples::{smp_mb, Full as FullBarrier},
    ktap::{check, check_eq, suite, Suite},
    work::run_twice_at_once,
};

pub(crate) const SUITE: Suite = suite!("barriers":
    what_is_released_is_acquired,
    one_of_two_sees_the_other,
    read_modify_write,
);

// ANCHOR: acquire
/// A message, and a flag that it is there.
struct Mailbox {
    message: Atomic<u32>,
    ready: Atomic<bool>,
}

impl Mailbox {
    /// `WRITE_ONCE(box->message, message); smp_store_release(&box->ready, true);`
    fn post(&self, message: u32) {
        self.message.store(message, Relaxed);
        self.ready.store(true, Release);
    }

    /// `if (smp_load_acquire(&box->ready)) return READ_ONCE(box->message);`
    fn look(&self) -> Option<u32> {
        let ready = self.ready.load(Acquire);
        ready.then(|| self.message.load(Relaxed))
    }
}
// ANCHOR_END: acquire

/// Tells the two that run at once from each other: true for the one that comes first.
struct Sides(Atomic<bool>);

impl Sides {
    const fn new() -> Self {
        Self(Atomic::new(false))
    }

    fn is_first(&self) -> bool {
        !self.0.xchg(true, Relaxed)
    }
}

fn what_is_released_is_acquired() -> Result {
    struct Test {
        mailbox: Mailbox,
        sides: Sides,
        wrong: Atomic<bool>,
    }
    for message in 1..=200 {
        let test = Arc::new(
            Test {
                mailbox: Mailbox {
                    message: Atomic::new(0),
                    ready: Atomic::new(false),
                },
                sides: Sides::new(),
                wrong: Atomic::new(false),
            },
            GFP_KERNEL,
        )?;
        let both = test.clone();
        // Who comes first posts: the other need not wait for one that has no processor.
        run_twice_at_once(move || match both.sides.is_first() {
            true => both.mailbox.post(message),
            false => loop {
                if let Some(seen) = both.mailbox.look() {
                    both.wrong.store(seen != message, Relaxed);
                    break;
                }
                cpu_relax();
            },
        })?;
        check!(!test.wrong.load(Relaxed));
    }
    Ok(())
}

// ANCHOR: smp_mb
/// Says that it is here, and whether it sees the other: `WRITE_ONCE(*mine, 1); smp_mb(); return READ_ONCE(*theirs);`
///
/// Release and acquire do not do this: without the barrier both could miss each other, and a wake-up is lost.
fn meet(mine: &Atomic<bool>, theirs: &Atomic<bool>) -> bool {
    mine.store(true, Relaxed);
    smp_mb(FullBarrier);
    theirs.load(Relaxed)
}
// ANCHOR_END: smp_mb

fn one_of_two_sees_the_other() -> Result {
    struct Test {
        here: [Atomic<bool>; 2],
        sides: Sides,
        seen: Atomic<i32>,
    }
    for _ in 0..200 {
        let test = Arc::new(
            Test {
                here: [Atomic::new(false), Atomic::new(false)],
                sides: Sides::new(),
                seen: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        let both = test.clone();
        run_twice_at_once(move || {
            let [a, b] = &both.here;
            let (mine, theirs) = match both.sides.is_first() {
                true => (a, b),
                false => (b, a),
            };
            if meet(mine, theirs) {
                both.seen.add(1, Relaxed);
            }
        })?;
        check!(test.seen.load(Relaxed) >= 1);
    }
    Ok(())
}

fn read_modify_write() -> Result {
    // ANCHOR: rmw
    let counter = Atomic::new(5_i32); // atomic_t counter = ATOMIC_INIT(5);
    let old = counter.fetch_add(2, Full); // atomic_fetch_add(2, &counter)
    let swapped = counter.cmpxchg(7, 1, Acquire); // atomic_cmpxchg_acquire(&counter, 7, 1): Err(what was there) if not
                                                  // atomic_cmpxchg_relaxed(&counter, 7, 2)
    let missed = counter.cmpxchg(7, 2, Relaxed);
    // ANCHOR_END: rmw
    check_eq!((old, swapped, missed), (5, Ok(7), Err(1)));
    Ok(())
}
