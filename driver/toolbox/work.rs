// SPDX-License-Identifier: GPL-2.0

//! Work queues.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use kernel::{
    prelude::*,
    sync::{
        atomic::{Acquire, Atomic, Release},
        Arc, Completion,
    },
    time::msecs_to_jiffies,
    workqueue::{
        self, impl_has_delayed_work, impl_has_work, new_delayed_work, new_work, DelayedWork, Work,
        WorkItem,
    },
};

use crate::{
    kapi::{delayed::flush_delayed, workqueue::OwnedQueue},
    ktap::{check, check_eq, suite, Suite},
};

pub(crate) const SUITE: Suite = suite!("work":
    work_is_done_elsewhere,
    work_is_queued_once,
    work_waits_its_time,
);

// ANCHOR: work
/// `struct sum { struct work_struct work; struct completion done; ... };`
#[pin_data]
struct Sum {
    numbers: [u32; 3],
    total: Atomic<u32>,
    #[pin]
    done: Completion,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Sum { self.work } // container_of(work, struct sum, work)
}

impl WorkItem for Sum {
    type Pointer = Arc<Self>;

    /// The function. The queue held a reference, which this is.
    fn run(this: Arc<Self>) {
        this.total.store(this.numbers.iter().sum(), Release);
        this.done.complete_all();
    }
}

impl Sum {
    fn new(numbers: [u32; 3]) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                numbers,
                total: Atomic::new(0),
                done <- Completion::new(), // init_completion
                work <- new_work!("Sum::work"), // INIT_WORK
            }),
            GFP_KERNEL,
        )
    }
}
// ANCHOR_END: work

fn work_is_done_elsewhere() -> Result {
    // ANCHOR: queue
    let queue = OwnedQueue::new(c"toolbox")?; // alloc_workqueue
    let sum = Sum::new([1, 2, 3])?;
    let queued = queue.enqueue(sum.clone()).is_ok(); // queue_work: false if it waits there already
    sum.done.wait_for_completion();
    drop(queue); // destroy_workqueue: waits until no work runs
                 // ANCHOR_END: queue
    check!(queued);
    check_eq!(sum.total.load(Acquire), 6);
    Ok(())
}

/// Keeps a queue with one worker busy until it is told.
#[pin_data]
struct Blocker {
    #[pin]
    go: Completion,
    runs: Atomic<i32>,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Blocker { self.work }
}

impl WorkItem for Blocker {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.go.wait_for_completion();
        this.runs.fetch_add(1, Release);
    }
}

fn work_is_queued_once() -> Result {
    let blocker = Arc::pin_init(
        pin_init!(Blocker {
            go <- Completion::new(),
            runs: Atomic::new(0),
            work <- new_work!("Blocker::work"),
        }),
        GFP_KERNEL,
    )?;
    let queue = OwnedQueue::new(c"toolbox")?;
    check!(queue.enqueue(blocker.clone()).is_ok());
    // It may have begun, which frees its place for one more; a third has none.
    let accepted = (0..2)
        .filter(|_| queue.enqueue(blocker.clone()).is_ok())
        .count();
    blocker.go.complete_all();
    drop(queue);
    let runs = usize::try_from(blocker.runs.load(Acquire))?;
    check!(accepted <= 1);
    check_eq!(runs, accepted.wrapping_add(1));
    Ok(())
}

// ANCHOR: delayed
/// `struct reminder { struct delayed_work work; ... };`
#[pin_data]
struct Reminder {
    rang: Atomic<i32>,
    #[pin]
    work: DelayedWork<Self>,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Reminder { self.work }
}

impl WorkItem for Reminder {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.rang.fetch_add(1, Release);
    }
}

/// `queue_delayed_work(system_long_wq, &reminder->work, msecs_to_jiffies(ms))`; false if it waits there already.
fn remind(reminder: &Arc<Reminder>, ms: u32) -> bool {
    workqueue::system_long()
        .enqueue_delayed(reminder.clone(), msecs_to_jiffies(ms))
        .is_ok()
}
// ANCHOR_END: delayed

fn work_waits_its_time() -> Result {
    let reminder = Arc::pin_init(
        pin_init!(Reminder {
            rang: Atomic::new(0),
            work <- new_delayed_work!("Reminder::work"),
        }),
        GFP_KERNEL,
    )?;
    const HOUR: u32 = 60 * 60 * 1000;
    let (first, second) = (remind(&reminder, HOUR), remind(&reminder, HOUR));
    let early = reminder.rang.load(Acquire);
    // ANCHOR: flush
    // flush_delayed_work: now, and wait. Before the module goes, and before a failing load ends.
    flush_delayed(&reminder);
    // ANCHOR_END: flush
    check_eq!((first, second), (true, false));
    check_eq!((early, reminder.rang.load(Acquire)), (0, 1));
    Ok(())
}

/// What [`run_twice_at_once`] runs on another processor.
#[pin_data]
struct Twin<F: Fn() + Send + Sync + 'static> {
    f: F,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl{F: Fn() + Send + Sync + 'static} HasWork<Self> for Twin<F> { self.work }
}

impl<F: Fn() + Send + Sync + 'static> WorkItem for Twin<F> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        (this.f)();
    }
}

/// Calls a function here and in a work item, at once if there are two processors, and waits for both.
pub(crate) fn run_twice_at_once(f: impl Fn() + Send + Sync + 'static) -> Result {
    let queue = OwnedQueue::new(c"toolbox")?;
    let twin = Arc::pin_init(
        pin_init!(Twin { f, work <- new_work!("Twin::work") }),
        GFP_KERNEL,
    )?;
    let queued = queue.enqueue(twin.clone());
    (twin.f)();
    queued.map_err(|_| EBUSY)
}
