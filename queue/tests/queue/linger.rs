// SPDX-License-Identifier: GPL-2.0

use mydevice_queue::linger::{Linger, LONGEST, SHORTEST};
use proptest::prelude::*;

/// One to which so much has happened.
fn after(events: &[(bool, u64)]) -> Linger {
    let mut linger = Linger::new();
    for &(woke, nanos) in events {
        match woke {
            true => linger.woke_within(nanos),
            false => linger.came_after(nanos),
        }
    }
    linger
}

/// Times of the lengths that matter, and of all others.
fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![0..=2 * u64::from(LONGEST), any::<u64>()]
}

proptest! {
    /// The time is 0 or within its limits, whatever happened.
    #[test]
    fn the_time_keeps_its_limits(events in prop::collection::vec((any::<bool>(), nanos()), 0..60)) {
        for end in 0..=events.len() {
            let linger = after(&events[..end]);
            prop_assert!(linger.nanos() == 0 || (SHORTEST..=LONGEST).contains(&linger.nanos()));
            prop_assert!((SHORTEST..=LONGEST).contains(&linger.short()));
        }
    }

    /// Short waits lead to the longest time and long ones to none, from wherever.
    #[test]
    fn what_goes_on_long_enough_decides(
        before in prop::collection::vec((any::<bool>(), nanos()), 0..20),
        short in 0.0..=1.0_f64,
        long in 1..u64::MAX / 2,
    ) {
        let mut linger = after(&before);
        let limit = u64::from(linger.short());
        (0..9).for_each(|_| linger.came_after((limit as f64 * short) as u64));
        prop_assert_eq!(u64::from(linger.nanos()), limit);
        (0..9).for_each(|_| linger.came_after(limit + long));
        prop_assert_eq!(linger.nanos(), 0);
    }

    /// What wake-ups take, again and again, becomes known.
    #[test]
    fn wake_ups_are_learnt(
        before in prop::collection::vec((any::<bool>(), nanos()), 0..20),
        wake_up in SHORTEST..=LONGEST / 2,
    ) {
        let mut linger = after(&before);
        (0..40).for_each(|_| linger.woke_within(wake_up.into()));
        // Whole nanoseconds are lost in each quarter.
        prop_assert!((2 * wake_up).abs_diff(linger.short()) <= 40, "{linger:?}");
    }
}

/// One long wait among short ones costs half the time, and the next short one brings it back.
#[test]
fn one_exception_is_forgiven() {
    let mut linger = after(&[(false, 0); 9]);
    let short = linger.short();
    assert_eq!(linger.nanos(), short);
    linger.came_after(u64::MAX);
    assert_eq!(linger.nanos(), short / 2);
    linger.came_after(0);
    assert_eq!(linger.nanos(), short);
}
