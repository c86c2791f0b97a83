// SPDX-License-Identifier: GPL-2.0

//! Spans, against the list of the offsets that they stand for.

use super::memory::offsets;
use mydevice_queue::span::{Span, Spans};
use proptest::prelude::*;

fn small() -> impl Strategy<Value = Span> {
    (0..9usize, 0..6usize).prop_map(|(offset, len)| Span { offset, len })
}

proptest! {
    #[test]
    fn a_region_is_its_runs_one_after_the_other(a in small(), b in small()) {
        let spans = Spans::new(a, b);
        let expected: Vec<usize> = a.range().chain(b.range()).collect();
        prop_assert_eq!(spans.len(), expected.len());
        prop_assert_eq!(spans.is_empty(), expected.is_empty());
        prop_assert!(spans.iter().all(|run| !run.is_empty()));
        match spans.straight() {
            Some(run) => prop_assert_eq!(run.range().collect::<Vec<_>>(), offsets(spans).collect::<Vec<_>>()),
            None => prop_assert_eq!(spans.iter().count(), 2),
        }
        prop_assert_eq!(offsets(spans).collect::<Vec<_>>(), expected);
        prop_assert_eq!((&spans).into_iter().collect::<Vec<_>>(), spans.iter().collect::<Vec<_>>());
    }

    #[test]
    fn take_and_skip_cut_at_the_same_place(a in small(), b in small(), n in 0..14usize) {
        let spans = Spans::new(a, b);
        let all: Vec<usize> = offsets(spans).collect();
        let cut = n.min(all.len());
        prop_assert_eq!(offsets(spans.take(n)).collect::<Vec<_>>(), &all[..cut]);
        prop_assert_eq!(offsets(spans.skip(n)).collect::<Vec<_>>(), &all[cut..]);

        let cut = n.min(a.len);
        prop_assert_eq!(a.take(n), Span { offset: a.offset, len: cut });
        prop_assert_eq!(a.skip(n), Span { offset: a.offset + cut, len: a.len - cut });
    }

    #[test]
    fn any_numbers_make_spans_that_do_not_panic(
        a in any::<(usize, usize)>(), b in any::<(usize, usize)>(), n in any::<usize>(),
    ) {
        let [a, b] = [a, b].map(|(offset, len)| Span { offset, len });
        let spans = Spans::new(a, b);
        let all = a.len as u128 + b.len as u128;
        prop_assert_eq!(spans.len() as u128, all.min(usize::MAX as u128));
        prop_assert_eq!(spans.take(n).len(), n.min(spans.len()));
        // Where the sum does not fit, `len` is cut, but what is left is exact.
        let left = all.saturating_sub(n as u128);
        prop_assert_eq!(spans.skip(n).len() as u128, left.min(usize::MAX as u128));
        prop_assert_eq!(a.range().start, a.offset);
        prop_assert!(a.range().len() <= a.len);
    }
}

#[test]
fn one_run_is_a_region_too() {
    let span = Span { offset: 3, len: 2 };
    assert_eq!(Spans::from(span).iter().collect::<Vec<_>>(), [span]);
    assert_eq!(Spans::from(Span { offset: 3, len: 0 }).iter().count(), 0);
    assert!(Spans::default().is_empty() && Span::default().is_empty());
}
