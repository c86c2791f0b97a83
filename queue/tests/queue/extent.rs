// SPDX-License-Identifier: GPL-2.0

//! Blocks against the bytes that they stand for: a real memory, and a queue of real records.

use std::collections::VecDeque;

use mydevice_queue::extent::{Extent, HEADER, MAX_PACKED};
use proptest::prelude::*;

/// A block with its memory.
struct Block {
    memory: Vec<u8>,
    extent: Extent,
}

impl Block {
    fn record(&self, at: usize) -> Option<(usize, Vec<u8>)> {
        let length = |at: usize| u16::from_le_bytes([self.memory[at], self.memory[at + 1]]);
        let span = self.extent.record(at, length)?;
        Some((span.range().end, self.memory[span.range()].to_vec()))
    }

    fn push(&mut self, record: &[u8], start: u64) {
        let place = self.extent.place();
        if self.extent.is_packed() {
            let length = u16::try_from(record.len()).expect("short").to_le_bytes();
            self.memory[place - HEADER..place].copy_from_slice(&length);
        }
        self.memory[place..place + record.len()].copy_from_slice(record);
        self.extent.push(record.len(), start);
    }

    fn drop_first(&mut self) {
        let length = |at: usize| u16::from_le_bytes([self.memory[at], self.memory[at + 1]]);
        self.extent.drop_first(length);
    }
}

#[test]
fn two_of_the_longest_packed_records_fill_a_page() {
    let mut extent = Extent::packed(4096);
    extent.push(MAX_PACKED, 0);
    assert!(extent.fits(MAX_PACKED) && !extent.fits(MAX_PACKED + 1));
    extent.push(MAX_PACKED, 0);
    assert_eq!((extent.spare(), extent.records()), (0, 2));
}

#[test]
fn a_plain_block_has_one_record() {
    let mut extent = Extent::plain(10);
    assert!(extent.fits(10) && !extent.fits(11));
    extent.push(4, 7);
    assert!(!extent.fits(1), "it is no place for a second");
    assert_eq!((extent.fill(3), extent.fill(9)), (3, 3));
    assert_eq!((extent.take(8), extent.take(8)), (8, 2));
    assert_eq!((extent.bytes(), extent.records()), (0, 1));
}

#[test]
fn what_a_block_does_not_have_changes_nothing() {
    let no_header = |_| -> u16 { unreachable!("there is no record with a header") };
    let unchanged = |before: Extent, name: &str, change: &dyn Fn(&mut Extent)| {
        let mut after = before;
        change(&mut after);
        assert_eq!(after, before, "{name}");
    };
    let plain = Extent::plain(10);
    unchanged(plain, "a run that was not begun", &|it| {
        assert_eq!(it.fill(3), 0)
    });
    unchanged(plain, "an empty block", &|it| assert_eq!(it.take(3), 0));
    let mut run = plain;
    run.push(4, 0);
    unchanged(run, "a second record", &|it| it.push(1, 0));
    unchanged(run, "the record of a plain block", &|it| {
        assert_eq!(it.drop_first(no_header), None);
    });

    let packed = Extent::packed(100);
    unchanged(packed, "a record that is not there", &|it| {
        assert_eq!(it.drop_first(no_header), None);
    });
    let mut records = packed;
    records.push(4, 0);
    records.push(5, 4);
    for block in [packed, records] {
        unchanged(block, "a part of a record", &|it| assert_eq!(it.take(3), 0));
        unchanged(block, "more of a record", &|it| assert_eq!(it.fill(3), 0));
    }
}

proptest! {
    #[test]
    fn a_packed_block_is_a_queue_of_records(
        size in 0usize..300,
        ops in proptest::collection::vec(prop_oneof![
            3 => (1usize..60).prop_map(Some),
            2 => Just(None),
        ], 0..200),
    ) {
        let mut block = Block { memory: vec![0xee; size], extent: Extent::packed(size) };
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        let (mut end, mut used) = (0u64, 0usize);
        for (n, op) in ops.into_iter().enumerate() {
            match op {
                Some(len) => {
                    let fits = used + HEADER + len <= size;
                    prop_assert_eq!(block.extent.fits(len), fits);
                    if fits {
                        let record = vec![n as u8; len];
                        block.push(&record, end);
                        model.push_back(record);
                        used += HEADER + len;
                        end += len as u64;
                    }
                }
                None => {
                    block.drop_first();
                    model.pop_front();
                }
            }
            let mut at = block.extent.first();
            let mut seen = VecDeque::new();
            while let Some((next, record)) = block.record(at) {
                seen.push_back(record);
                at = next;
            }
            prop_assert_eq!(&seen, &model);
            let bytes: usize = model.iter().map(Vec::len).sum();
            prop_assert_eq!((block.extent.records(), block.extent.bytes()), (model.len(), bytes));
            if !model.is_empty() {
                prop_assert_eq!(block.extent.start(), end - bytes as u64);
            }
        }
    }

    #[test]
    fn a_plain_block_is_a_run_of_bytes(size in 0usize..100, ops in proptest::collection::vec((any::<bool>(), 0usize..40), 0..100)) {
        let mut extent = Extent::plain(size);
        extent.push(0, 0);
        let (mut taken, mut filled) = (0, 0);
        for (fill, n) in ops {
            if fill {
                filled += extent.fill(n);
                prop_assert!(filled <= size);
            } else {
                taken += extent.take(n);
                prop_assert!(taken <= filled);
            }
            prop_assert_eq!((extent.bytes(), extent.spare()), (filled - taken, size - filled));
            let run = extent.record(extent.first(), |_| unreachable!("it has no header"));
            prop_assert_eq!(run.map_or(0, |run| run.len), filled - taken);
        }
    }

    #[test]
    fn no_figures_make_it_panic(size in any::<usize>(), n in any::<usize>(), at in any::<usize>(), start in any::<u64>(), header in any::<u16>()) {
        for mut extent in [Extent::plain(size), Extent::packed(size)] {
            extent.push(n, start);
            let _ = (extent.fill(at), extent.take(n), extent.place(), extent.fits(n));
            let _ = (extent.record(at, |_| header), extent.drop_first(|_| header));
            prop_assert!(extent.first() <= size - extent.spare());
        }
    }
}
