// SPDX-License-Identifier: GPL-2.0

//! A ring against a queue of bytes, with a claim of either side open while the other commits; and rings too large
//! for any memory against wide integers.

#![no_main]

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::{
    ring::{Resized, Ring},
    span::Spans,
};
use mydevice_queue_fuzz::{
    Amount, Case,
    memory::{copy_out, offsets},
    wide,
    written::Written,
};

#[derive(Arbitrary, Debug)]
enum Step {
    ClaimRead(Amount),
    FinishRead(Amount),
    ClaimWrite(Amount),
    FinishWrite(Amount),
    Clear,
    Resize(u8),
}

#[derive(Arbitrary, Debug)]
enum Move {
    Append(Amount),
    Consume(Amount),
    Clear,
    Resize(Amount),
}

fuzz_target!(|case: Case<Step, Move>| case.run(bytes, positions));

fn bytes(capacity: usize, steps: Vec<Step>) {
    let mut ring = Ring::new(capacity);
    let mut written = Written::new(capacity);
    let mut model = VecDeque::new();
    let mut reading: Option<Spans> = None;
    for step in steps {
        match step {
            Step::ClaimRead(Amount(n)) if reading.is_none() => {
                let claim = ring.front(n);
                assert_eq!(claim.len(), n.min(model.len()));
                reading = Some(claim);
            }
            Step::FinishRead(Amount(n)) => {
                let Some(claim) = reading.take() else {
                    continue;
                };
                let n = n.min(claim.len());
                let expected: Vec<u8> = model.drain(..n).collect();
                assert_eq!(copy_out(&written.memory, claim.take(n)), expected);
                assert_eq!(ring.consume(n), n);
            }
            Step::ClaimWrite(Amount(n)) if written.is_idle() => {
                let claim = ring.back(n);
                assert_eq!(claim.len(), n.min(written.memory.len() - model.len()));
                written.claim(claim);
            }
            Step::FinishWrite(Amount(n)) => {
                if let Some(data) = written.finish(n) {
                    assert_eq!(ring.append(data.len()), data.len());
                    model.extend(data);
                }
            }
            // What the gate lets in only when nobody copies.
            Step::Clear if reading.is_none() && written.is_idle() => {
                assert_eq!(ring.clear(), model.len());
                model.clear();
            }
            Step::Resize(capacity) if reading.is_none() && written.is_idle() => {
                let capacity = usize::from(capacity);
                let Resized {
                    ring: new,
                    keep,
                    truncated,
                } = ring.resized(capacity);
                written.resize(keep, capacity);
                ring = new;
                assert_eq!(truncated, model.len().saturating_sub(capacity));
                model.truncate(capacity);
            }
            _ => (),
        }
        assert_eq!(ring.capacity(), written.memory.len());
        assert_eq!(ring.used(), model.len());
        assert_eq!(ring.room(), written.memory.len() - model.len());
        assert_eq!(
            copy_out(&written.memory, ring.front(usize::MAX)),
            Vec::from(model.clone())
        );
        // Waiting and free bytes are all the memory there is, each byte once.
        let all = offsets(ring.front(usize::MAX)).chain(offsets(ring.back(usize::MAX)));
        let mut all: Vec<usize> = all.collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..written.memory.len()));
    }
}

fn positions(capacity: usize, moves: Vec<Move>) {
    let mut ring = Ring::new(capacity);
    let (mut capacity, mut start, mut used) = (wide(capacity), 0, 0);
    for step in moves {
        match step {
            Move::Append(Amount(n)) => {
                let n = wide(n).min(capacity - used);
                used += n;
                assert_eq!(wide(ring.append(n as usize)), n);
            }
            Move::Consume(Amount(n)) => {
                let gone = wide(n).min(used);
                (start, used) = ((start + gone) % capacity.max(1), used - gone);
                assert_eq!(wide(ring.consume(n)), gone);
            }
            Move::Clear => {
                (start, used) = ((start + used) % capacity.max(1), 0);
                ring.clear();
            }
            Move::Resize(Amount(new)) => {
                let resized = ring.resized(new);
                let kept = used.min(wide(new));
                assert_eq!(region(resized.keep), expected(start, kept, capacity));
                assert_eq!(wide(resized.truncated), used - kept);
                (ring, capacity, start, used) = (resized.ring, wide(new), 0, kept);
            }
        }
        assert_eq!((wide(ring.capacity()), wide(ring.used())), (capacity, used));
        assert_eq!(
            region(ring.front(usize::MAX)),
            expected(start, used, capacity)
        );
        let free = (start + used) % capacity.max(1);
        assert_eq!(
            region(ring.back(usize::MAX)),
            expected(free, capacity - used, capacity)
        );
    }
}

/// The runs of a region, as offset and length.
fn region(spans: Spans) -> Vec<(u128, u128)> {
    spans
        .into_iter()
        .map(|span| (wide(span.offset), wide(span.len)))
        .collect()
}

/// What they should be: from `start` on, around the end at most once.
fn expected(start: u128, len: u128, capacity: u128) -> Vec<(u128, u128)> {
    let straight = len.min(capacity - start.min(capacity));
    let runs = [(start, straight), (0, len - straight)];
    runs.into_iter().filter(|(_, len)| *len > 0).collect()
}
