// SPDX-License-Identifier: GPL-2.0

//! A backlog of files against a list of them.

use mydevice_queue::backlog::{Backlog, Held, Life, Piece, HALVES, MAX_FILES};
use proptest::prelude::*;

const PAGE: usize = 8;

#[test]
fn a_file_waits_is_claimed_let_go_and_goes() {
    let mut life = Life::default();
    assert!(life.bytes_came(), "the first bytes queue it");
    assert!(!life.bytes_came());
    life.claim();
    assert!(life.is_claimed() && !life.is_over(0), "more may come");
    assert!(life.let_go(), "it is queued again");
    life.finish();
    assert!(!life.is_over(3) && life.is_over(0));
    assert!(!life.leave(3, 1) && life.leave(0, 0));
    assert!(!life.leave(0, 0), "it leaves once");
    assert!(!life.let_go(), "what is gone is not queued again");
}

#[test]
fn a_cleared_file_stays_until_its_last_page_was_dropped() {
    let mut life = Life::default();
    assert!(life.bytes_came());
    life.clear();
    assert!(life.is_over(20));
    assert!(!life.leave(0, 1) && life.leave(0, 0));
}

#[test]
fn the_number_of_files_is_bounded_and_old_ones_go_on() {
    let mut backlog = Backlog::new(usize::MAX, PAGE);
    for _ in 0..MAX_FILES {
        assert!(backlog.allowance(None, 0) > 0);
        backlog.file_came();
    }
    let mut old = Life::default();
    assert_eq!(backlog.allowance(None, 0), 0);
    assert_eq!(backlog.allowance(Some(&old), 0), 0, "it has no bytes yet");
    assert!(old.bytes_came());
    assert!(backlog.allowance(Some(&old), 1) > 0);
}

/// Those count, too, whose first bytes are on their way.
#[test]
fn files_that_are_coming_are_bounded() {
    let mut backlog = Backlog::new(usize::MAX, PAGE);
    (1..MAX_FILES).for_each(|_| backlog.file_came());
    let (new, mut old) = (Life::default(), Life::default());
    let piece = |backlog: &Backlog, life: &Life| {
        let allowed = backlog.allowance(Some(life), 1);
        backlog.piece(life, &Held::default(), 1, allowed)
    };
    let first = piece(&backlog, &new).expect("room for one more");
    backlog.reserve(&first);
    assert_eq!(piece(&backlog, &new), None, "another has taken its place");
    let _ = old.bytes_came();
    let more = piece(&backlog, &old).expect("no new file");
    backlog.reserve(&more);
    backlog.release(&more);
    assert_eq!(piece(&backlog, &new), None);
    backlog.release(&first);
    assert!(piece(&backlog, &new).is_some(), "it came to nothing");
}

#[test]
fn the_last_page_stays_while_its_file_is_written() {
    let mut life = Life::default();
    assert!(!life.page_is_done(1, 0) && !life.page_is_done(0, 3) && life.page_is_done(0, 0));
    life.finish();
    assert!(life.page_is_done(0, 3));
}

/// With blocks that cost 160 bytes each beside their own and a file that costs 200, which is more than they do.
#[test]
fn a_file_costs_a_page_and_a_tenth_at_most() {
    let (page, block, file) = (4096, 160, 200);
    let backlog = Backlog::new(usize::MAX, page);
    for len in (1..40_000).chain([1 << 20, 12_345_678]) {
        let (mut life, mut held, mut memory) = (Life::default(), Held::default(), file);
        while held.stored < len {
            let piece = backlog
                .piece(&life, &held, len - held.stored, usize::MAX)
                .expect("room");
            let _ = life.bytes_came();
            held.stored += piece.len;
            held.ever += piece.len as u64;
            held.spare = piece.memory - piece.len;
            memory += block + piece.memory;
        }
        assert!(memory <= len + page + len / 10, "{memory} for {len}");
    }
}

proptest! {
    /// Writers that add pieces and readers that take bytes, against what may be stored.
    #[test]
    fn the_limit_holds_but_for_a_page_to_a_drained_file(
        limit in 0usize..60,
        ops in proptest::collection::vec((0usize..4, 0u8..4, 0usize..20), 0..200),
    ) {
        let mut backlog = Backlog::new(limit, PAGE);
        let mut files: Vec<(Life, usize, Option<Piece>)> = (0..4).map(|_| Default::default()).collect();
        for (which, op, n) in ops {
            let stored: usize = files.iter().map(|(_, stored, _)| stored).sum();
            let reserved: usize = files.iter().filter_map(|(.., piece)| piece.map(|piece| piece.len)).sum();
            let (life, own, piece) = &mut files[which];
            match op {
                // Begin a piece.
                0 if piece.is_none() => {
                    let allowed = backlog.allowance(Some(life), *own);
                    let room = limit.saturating_sub(stored + reserved);
                    let drained = life.is_listed() && *own == 0;
                    prop_assert_eq!(allowed, if drained { room.max(PAGE) } else { room });
                    let held = Held { stored: *own, ever: 3 * n as u64, spare: *own % PAGE };
                    *piece = backlog.piece(life, &held, n, allowed);
                    prop_assert_eq!(piece.is_some(), n > 0 && allowed > 0);
                    if let Some(piece) = piece {
                        prop_assert!(piece.len <= allowed.min(n).min(PAGE) && piece.len <= piece.memory);
                        let whole = drained || held.ever >= (HALVES * PAGE / 2) as u64;
                        let page = if whole { PAGE } else { PAGE / 2 };
                        prop_assert_eq!(piece.memory, if held.spare > 0 { piece.len } else { page });
                        backlog.reserve(piece);
                    }
                }
                // End it, in whole or in part.
                1 => if let Some(piece) = piece.take() {
                    backlog.release(&piece);
                    let came = n.min(piece.len);
                    if came > 0 {
                        backlog.add(came);
                        *own += came;
                        if life.bytes_came() {
                            backlog.file_came();
                        }
                    }
                },
                2 => {
                    let taken = n.min(*own);
                    backlog.take(taken);
                    *own -= taken;
                }
                _ => {
                    let mut other = backlog.clone();
                    prop_assert_eq!(other.set_limit(n), stored <= n);
                    prop_assert_eq!(other.limit(), if stored <= n { n } else { limit });
                }
            }
            let stored: usize = files.iter().map(|(_, stored, _)| stored).sum();
            prop_assert_eq!(backlog.used(), stored);
            prop_assert!(stored <= limit + files.len() * PAGE);
        }
    }

    #[test]
    fn no_figures_make_it_panic(limit in any::<usize>(), a in any::<usize>(), b in any::<usize>(), fills in any::<bool>(), begins in any::<bool>()) {
        let mut backlog = Backlog::new(limit, b);
        backlog.add(a);
        backlog.reserve(&Piece { len: b, memory: a, fills, begins });
        let _ = (backlog.allowance(None, a), backlog.piece(&Life::default(), &Held { stored: a, ever: 0, spare: limit }, a, b), backlog.set_limit(b));
        backlog.release(&Piece { len: a, memory: b, fills, begins });
        backlog.take(b);
        backlog.file_went();
    }
}
