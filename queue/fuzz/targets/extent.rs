// SPDX-License-Identifier: GPL-2.0

//! Blocks against the records and bytes that they stand for, in a memory of their own, with copies under way while
//! others go on; and blocks too large for any memory against wide integers.

#![no_main]

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::{
    extent::{Extent, HEADER, MAX_PACKED},
    span::Span,
};
use mydevice_queue_fuzz::{
    Amount,
    memory::{Source, UNWRITTEN, copy_in, copy_out},
    wide,
};

#[derive(Arbitrary, Debug)]
enum Case {
    Packed(Size, Vec<Step>),
    Plain(Size, Vec<Step>),
    Figures(Amount, Vec<Move>),
}

/// Two of the longest packed records and more fit; so does nothing.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Size(u16);

impl Size {
    fn get(self) -> usize {
        usize::from(self.0) % 8192
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Push(Size),
    Begin(u64),
    /// The oldest record is dropped, if it is one of a packed block.
    Drop,
    /// Bytes are taken, if there is a run of them.
    Take(Amount),
    /// Bytes are added, likewise.
    Fill(Size),
    /// Somebody begins to copy the record at this place, and ends.
    BeginCopy(u8),
    EndCopy,
    /// Somebody asks for a record where there need not be one.
    Look(Amount),
}

#[derive(Arbitrary, Debug)]
enum Move {
    Push(Amount),
    Take(Amount),
    Fill(Amount),
}

fuzz_target!(|case: Case| match case {
    Case::Packed(size, steps) => packed(size.get(), steps),
    Case::Plain(size, steps) => plain(size.get(), steps),
    Case::Figures(size, moves) => figures(size.0, moves),
});

/// A block with its memory.
struct Block {
    memory: Vec<u8>,
    extent: Extent,
    source: Source,
    copies: VecDeque<(Span, Vec<u8>)>,
}

impl Block {
    fn new(size: usize, extent: Extent) -> Self {
        Self {
            memory: vec![UNWRITTEN; size],
            extent,
            source: Source::default(),
            copies: VecDeque::new(),
        }
    }

    /// What a writer does: it puts bytes where the next ones belong.
    fn place(&mut self, len: usize) -> Vec<u8> {
        let bytes = self.source.take(len);
        let place = self.extent.place();
        if self.extent.is_packed() {
            let header = u16::try_from(len).expect("a short record").to_le_bytes();
            self.memory[place - HEADER..place].copy_from_slice(&header);
        }
        copy_in(&mut self.memory, Span { offset: place, len }, &bytes);
        bytes
    }

    /// The record at an offset.
    fn record(&self, at: usize) -> Option<Span> {
        self.extent.record(at, |at| header(&self.memory, at))
    }

    /// Drops the oldest record.
    fn drop_first(&mut self) -> Option<Span> {
        self.extent.drop_first(|at| header(&self.memory, at))
    }

    /// The records from the oldest on.
    fn records(&self) -> Vec<Span> {
        let next = |span: &Span| self.record(span.range().end);
        std::iter::successors(self.record(self.extent.first()), next).collect()
    }

