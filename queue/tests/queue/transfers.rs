// SPDX-License-Identifier: GPL-2.0

//! Transfers as the driver makes them: claim, copy later, commit in part, the sides interleaved in
//! any order, with CLEAR and RESIZE wherever the gate lets them in; against a plain queue of bytes
//! and a plain vector.

use super::memory::{copy_in, copy_out, moved, offsets, Source, UNWRITTEN};
use mydevice_queue::gate::Gate;
use mydevice_queue::ring::Ring;
use mydevice_queue::span::{Span, Spans};
use mydevice_queue::text::Text;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;

const MOST: usize = 24;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A reader claims this much, at this position where there are positions.
    ClaimRead(usize, u64),
    /// The oldest open reader copies out all it claimed, and commits this much.
    FinishRead(usize),
    ClaimWrite(usize),
    /// The writer copies in all it claimed, and commits this much.
    FinishWrite(usize),
    Clear,
    Resize(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let n = || prop_oneof![4 => 0..MOST + 4, 1 => Just(usize::MAX)];
    let op = prop_oneof![
        6 => (n(), 0..MOST as u64 + 4).prop_map(|(n, pos)| Op::ClaimRead(n, pos)),
        6 => n().prop_map(Op::FinishRead),
        6 => n().prop_map(Op::ClaimWrite),
        6 => n().prop_map(Op::FinishWrite),
        1 => Just(Op::Clear),
        2 => (0..MOST).prop_map(Op::Resize),
    ];
    vec(op, 0..80)
}

/// What a writer is about to copy, and where.
struct Writing {
    claim: Spans,
    data: Vec<u8>,
}

impl Writing {
    /// From the claim on the writer may write there at any time: rubbish at once, its data last.
    fn begin(memory: &mut [u8], claim: Spans, source: &mut Source) -> Writing {
        copy_in(memory, claim, &vec![UNWRITTEN; claim.len()]);
        let data = source.take(claim.len());
        Writing { claim, data }
    }
}

fn apart(writing: &Option<Writing>, reading: Spans) -> bool {
    let written: Vec<usize> = writing
        .iter()
        .flat_map(|writer| offsets(writer.claim))
        .collect();
    offsets(reading).all(|offset| !written.contains(&offset))
}

/// A stream: one writer and one reader at a time.
struct Stream {
    ring: Ring,
    gate: Gate,
    memory: Vec<u8>,
    model: VecDeque<u8>,
    source: Source,
    reading: Option<Spans>,
    writing: Option<Writing>,
}

impl Stream {
    fn new(capacity: usize) -> Stream {
        Stream {
            ring: Ring::new(capacity),
            gate: Gate::new(),
            memory: vec![UNWRITTEN; capacity],
            model: VecDeque::new(),
            source: Source::default(),
            reading: None,
            writing: None,
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::ClaimRead(max, _) if self.gate.begin_read_alone() => {
                let claim = self.ring.front(max);
                assert_eq!(claim.len(), max.min(self.model.len()));
                self.reading = Some(claim);
            }
            Op::FinishRead(n) => {
                let Some(claim) = self.reading.take() else {
                    return;
                };
                let n = n.min(claim.len());
                let expected: Vec<u8> = self.model.iter().copied().take(claim.len()).collect();
                assert_eq!(copy_out(&self.memory, claim), expected);
                assert_eq!(self.ring.consume(n), n);
                self.model.drain(..n);
                self.gate.end_read_alone();
            }
            Op::ClaimWrite(max) if self.gate.take_write_turn() => {
                assert!(self.gate.begin_write_copy());
                let claim = self.ring.back(max);
                assert_eq!(claim.len(), max.min(self.memory.len() - self.model.len()));
                self.writing = Some(Writing::begin(&mut self.memory, claim, &mut self.source));
            }
            Op::FinishWrite(n) => {
                let Some(Writing { claim, data }) = self.writing.take() else {
                    return;
                };
                let n = n.min(claim.len());
                copy_in(&mut self.memory, claim, &data);
                assert_eq!(self.ring.append(n), n);
                self.model.extend(&data[..n]);
                self.gate.end_write_copy();
                self.gate.release_write_turn();
            }
            Op::Clear if self.gate.begin_overhaul() => {
                assert_eq!(self.ring.clear(), self.model.len());
                self.memory.fill(UNWRITTEN);
                self.model.clear();
                self.gate.end_overhaul();
            }
            Op::Resize(to) if self.gate.begin_overhaul() => {
                let resized = self.ring.resized(to);
                assert_eq!(resized.truncated, self.model.len().saturating_sub(to));
                self.memory = moved(&self.memory, resized.keep, to);
                self.ring = resized.ring;
                self.model.truncate(to);
                self.gate.end_overhaul();
            }
            // The gate said no.
            _ => assert!(self.reading.is_some() || self.writing.is_some()),
        }
    }

