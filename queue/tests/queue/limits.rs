// SPDX-License-Identifier: GPL-2.0

//! Sizes that no memory has: the positions alone, against integers wide enough for the true result.
//! (Overflow is a panic in a test build.)

use mydevice_queue::ring::Ring;
use mydevice_queue::span::Spans;
use mydevice_queue::text::Text;
use proptest::collection::vec;
use proptest::prelude::*;

/// Any size, most often one at a limit of some type.
fn size() -> impl Strategy<Value = usize> {
    let limit = prop_oneof![
        Just(0),
        Just(u32::MAX as usize),
        Just(i32::MAX as usize),
        Just(isize::MAX as usize),
        Just(usize::MAX),
        any::<usize>(),
    ];
    (limit, -2..=2isize).prop_map(|(limit, by)| limit.saturating_add_signed(by))
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Take(usize),
    Put(usize),
    Clear,
    Resize(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => size().prop_map(Op::Take),
        6 => size().prop_map(Op::Put),
        1 => Just(Op::Clear),
        2 => size().prop_map(Op::Resize),
    ];
    vec(op, 0..40)
}

/// A ring by its history: all bytes that ever came and went since the last resize.
#[derive(Debug)]
struct History {
    capacity: u128,
    came: u128,
    went: u128,
}

impl History {
    fn used(&self) -> u128 {
        self.came - self.went
    }

    /// Which runs of memory the `len` bytes from the `from`th on lie in.
    fn runs(&self, from: u128, len: u128) -> Vec<(u128, u128)> {
        let offset = from.checked_rem(self.capacity).unwrap_or(0);
        let straight = len.min(self.capacity - offset);
        let runs = [(offset, straight), (0, len - straight)];
        runs.into_iter().filter(|run| run.1 > 0).collect()
    }
}

fn runs(spans: Spans) -> Vec<(u128, u128)> {
    spans
        .iter()
        .map(|run| (run.offset as u128, run.len as u128))
        .collect()
}

proptest! {
    #[test]
    fn a_ring_of_any_size_keeps_its_positions(capacity in size(), ops in ops(), ask in size()) {
        let mut ring = Ring::new(capacity);
        let mut history = History { capacity: capacity as u128, came: 0, went: 0 };
        for op in ops {
            let (used, room) = (history.used(), history.capacity - history.used());
            match op {
                Op::Take(asked) => {
                    let n = ring.consume(asked) as u128;
                    prop_assert_eq!(n, used.min(asked as u128));
                    history.went += n;
                }
                Op::Put(asked) => {
                    let n = ring.append(asked) as u128;
                    prop_assert_eq!(n, room.min(asked as u128));
                    history.came += n;
                }
                Op::Clear => {
                    prop_assert_eq!(ring.clear() as u128, used);
                    history.went = history.came;
                }
                Op::Resize(to) => {
                    let resized = ring.resized(to);
                    let kept = used.min(to as u128);
                    prop_assert_eq!(runs(resized.keep), history.runs(history.went, kept));
                    prop_assert_eq!(resized.truncated as u128, used - kept);
                    ring = resized.ring;
                    history = History { capacity: to as u128, came: kept, went: 0 };
                }
            }
            let (used, room) = (history.used(), history.capacity - history.used());
            prop_assert_eq!(ring.capacity() as u128, history.capacity);
            prop_assert_eq!(ring.used() as u128, used);
            prop_assert_eq!(ring.room() as u128, room);
            let front = history.runs(history.went, used.min(ask as u128));
            let back = history.runs(history.came, room.min(ask as u128));
            prop_assert_eq!((runs(ring.front(ask)), runs(ring.back(ask))), (front, back));
        }
    }

    #[test]
    fn a_text_of_any_size_keeps_its_length(
        capacity in size(), ops in ops(), pos in any::<u64>(), ask in size(),
    ) {
        let mut text = Text::new(capacity);
        let (mut capacity, mut len) = (capacity as u128, 0u128);
        for op in ops {
            match op {
                // Reading takes nothing away; what is asked for is looked at below.
                Op::Take(_) => {}
                Op::Put(n) => {
                    let put = text.append(n) as u128;
                    prop_assert_eq!(put, (capacity - len).min(n as u128));
                    len += put;
                }
                Op::Clear => {
                    prop_assert_eq!(text.clear() as u128, len);
                    len = 0;
                }
                Op::Resize(to) => {
                    let (new, keep, truncated) = text.resized(to);
                    let kept = len.min(to as u128);
                    prop_assert_eq!((keep.offset, keep.len as u128), (0, kept));
                    prop_assert_eq!(truncated as u128, len - kept);
                    (text, capacity, len) = (new, to as u128, kept);
                }
            }
            prop_assert_eq!((text.capacity() as u128, text.len() as u128), (capacity, len));
            prop_assert_eq!(text.room() as u128, capacity - len);
            for pos in [pos, len as u64, (len as u64).saturating_sub(1), u64::MAX] {
                let (offset, span) = (len.min(pos as u128), text.at(pos, ask));
                prop_assert_eq!(span.offset as u128, offset);
                prop_assert_eq!(span.len as u128, (len - offset).min(ask as u128));
            }
            let back = text.back(ask);
            prop_assert_eq!(back.offset as u128, len);
            prop_assert_eq!(back.len as u128, (capacity - len).min(ask as u128));
        }
    }
}
