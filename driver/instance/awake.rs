// SPDX-License-Identifier: GPL-2.0

//! Waiting awake before a sleep, for as long as that has shown to be worth it: see `queue/src/linger.rs`.
//!
//! Nothing depends on it but time: after it comes the sleep, for which everything is made. Who waits awake looks at
//! nothing but the instance's [`Bell`], so that it takes neither the lock nor a cache line from those who work.

#![forbid(unsafe_code)]

use kernel::{
    sync::atomic::{Atomic, Relaxed},
    time::{Instant, Monotonic},
};

use super::{overhaul::Locked, wake::Sleepers, Instance, State};
use crate::{
    kapi::{
        sched::{is_alone, is_only_task, relax},
        wait::{Ended, Patience},
    },
    queue::linger::Linger,
};

/// What tells those who wait awake to look again.
pub(super) struct Bell(Atomic<u32>);

impl Default for Bell {
    fn default() -> Self {
        Self(Atomic::new(0))
    }
}

impl Bell {
    /// Called after the change, and after the lock is given back. Whoever hears it takes the lock and so sees the change.
    pub(super) fn ring(&self) {
        self.0.add(1, Relaxed);
    }

    /// How often it has rung.
    fn rung(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// How those have waited who wait for the same.
#[derive(Default)]
pub(super) struct Waits {
    linger: Linger,
    /// When the first was woken of those who were since one last ran.
    woken: Option<Instant<Monotonic>>,
}

impl Waits {
    /// One of them is being woken.
    pub(super) fn woken(&mut self) {
        if self.woken.is_none() && !is_alone() {
            self.woken = Some(Instant::now());
        }
    }

    /// One has ended that began `since`.
    fn ended(&mut self, since: Instant<Monotonic>, slept: bool) {
        let lasted = nanos(since);
        let mut came_after = lasted;
        let woken = match slept {
            true => self.woken.take(),
            false => None,
        };
        // Else it was another that was woken.
        if let Some(late) = woken.map(nanos).filter(|late| *late <= lasted) {
            self.linger.woke_within(late);
            came_after = lasted.saturating_sub(late);
        }
        self.linger.came_after(came_after);
    }
}

/// How long ago that was, in nanoseconds.
fn nanos(since: Instant<Monotonic>) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(0)
}

impl Instance {
    /// Waits among others of its kind until `look` gives something, with the lock held whenever it looks: awake for as
    /// long as such waits have shown to be worth it, and then asleep.
    pub(super) fn wait<'a, R>(
        &'a self,
        who: Sleepers,
        mut state: Locked<'a>,
        patience: Patience,
        mut look: impl FnMut(&mut State) -> Option<R>,
    ) -> (Locked<'a>, Result<R, Ended>) {
        let Some(waits) = state.waits(who) else {
            return self.sleep(who, state, patience, look);
        };
        let since = Instant::now();
        let awake = waits.linger.nanos();
        let mut found = None;
        // Who waits while others sleep queues behind them, and nobody keeps the processor from others.
        if awake > 0 && self.queue(who).is_empty() && is_only_task() {
            // Some have given the lock back since they looked.
            found = look(&mut state);
            if found.is_none() {
                (state, found) = self.stay_awake(state, since, awake, &mut look);
            }
        }
        let (mut state, result, slept) = match found {
            Some(found) => (state, Ok(found), false),
            None => {
                let mut slept = false;
                let (state, result) = self.sleep(who, state, patience, |state| {
                    let found = look(state);
                    // Whoever was woken in vain is woken anew later, and that is when it counts.
                    if let (None, true, Some(waits)) = (&found, slept, state.waits(who)) {
                        waits.woken = None;
                    }
                    slept = true;
                    found
                });
                (state, result, true)
            }
        };
        if let Some(waits) = state.waits(who) {
            waits.ended(since, slept);
        }
        (state, result)
    }

    /// Waits awake for so many nanoseconds from `since`, or until another task is to run here.
    fn stay_awake<'a, R>(
        &'a self,
        mut state: Locked<'a>,
        since: Instant<Monotonic>,
        awake: u32,
        look: &mut impl FnMut(&mut State) -> Option<R>,
    ) -> (Locked<'a>, Option<R>) {
        loop {
            // Whoever changes the state from now on rings.
            state.unserved.put_awake();
            let heard = self.bell.rung();
            drop(state);
            let mut on = true;
            while on && self.bell.rung() == heard {
                on = relax() && nanos(since) < awake.into();
            }
            state = self.state.lock();
            let found = look(&mut state);
            if found.is_some() || !on {
                return (state, found);
            }
        }
    }
}

impl State {
    /// How those have waited who wait there, where it may be worth it to stay awake.
    fn waits(&mut self, who: Sleepers) -> Option<&mut Waits> {
        if is_alone() {
            return None;
        }
        match who {
            Sleepers::Readers => Some(&mut self.readers_wait),
            Sleepers::Writers | Sleepers::MidWriter => Some(&mut self.writers_wait),
            _ => None,
        }
    }
}
