// SPDX-License-Identifier: GPL-2.0

//! A text against a vector of bytes, with readers' claims open while the writer commits.

#![no_main]

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::{span::Span, text::Text};
use mydevice_queue_fuzz::{Amount, Case, memory::copy_out, wide, written::Written};

#[derive(Arbitrary, Debug)]
enum Step {
    ClaimRead(Position, Amount),
    FinishRead,
    ClaimWrite(Amount),
    FinishWrite(Amount),
    Clear,
    Resize(u8),
}

#[derive(Arbitrary, Debug)]
enum Position {
    Near(u8),
    Any(u64),
}

#[derive(Arbitrary, Debug)]
enum Move {
    Append(Amount),
    At(u64, Amount),
    Clear,
    Resize(Amount),
}

impl Position {
    fn get(&self) -> u64 {
        match *self {
            Self::Near(position) => position.into(),
            Self::Any(position) => position,
        }
    }
}

fuzz_target!(|case: Case<Step, Move>| case.run(bytes, positions));

fn bytes(capacity: usize, steps: Vec<Step>) {
    let mut text = Text::new(capacity);
    let mut written = Written::new(capacity);
    let mut model: Vec<u8> = Vec::new();
    let mut reading: VecDeque<(Span, Vec<u8>)> = VecDeque::new();
    for step in steps {
        match step {
            Step::ClaimRead(position, Amount(n)) => {
                let position = position.get();
                let rest = model
                    .iter()
                    .skip(usize::try_from(position).unwrap_or(usize::MAX));
                let expected: Vec<u8> = rest.take(n).copied().collect();
                let claim = text.at(position, n);
                assert_eq!(claim.len, expected.len());
                reading.push_back((claim, expected));
            }
            Step::FinishRead => {
                // The oldest: whatever was written meanwhile, it reads what was there.
                if let Some((claim, expected)) = reading.pop_front() {
                    assert_eq!(copy_out(&written.memory, claim), expected);
                }
            }
            Step::ClaimWrite(Amount(n)) if written.is_idle() => {
                let claim = text.back(n);
                assert_eq!(claim.len, n.min(written.memory.len() - model.len()));
                written.claim(claim);
            }
            Step::FinishWrite(Amount(n)) => {
                if let Some(data) = written.finish(n) {
                    assert_eq!(text.append(data.len()), data.len());
                    model.extend(data);
                }
            }
            Step::Clear if reading.is_empty() && written.is_idle() => {
                assert_eq!(text.clear(), model.len());
                model.clear();
            }
            Step::Resize(capacity) if reading.is_empty() && written.is_idle() => {
                let capacity = usize::from(capacity);
                let (new, keep, truncated) = text.resized(capacity);
                written.resize(keep, capacity);
                text = new;
                assert_eq!(truncated, model.len().saturating_sub(capacity));
                model.truncate(capacity);
            }
            _ => (),
        }
        assert_eq!(
            (text.capacity(), text.len()),
            (written.memory.len(), model.len())
        );
        assert_eq!(text.is_empty(), model.is_empty());
        assert_eq!(text.room(), written.memory.len() - model.len());
        assert_eq!(copy_out(&written.memory, text.at(0, usize::MAX)), model);
    }
}

fn positions(capacity: usize, moves: Vec<Move>) {
    let mut text = Text::new(capacity);
    let (mut capacity, mut len) = (wide(capacity), 0);
    for step in moves {
        match step {
            Move::Append(Amount(n)) => {
                let n = wide(n).min(capacity - len);
                len += n;
                assert_eq!(wide(text.append(n as usize)), n);
            }
            Move::At(position, Amount(max)) => {
                let span = text.at(position, max);
                let begin = u128::from(position).min(len);
                assert_eq!(wide(span.offset), begin);
                assert_eq!(wide(span.len), wide(max).min(len - begin));
            }
            Move::Clear => {
                assert_eq!(wide(text.clear()), len);
                len = 0;
            }
            Move::Resize(Amount(new)) => {
                let (resized, keep, truncated) = text.resized(new);
                let kept = len.min(wide(new));
                assert_eq!((keep.offset, wide(keep.len)), (0, kept));
                assert_eq!(wide(truncated), len - kept);
                (text, capacity, len) = (resized, wide(new), kept);
            }
        }
        assert_eq!((wide(text.capacity()), wide(text.len())), (capacity, len));
        let back = text.back(usize::MAX);
        assert_eq!((wide(back.offset), wide(back.len)), (len, capacity - len));
    }
}
