// SPDX-License-Identifier: GPL-2.0

//! Mutual exclusion.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/mutex.h`](srctree/include/linux/mutex.h),
//! [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{Arc, LockedBy, Mutex, SetOnce, SpinLock},
};

use crate::{
    ktap::{check, check_eq, suite, Suite},
    work::run_twice_at_once,
};

pub(crate) const SUITE: Suite = suite!("locks":
    a_mutex_guards_its_data,
    a_spinlock_guards_its_data,
    one_lock_for_many_objects,
    set_once_then_read_without_a_lock,
);

// ANCHOR: mutex
/// `struct account { struct mutex lock; u64 cents; };`. The number can be reached through the lock alone.
#[pin_data]
pub(crate) struct Account {
    #[pin]
    cents: Mutex<u64>,
}

impl Account {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            cents <- new_mutex!(0, "Account::cents"), // mutex_init
        })
    }

    fn pay_in(&self, cents: u64) {
        let mut total = self.cents.lock(); // mutex_lock
        *total = total.wrapping_add(cents);
    } // mutex_unlock, on every way out
}
// ANCHOR_END: mutex

const TIMES: u64 = 10_000;

fn a_mutex_guards_its_data() -> Result {
    let account = Arc::pin_init(Account::new(), GFP_KERNEL)?;
    let other = account.clone();
    run_twice_at_once(move || (0..TIMES).for_each(|_| other.pay_in(1)))?;
    check_eq!(*account.cents.lock(), 2 * TIMES);
    // mutex_trylock: None while somebody has it.
    let held = account.cents.lock();
    check!(account.cents.try_lock().is_none());
    drop(held);
    check!(account.cents.try_lock().is_some());
    Ok(())
}

// ANCHOR: spinlock
/// `spin_lock(&counter->lock); counter->value++; spin_unlock(&counter->lock);`. Nothing may sleep in between.
fn count(counter: &SpinLock<u64>) -> u64 {
    let mut value = counter.lock();
    *value = value.wrapping_add(1);
    *value
}
// ANCHOR_END: spinlock

fn a_spinlock_guards_its_data() -> Result {
    let counter = Arc::pin_init(new_spinlock!(0, "toolbox counter"), GFP_KERNEL)?;
    let other = counter.clone();
    run_twice_at_once(move || {
        for _ in 0..TIMES {
            count(&other);
        }
    })?;
    check_eq!(count(&counter), 2 * TIMES + 1);
    Ok(())
}

// ANCHOR: locked_by
/// A field that another object's lock guards: "protected by bus->lock", as a type.
struct Port {
    speed: LockedBy<u32, Bus>,
}

/// What the lock itself guards.
struct Bus {
    name: &'static str,
}

fn set_speed(bus: &Mutex<Bus>, port: &Port, speed: u32) {
    let mut bus = bus.lock();
    *port.speed.access_mut(&mut bus) = speed; // does not compile without the guard
}
// ANCHOR_END: locked_by

fn one_lock_for_many_objects() -> Result {
    let bus = KBox::pin_init(new_mutex!(Bus { name: "bus0" }), GFP_KERNEL)?;
    let port = Port {
        speed: LockedBy::new(&bus, 10),
    };
    set_speed(&bus, &port, 100);
    let bus = bus.lock();
    check_eq!((bus.name, *port.speed.access(&bus)), ("bus0", 100));
    Ok(())
}

// ANCHOR: set_once
/// Written once, then read by anybody without a lock: where C would take an rwlock for what hardly ever changes.
fn first_wins(setting: &SetOnce<u32>, value: u32) -> Option<u32> {
    setting.populate(value);
    setting.copy()
}
// ANCHOR_END: set_once

fn set_once_then_read_without_a_lock() -> Result {
    let setting = SetOnce::new();
    check_eq!(setting.copy(), None);
    check_eq!(first_wins(&setting, 1), Some(1));
    check_eq!(first_wins(&setting, 2), Some(1));
    Ok(())
}