    /// What both kinds of blocks do alike.
    fn others(&mut self, step: &Step) {
        match *step {
            Step::BeginCopy(place) => {
                if let Some(&span) = self.records().get(usize::from(place)) {
                    let expected = copy_out(&self.memory, span);
                    self.copies.push_back((span, expected));
                }
            }
            // Whatever came and went meanwhile: what was there lies where it lay.
            Step::EndCopy => {
                if let Some((span, expected)) = self.copies.pop_front() {
                    assert_eq!(copy_out(&self.memory, span), expected);
                }
            }
            // Where there can be none, there is no header to be read either.
            Step::Look(Amount(at)) => {
                let held = self.extent.first()..self.memory.len() - self.extent.spare();
                if !held.contains(&at) {
                    let none = self.extent.record(at, |_| panic!("a header outside"));
                    assert_eq!(none, None);
                }
            }
            _ => (),
        }
    }
}

/// What the header at an offset says.
fn header(memory: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([memory[at], memory[at + 1]])
}

fn packed(size: usize, steps: Vec<Step>) {
    let mut block = Block::new(size, Extent::packed(size));
    let mut model: VecDeque<Vec<u8>> = VecDeque::new();
    // What was ever written of the memory, and where the oldest record starts among all bytes.
    let (mut written, mut start) = (0, 0);
    for step in steps {
        let bytes: usize = model.iter().map(Vec::len).sum();
        match step {
            Step::Push(len) => {
                let len = len.get();
                let fits = len <= MAX_PACKED && written + HEADER + len <= size;
                assert_eq!(block.extent.fits(len), fits);
                if fits {
                    model.push_back(block.place(len));
                    written += HEADER + len;
                }
                block.extent.push(len, saturated(start + wide(bytes)));
            }
            Step::Begin(place) => {
                start = place.into();
                block.extent.begin(place);
            }
            Step::Drop => {
                let dropped = block.drop_first().map(|span| span.len);
                let oldest = model.pop_front().map(|oldest| oldest.len());
                assert_eq!(dropped, oldest);
                start += wide(oldest.unwrap_or(0));
            }
            // Records are whole.
            Step::Take(Amount(n)) => assert_eq!(block.extent.take(n), 0),
            Step::Fill(n) => assert_eq!(block.extent.fill(n.get()), 0),
            other => block.others(&other),
        }
        let records = block.records();
        assert!(
            records
                .iter()
                .map(|span| copy_out(&block.memory, *span))
                .eq(model.iter().cloned())
        );
        let extent = &block.extent;
        assert!(extent.is_packed());
        let bytes: usize = model.iter().map(Vec::len).sum();
        assert_eq!((extent.size(), extent.spare()), (size, size - written));
        assert_eq!((extent.records(), extent.bytes()), (model.len(), bytes));
        assert_eq!(extent.start(), saturated(start));
    }
}

fn plain(size: usize, steps: Vec<Step>) {
    let mut block = Block::new(size, Extent::plain(size));
    let mut model: Option<VecDeque<u8>> = None;
    let (mut written, mut start) = (0, 0);
    for step in steps {
        match (step, &mut model) {
            (Step::Push(len), _) => {
                let len = len.get();
                let fits = model.is_none() && len <= size;
                assert_eq!(block.extent.fits(len), fits);
                if fits {
                    model = Some(block.place(len).into());
                    (written, start) = (len, 7);
                }
                block.extent.push(len, 7);
            }
            (Step::Begin(place), _) => {
                start = place;
                block.extent.begin(place);
            }
            (Step::Take(Amount(n)), Some(model)) => {
                let taken = model.drain(..n.min(model.len())).count();
                assert_eq!(block.extent.take(n), taken);
            }
            (Step::Fill(n), Some(model)) => {
                let fits = n.get().min(size - written);
                model.extend(block.place(fits));
                written += fits;
                assert_eq!(block.extent.fill(n.get()), fits);
            }
            // A run is no record to be dropped, and has to be begun.
            (Step::Drop, _) => assert_eq!(block.drop_first(), None),
            (Step::Take(Amount(n)), None) => assert_eq!(block.extent.take(n), 0),
            (Step::Fill(n), None) => assert_eq!(block.extent.fill(n.get()), 0),
            (other, _) => block.others(&other),
        }
        let bytes: Vec<u8> = model.iter().flatten().copied().collect();
        // A run without bytes is no record that could be read.
        let run = block.record(block.extent.first());
        assert_eq!(run.is_some(), !bytes.is_empty());
        assert_eq!(copy_out(&block.memory, run.unwrap_or_default()), bytes);
        let extent = &block.extent;
        assert!(!extent.is_packed());
        assert_eq!((extent.size(), extent.spare()), (size, size - written));
        assert_eq!(extent.records(), usize::from(model.is_some()));
        assert_eq!((extent.bytes(), extent.start()), (bytes.len(), start));
    }
}

/// A block of any size that has one run of bytes, as long as a number can be.
fn figures(size: usize, moves: Vec<Move>) {
    let mut extent = Extent::plain(size);
    let (mut first, mut end) = (0, None);
    for step in moves {
        match (step, &mut end) {
            (Move::Push(Amount(len)), end) => {
                if end.is_none() && len <= size {
                    *end = Some(wide(len));
                }
                extent.push(len, u64::MAX);
            }
            (Move::Take(Amount(n)), Some(end)) => {
                let n = extent.take(n);
                first += wide(n);
                assert!(first <= *end);
            }
            (Move::Fill(Amount(n)), Some(end)) => {
                let fits = wide(n).min(wide(size) - *end);
                assert_eq!(wide(extent.fill(n)), fits);
                *end += fits;
            }
            (Move::Take(Amount(n)), None) => assert_eq!(extent.take(n), 0),
            (Move::Fill(Amount(n)), None) => assert_eq!(extent.fill(n), 0),
        }
        let end = end.unwrap_or(0);
        assert_eq!(wide(extent.spare()), wide(size) - end);
        assert_eq!(wide(extent.bytes()), end - first);
        let run = extent.record(extent.first(), |_| panic!("it has no header"));
        let run = run.map(|run| (wide(run.offset), wide(run.len)));
        assert_eq!(run, (first < end).then(|| (first, end - first)));
    }
}

fn saturated(n: u128) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
