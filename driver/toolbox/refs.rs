// SPDX-License-Identifier: GPL-2.0

//! Objects that are counted.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/kref.h`](srctree/include/linux/kref.h),
//! [`include/linux/refcount.h`](srctree/include/linux/refcount.h)

use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        Arc, ArcBorrow,
    },
    task::Task,
};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("refs":
    the_last_reference_frees,
    an_object_of_cs_is_counted_too,
);

/// How many sessions were released.
static RELEASED: Atomic<i32> = Atomic::new(0);

// ANCHOR: kref
/// `struct session { struct kref refs; int number; };` with a `release`, which is `Drop`.
struct Session {
    number: u32,
}

impl Drop for Session {
    fn drop(&mut self) {
        RELEASED.add(1, Relaxed);
    }
}

/// `kref_get`: the caller lends its reference, and a second one is kept.
fn keep(session: ArcBorrow<'_, Session>) -> Arc<Session> {
    session.into()
}
// ANCHOR_END: kref

fn the_last_reference_frees() -> Result {
    let before = RELEASED.load(Relaxed);
    let session = Arc::new(Session { number: 4 }, GFP_KERNEL)?; // kref_init
    let second = keep(session.as_arc_borrow());
    drop(session); // kref_put
    check_eq!(RELEASED.load(Relaxed), before);
    check_eq!(second.number, 4);
    drop(second);
    check_eq!(RELEASED.load(Relaxed).wrapping_sub(before), 1);
    Ok(())
}

// ANCHOR: aref
/// `get_task_struct(current)`; dropping it is `put_task_struct`. [`ARef`] is for what C counts, [`Arc`] for what we do.
fn caller() -> ARef<Task> {
    let task: &Task = current!();
    task.into()
}
// ANCHOR_END: aref

fn an_object_of_cs_is_counted_too() -> Result {
    let task = caller();
    check!(core::ptr::eq(&*task, &**current!()));
    check_eq!(task.pid(), current!().pid());
    Ok(())
}
