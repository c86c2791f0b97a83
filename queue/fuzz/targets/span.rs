// SPDX-License-Identifier: GPL-2.0

//! Regions against the list of their offsets; and regions too large for a list against wide integers.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::span::{Span, Spans};
use mydevice_queue_fuzz::{Amount, memory::offsets, wide};

#[derive(Arbitrary, Debug)]
struct Case {
    first: (Amount, Amount),
    second: (Amount, Amount),
    cuts: Vec<Cut>,
}

#[derive(Arbitrary, Debug)]
enum Cut {
    Take(Amount),
    Skip(Amount),
}

fuzz_target!(|case: Case| {
    let span = |(offset, len): (Amount, Amount)| Span {
        offset: offset.0,
        len: len.0,
    };
    let (first, second) = (span(case.first), span(case.second));
    let mut spans = Spans::new(first, second);
    if [first, second]
        .iter()
        .all(|span| span.offset < 256 && span.len < 256)
    {
        let mut model: Vec<usize> = first.range().chain(second.range()).collect();
        check(spans, &model);
        for cut in case.cuts {
            spans = match cut {
                Cut::Take(Amount(n)) => {
                    model.truncate(n);
                    spans.take(n)
                }
                Cut::Skip(Amount(n)) => {
                    model.drain(..n.min(model.len()));
                    spans.skip(n)
                }
            };
            check(spans, &model);
        }
    } else {
        // The sum of the lengths, which is cut at the largest number there is only when it is asked for.
        let mut len: u128 = spans.into_iter().map(|span| wide(span.len)).sum();
        assert_eq!(len, wide(first.len) + wide(second.len));
        for cut in case.cuts {
            spans = match cut {
                Cut::Take(Amount(n)) => {
                    len = len.min(wide(n));
                    spans.take(n)
                }
                Cut::Skip(Amount(n)) => {
                    len = len.saturating_sub(wide(n));
                    spans.skip(n)
                }
            };
            assert_eq!(
                spans.into_iter().map(|span| wide(span.len)).sum::<u128>(),
                len
            );
            assert_eq!(wide(spans.len()), len.min(wide(usize::MAX)));
        }
    }
});

fn check(spans: Spans, model: &[usize]) {
    assert!(offsets(spans).eq(model.iter().copied()));
    assert_eq!(spans.len(), model.len());
    assert_eq!(spans.is_empty(), model.is_empty());
    assert!(spans.iter().all(|span| !span.is_empty()) && spans.iter().count() <= 2);
}
