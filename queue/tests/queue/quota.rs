// SPDX-License-Identifier: GPL-2.0

//! How much a queue of records may hold.

use mydevice_queue::quota::{grown, max_records, Quota};
use proptest::prelude::*;

#[test]
fn a_record_per_16_bytes_plus_64() {
    assert_eq!(max_records(0), 64);
    assert_eq!(max_records(15), 64);
    assert_eq!(max_records(16), 65);
    assert_eq!(max_records(4096), 256 + 64);
    assert_eq!(max_records(usize::MAX), usize::MAX / 16 + 64);
}

#[test]
fn it_grows_by_doubling_from_one_byte() {
    let steps: Vec<usize> = (0..=9).map(|used| grown(1, used, 100)).collect();
    assert_eq!(steps, [1, 1, 2, 4, 4, 8, 8, 8, 8, 16]);
    assert_eq!(grown(3, 7, 100), 12, "what was reserved is doubled");
    assert_eq!(grown(1, 70, 100), 100, "never more than the limit");
    assert_eq!(grown(1, 101, 100), 100);
    assert_eq!(grown(0, 0, 100), 1);
    assert_eq!(grown(1, usize::MAX, usize::MAX), usize::MAX);
}

proptest! {
    #[test]
    fn grown_is_the_least_doubling_that_holds_it(reserved in 1usize..5000, used in 0usize..100_000, max in 5000usize..200_000) {
        let capacity = grown(reserved, used, max);
        prop_assert!(capacity >= used.min(max));
        prop_assert!(capacity <= max);
        if capacity > reserved && capacity < max {
            prop_assert!(capacity / 2 < used);
            prop_assert_eq!((capacity / reserved).count_ones(), 1);
        }
    }

    #[test]
    fn a_quota_counts_like_a_list(ops in proptest::collection::vec((0u8..3, 0usize..50), 0..200), limit in 0usize..2000) {
        let (mut quota, mut model) = (Quota::default(), Vec::<usize>::new());
        for (op, n) in ops {
            match op {
                0 => {
                    let fits = model.iter().sum::<usize>() + n <= limit && model.len() < limit / 16 + 64;
                    prop_assert_eq!(quota.fits(n, limit), fits);
                    if fits {
                        quota.add(n);
                        model.push(n);
                    }
                }
                1 => if let Some(len) = model.pop() {
                    quota.remove(len, 1);
                },
                _ => if let Some(last) = model.last_mut() {
                    let n = n.min(*last);
                    quota.take(n);
                    *last -= n;
                },
            }
            prop_assert_eq!(quota.used(), model.iter().sum::<usize>());
            prop_assert_eq!(quota.records(), model.len());
            prop_assert!(quota.within(limit));
        }
    }

    #[test]
    fn no_figures_make_it_panic(used in any::<usize>(), a in any::<usize>(), b in any::<usize>()) {
        let mut quota = Quota::default();
        quota.add(used);
        quota.add(a);
        let _ = (quota.fits(b, a), quota.within(b), grown(a, used, b));
        quota.take(b);
        quota.remove(a, b);
    }
}
