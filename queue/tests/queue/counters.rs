// SPDX-License-Identifier: GPL-2.0

//! The counters, against sums in integers that cannot overflow here.

use mydevice_queue::counters::{saturate, Counters};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes of a part of a call, the largest included.
fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..5usize, 1 => any::<usize>(), 1 => Just(usize::MAX)]
}

/// A call moves its bytes in parts, some of which may move nothing.
fn calls() -> impl Strategy<Value = Vec<Vec<usize>>> {
    vec(vec(bytes(), 0..5), 0..8)
}

fn sum(numbers: impl IntoIterator<Item = usize>) -> u64 {
    let sum: u128 = numbers.into_iter().map(|n| n as u128).sum();
    u64::try_from(sum).unwrap_or(u64::MAX)
}

/// Counts every part of every call; `first` stays true until a byte has moved.
fn play(calls: &[Vec<usize>], mut count: impl FnMut(usize, bool)) {
    for parts in calls {
        let mut first = true;
        for &n in parts {
            count(n, first);
            first &= n == 0;
        }
    }
}

fn moved_any(calls: &[Vec<usize>]) -> u64 {
    calls
        .iter()
        .filter(|parts| parts.iter().any(|&n| n > 0))
        .count() as u64
}

proptest! {
    #[test]
    fn a_read_counts_once_when_its_first_byte_moves(calls in calls()) {
        let mut counters = Counters::default();
        play(&calls, |n, first| counters.read(n, first));
        prop_assert_eq!(counters, Counters {
            reads: moved_any(&calls),
            bytes_read: sum(calls.concat()),
            ..Counters::default()
        });
    }

    #[test]
    fn a_write_counts_once_and_raises_the_high_water(calls in calls(), levels in vec(bytes(), 20)) {
        let mut counters = Counters::default();
        let mut left = levels.iter().copied();
        let mut highest = 0;
        play(&calls, |n, first| {
            let used = left.next().unwrap_or(0);
            highest = highest.max(used);
            counters.write(n, first, used);
        });
        prop_assert_eq!(counters, Counters {
            writes: moved_any(&calls),
            bytes_written: sum(calls.concat()),
            high_water: highest as u64,
            ..Counters::default()
        });
    }

    #[test]
    fn dropped_bytes_add_up_each_in_their_own_place(
        truncated in vec(bytes(), 0..5),
        cleared in vec(bytes(), 0..5),
        evicted in vec(bytes(), 0..5),
    ) {
        let mut counters = Counters::default();
        truncated.iter().for_each(|&n| counters.truncated(n));
        cleared.iter().for_each(|&n| counters.cleared(n));
        evicted.iter().for_each(|&n| counters.evicted(n));
        prop_assert_eq!(counters, Counters {
            bytes_truncated: sum(truncated),
            bytes_cleared: sum(cleared),
            bytes_evicted: sum(evicted),
            ..Counters::default()
        });
    }

    #[test]
    fn the_32_bit_value_is_the_true_one_or_the_largest(
        value in any::<u64>(), small in any::<u32>(),
    ) {
        prop_assert_eq!(u64::from(saturate(value)), value.min(0xffff_ffff));
        prop_assert_eq!(saturate(small.into()), small);
    }
}

#[test]
fn opens_go_up_and_down_and_never_below_none() {
    let mut counters = Counters::default();
    let mut seen = Vec::new();
    for open in [true, true, false, true, false, false, false, true] {
        if open {
            counters.opened();
        } else {
            counters.closed();
        }
        seen.push(counters.opens);
    }
    assert_eq!(seen, [1, 2, 1, 2, 1, 0, 0, 1]);
}

#[test]
fn waits_are_counted_for_each_side() {
    let mut counters = Counters::default();
    counters.reader_waited();
    counters.writer_waited();
    counters.writer_waited();
    let expected = Counters {
        reader_waits: 1,
        writer_waits: 2,
        ..Counters::default()
    };
    assert_eq!(counters, expected);
}

#[test]
fn the_32_bit_value_at_its_edges() {
    let edges = [
        u64::from(u32::MAX) - 1,
        u64::from(u32::MAX),
        u64::from(u32::MAX) + 1,
        u64::MAX,
    ];
    assert_eq!(
        edges.map(saturate),
        [u32::MAX - 1, u32::MAX, u32::MAX, u32::MAX]
    );
}