    fn check(&self) {
        assert_eq!(self.ring.capacity(), self.memory.len());
        assert_eq!(self.ring.room(), self.memory.len() - self.model.len());
        let waiting = copy_out(&self.memory, self.ring.front(usize::MAX));
        assert_eq!(waiting, Vec::from(self.model.clone()));
        assert!(apart(&self.writing, self.ring.front(usize::MAX)));
    }
}

/// A buffer: one writer and any number of readers at a time.
struct Buffer {
    text: Text,
    gate: Gate,
    memory: Vec<u8>,
    model: Vec<u8>,
    source: Source,
    reading: VecDeque<(Span, Vec<u8>)>,
    writing: Option<Writing>,
}

impl Buffer {
    fn new(capacity: usize) -> Buffer {
        Buffer {
            text: Text::new(capacity),
            gate: Gate::new(),
            memory: vec![UNWRITTEN; capacity],
            model: Vec::new(),
            source: Source::default(),
            reading: VecDeque::new(),
            writing: None,
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::ClaimRead(max, pos) => {
                assert!(self.gate.begin_read_shared());
                let later = self.model.iter().skip(pos as usize);
                let expected = later.copied().take(max).collect();
                self.reading.push_back((self.text.at(pos, max), expected));
            }
            Op::FinishRead(_) => {
                let Some((claim, expected)) = self.reading.pop_front() else {
                    return;
                };
                assert_eq!(copy_out(&self.memory, claim), expected);
                self.gate.end_read_shared();
            }
            Op::ClaimWrite(max) if self.gate.take_write_turn() => {
                assert!(self.gate.begin_write_copy());
                let claim = self.text.back(max);
                assert_eq!(claim.len, max.min(self.memory.len() - self.model.len()));
                let writing = Writing::begin(&mut self.memory, claim.into(), &mut self.source);
                self.writing = Some(writing);
            }
            Op::FinishWrite(n) => {
                let Some(Writing { claim, data }) = self.writing.take() else {
                    return;
                };
                let n = n.min(claim.len());
                copy_in(&mut self.memory, claim, &data);
                assert_eq!(self.text.append(n), n);
                self.model.extend(&data[..n]);
                self.gate.end_write_copy();
                self.gate.release_write_turn();
            }
            Op::Clear if self.gate.begin_overhaul() => {
                assert_eq!(self.text.clear(), self.model.len());
                self.memory.fill(UNWRITTEN);
                self.model.clear();
                self.gate.end_overhaul();
            }
            Op::Resize(to) if self.gate.begin_overhaul() => {
                let (text, keep, truncated) = self.text.resized(to);
                assert_eq!(truncated, self.model.len().saturating_sub(to));
                self.memory = moved(&self.memory, keep, to);
                self.text = text;
                self.model.truncate(to);
                self.gate.end_overhaul();
            }
            // The gate said no.
            _ => assert!(!self.reading.is_empty() || self.writing.is_some()),
        }
    }

    fn check(&self) {
        assert_eq!(self.text.capacity(), self.memory.len());
        assert_eq!(self.text.room(), self.memory.len() - self.model.len());
        assert_eq!(
            copy_out(&self.memory, self.text.at(0, usize::MAX)),
            self.model
        );
        assert!(apart(&self.writing, self.text.at(0, usize::MAX).into()));
    }
}

proptest! {
    #[test]
    fn a_stream_gives_every_byte_once_and_in_order(capacity in 0..MOST, ops in ops()) {
        let mut stream = Stream::new(capacity);
        for op in ops {
            stream.apply(op);
            stream.check();
        }
    }

    #[test]
    fn a_buffer_shows_every_reader_the_text_as_it_was(capacity in 0..MOST, ops in ops()) {
        let mut buffer = Buffer::new(capacity);
        for op in ops {
            buffer.apply(op);
            buffer.check();
        }
    }
}
