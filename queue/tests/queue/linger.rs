// SPDX-License-Identifier: GPL-2.0

use mydevice_queue::linger::{Linger, LONGEST, SHORTEST};
use proptest::prelude::*;

proptest! {
    /// The time is 0 or within its limits, whatever the waits were.
    #[test]
    fn the_time_keeps_its_limits(waits in prop::collection::vec(any::<u64>(), 0..60)) {
        let mut linger = Linger::new();
        for wait in waits {
            linger.lasted(wait);
            prop_assert!(linger.nanos() == 0 || (SHORTEST..=LONGEST).contains(&linger.nanos()));
        }
    }

    /// Short waits lead to the longest time and long ones to none, from wherever.
    #[test]
    fn what_goes_on_long_enough_decides(
        before in prop::collection::vec(any::<u64>(), 0..20),
        short in 0..=u64::from(LONGEST),
        long in u64::from(LONGEST) + 1..,
    ) {
        let mut linger = Linger::new();
        before.iter().for_each(|&wait| linger.lasted(wait));
        (0..5).for_each(|_| linger.lasted(short));
        prop_assert_eq!(linger.nanos(), LONGEST);
        (0..4).for_each(|_| linger.lasted(long));
        prop_assert_eq!(linger.nanos(), 0);
    }
}

/// One long wait among short ones costs half the time, and the next short one brings it back.
#[test]
fn one_exception_is_forgiven() {
    let mut linger = Linger::new();
    (0..5).for_each(|_| linger.lasted(0));
    linger.lasted(u64::MAX);
    assert_eq!(linger.nanos(), LONGEST / 2);
    linger.lasted(0);
    assert_eq!(linger.nanos(), LONGEST);
}
