// SPDX-License-Identifier: GPL-2.0

//! The ring, case by case: every state of small rings, and the limits of the types.

use super::explore::every_state;
use super::memory::{self, copy_in, copy_out, offsets, Source};
use mydevice_queue::ring::{Resized, Ring};
use mydevice_queue::span::{Span, Spans};
use std::collections::VecDeque;

/// Every state that a ring of at most `limit` bytes can be in, with memory and what it should hold.
fn every_small_ring(limit: usize) -> impl Iterator<Item = (Ring, Vec<u8>, VecDeque<u8>)> {
    (0..=limit).flat_map(|capacity| {
        let starts = 0..capacity.max(1);
        starts.flat_map(move |start| {
            (0..=capacity).map(move |used| small_ring(capacity, start, used))
        })
    })
}

fn small_ring(capacity: usize, start: usize, used: usize) -> (Ring, Vec<u8>, VecDeque<u8>) {
    let mut ring = Ring::new(capacity);
    ring.append(start);
    ring.consume(start);
    let mut memory = vec![memory::UNWRITTEN; capacity];
    let data = Source::default().take(used);
    copy_in(&mut memory, ring.back(used), &data);
    assert_eq!(ring.append(used), used);
    (ring, memory, data.into())
}

#[test]
fn waiting_and_free_bytes_tile_the_memory() {
    for (ring, memory, model) in every_small_ring(6) {
        let mut seen: Vec<usize> = offsets(ring.front(usize::MAX)).collect();
        assert_eq!(seen.len(), model.len());
        seen.extend(offsets(ring.back(usize::MAX)));
        // One after the other around the ring, each once.
        for pair in seen.windows(2) {
            assert_eq!(pair[1], (pair[0] + 1) % memory.len(), "{ring:?}");
        }
        assert_eq!(seen.len(), memory.len(), "{ring:?}");
    }
}

#[test]
fn front_gives_the_oldest_bytes_and_no_more_than_asked() {
    for (ring, memory, model) in every_small_ring(6) {
        for max in (0..=8).chain([usize::MAX]) {
            let expected: Vec<u8> = model.iter().copied().take(max).collect();
            assert_eq!(
                copy_out(&memory, ring.front(max)),
                expected,
                "{ring:?} {max}"
            );
        }
    }
}

#[test]
fn consume_takes_the_oldest_bytes_and_no_more_than_wait() {
    for (ring, memory, model) in every_small_ring(6) {
        for n in (0..=8).chain([usize::MAX]) {
            let (mut ring, mut model) = (ring.clone(), model.clone());
            let gone = n.min(model.len());
            assert_eq!(ring.consume(n), gone);
            model.drain(..gone);
            assert_eq!(ring.used(), model.len());
            assert_eq!(copy_out(&memory, ring.front(usize::MAX)), Vec::from(model));
        }
    }
}

#[test]
fn append_adds_at_the_end_and_no_more_than_fits() {
    for (ring, memory, model) in every_small_ring(6) {
        for n in (0..=8).chain([usize::MAX]) {
            let (mut ring, mut memory, mut model) = (ring.clone(), memory.clone(), model.clone());
            let fits = n.min(memory.len() - model.len());
            let claim = ring.back(n);
            assert_eq!(claim.len(), fits);
            let data = vec![250; fits];
            copy_in(&mut memory, claim, &data);
            model.extend(data);
            assert_eq!(ring.append(n), fits);
            assert_eq!(ring.room(), memory.len() - model.len());
            assert_eq!(copy_out(&memory, ring.front(usize::MAX)), Vec::from(model));
        }
    }
}

#[test]
fn clear_drops_everything_and_says_how_much() {
    for (mut ring, memory, model) in every_small_ring(6) {
        assert_eq!(ring.clear(), model.len());
        assert_eq!((ring.used(), ring.room()), (0, memory.len()));
        assert_eq!(ring.clear(), 0);
    }
}

#[test]
fn resize_keeps_what_a_reader_would_get_first_from_every_state_to_every_capacity() {
    for (ring, memory, model) in every_small_ring(6) {
        for new_capacity in 0..=8 {
            let Resized {
                ring: new,
                keep,
                truncated,
            } = ring.resized(new_capacity);
            let kept: Vec<u8> = model.iter().copied().take(new_capacity).collect();
            assert_eq!(copy_out(&memory, keep), kept, "{ring:?} to {new_capacity}");
            assert_eq!(truncated, model.len() - kept.len());
            assert_eq!((new.capacity(), new.used()), (new_capacity, kept.len()));
            let memory = memory::moved(&memory, keep, new_capacity);
            assert_eq!(
                copy_out(&memory, new.front(usize::MAX)),
                kept,
                "{ring:?} to {new_capacity}"
            );
        }
    }
}

#[test]
fn positions_go_on_when_the_ring_runs_empty_so_that_a_writers_claim_stays_valid() {
    let mut ring = Ring::new(8);
    ring.append(3);
    let claim = ring.back(4);
    ring.consume(3);
    assert_eq!(ring.used(), 0);
    ring.append(4);
    assert_eq!(ring.front(4), claim);
}

#[test]
fn the_largest_ring_wraps_like_any_other() {
    let mut ring = Ring::new(usize::MAX);
    assert_eq!(ring.append(usize::MAX), usize::MAX);
    assert_eq!((ring.room(), ring.append(1)), (0, 0));
    assert_eq!(ring.consume(usize::MAX - 2), usize::MAX - 2);
    assert_eq!(ring.append(5), 5);
    let runs: Vec<Span> = ring.front(usize::MAX).into_iter().collect();
    let expected = [(usize::MAX - 2, 2), (0, 5)].map(|(offset, len)| Span { offset, len });
    assert_eq!(runs, expected);
    assert_eq!(ring.resized(3).truncated, 4);
}

/// A ring with what its reader and its writer have claimed.
type Claimed = (Ring, Option<Spans>, Option<Spans>);

/// Every next step: a side claims any amount, or commits any part of what it claimed.
fn every_step((ring, reading, writing): &Claimed) -> Vec<Claimed> {
    let amounts = 0..=ring.capacity();
    let mut after = Vec::new();
    for n in amounts {
        let (mut read, mut written) = (ring.clone(), ring.clone());
        after.push(match reading {
            None => (read, Some(ring.front(n)), *writing),
            Some(claim) => {
                read.consume(n.min(claim.len()));
                (read, None, *writing)
            }
        });
        after.push(match writing {
            None => (written, *reading, Some(ring.back(n))),
            Some(claim) => {
                written.append(n.min(claim.len()));
                (written, *reading, None)
            }
        });
    }
    after
}

#[test]
fn claims_stay_valid_and_apart_whatever_the_other_side_commits() {
    for capacity in 0..=5 {
        for (ring, reading, writing) in every_state((Ring::new(capacity), None, None), every_step) {
            let (reading, writing) = (reading.unwrap_or_default(), writing.unwrap_or_default());
            // Valid: what was claimed then is what would be claimed now.
            assert_eq!(ring.front(reading.len()), reading, "{ring:?}");
            assert_eq!(ring.back(writing.len()), writing, "{ring:?}");
            let written: Vec<usize> = offsets(writing).collect();
            assert!(offsets(reading).all(|offset| !written.contains(&offset)));
        }
    }
}

#[test]
fn once_around_the_ring_is_where_it_began() {
    for capacity in 0..=6 {
        let mut ring = Ring::new(capacity);
        for _ in 0..capacity {
            assert_eq!((ring.append(1), ring.consume(1)), (1, 1));
        }
        assert_eq!(ring, Ring::new(capacity));
    }
}
