// SPDX-License-Identifier: GPL-2.0

//! The text, against a plain vector, and at the limits of the types.

use super::memory::{self, copy_in, copy_out, Source};
use mydevice_queue::span::Span;
use mydevice_queue::text::Text;

const POSITIONS: [u64; 4] = [u32::MAX as u64, i64::MAX as u64, u64::MAX - 1, u64::MAX];

/// Every state that a text of at most `limit` bytes can be in, with memory and what it should hold.
fn every_small_text(limit: usize) -> impl Iterator<Item = (Text, Vec<u8>, Vec<u8>)> {
    let states = (0..=limit).flat_map(|capacity| (0..=capacity).map(move |len| (capacity, len)));
    states.map(|(capacity, len)| {
        let mut text = Text::new(capacity);
        let mut memory = vec![memory::UNWRITTEN; capacity];
        let data = Source::default().take(len);
        copy_in(&mut memory, text.back(len), &data);
        assert_eq!(text.append(len), len);
        (text, memory, data)
    })
}

#[test]
fn a_read_gives_what_is_at_its_position_and_nothing_beyond_the_end() {
    for (text, memory, model) in every_small_text(6) {
        for pos in (0..=8).chain(POSITIONS) {
            for max in (0..=8).chain([usize::MAX]) {
                let from = usize::try_from(pos).unwrap_or(usize::MAX).min(model.len());
                let expected = &model[from..from.saturating_add(max).min(model.len())];
                let span = text.at(pos, max);
                assert_eq!(
                    copy_out(&memory, span),
                    expected,
                    "{text:?} at {pos}, {max}"
                );
                assert!(span.offset <= model.len());
            }
        }
    }
}

#[test]
fn a_write_goes_to_the_end_and_takes_what_fits() {
    for (text, memory, model) in every_small_text(6) {
        for n in (0..=8).chain([usize::MAX]) {
            let (mut text, mut memory, mut model) = (text.clone(), memory.clone(), model.clone());
            let fits = n.min(memory.len() - model.len());
            let claim = text.back(n);
            assert_eq!(claim.len, fits);
            copy_in(&mut memory, claim, &vec![250; fits]);
            model.extend(vec![250; fits]);
            assert_eq!(text.append(n), fits);
            assert_eq!(
                (text.len(), text.room()),
                (model.len(), memory.len() - model.len())
            );
            assert_eq!(text.is_empty(), model.is_empty());
            assert_eq!(copy_out(&memory, text.at(0, usize::MAX)), model);
        }
    }
}

#[test]
fn clear_drops_everything_and_says_how_much() {
    for (mut text, memory, model) in every_small_text(6) {
        assert_eq!(text.clear(), model.len());
        assert_eq!(
            (text.len(), text.room(), text.is_empty()),
            (0, memory.len(), true)
        );
        assert_eq!(text.clear(), 0);
    }
}

#[test]
fn resize_keeps_the_beginning_from_every_state_to_every_capacity() {
    for (text, memory, model) in every_small_text(6) {
        for new_capacity in 0..=8 {
            let (new, keep, truncated) = text.resized(new_capacity);
            let kept = &model[..model.len().min(new_capacity)];
            assert_eq!(truncated, model.len() - kept.len());
            assert_eq!((new.capacity(), new.len()), (new_capacity, kept.len()));
            let memory = memory::moved(&memory, keep, new_capacity);
            assert_eq!(copy_out(&memory, new.at(0, usize::MAX)), kept);
        }
    }
}

#[test]
fn the_largest_text_is_like_any_other() {
    let mut text = Text::new(usize::MAX);
    assert_eq!(text.append(usize::MAX - 1), usize::MAX - 1);
    assert_eq!(
        text.back(usize::MAX),
        Span {
            offset: usize::MAX - 1,
            len: 1
        }
    );
    assert_eq!(text.append(usize::MAX), 1);
    assert_eq!(text.at(u64::MAX, usize::MAX).len, 0);
    assert_eq!(text.at(u64::MAX - 1, usize::MAX).len, 1);
    let (new, keep, truncated) = text.resized(1);
    assert_eq!((new.len(), keep.len, truncated), (1, 1, usize::MAX - 1));
}
