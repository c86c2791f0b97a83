// SPDX-License-Identifier: GPL-2.0

//! A backlog against a list of files with their pages, whose writers have pieces on their way while readers take,
//! claim and let go, and CLEAR drops.

#![no_main]

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::backlog::{Backlog, HALVES, Held, Life, MAX_FILES, Piece};
use mydevice_queue_fuzz::{Amount, wide};

#[derive(Arbitrary, Debug)]
struct Case {
    limit: Amount,
    page: Amount,
    steps: Vec<Step>,
}

/// A step of one of the files, or of all.
#[derive(Arbitrary, Debug)]
enum Step {
    /// A write of so many bytes begins its next piece.
    Begin(Which, Amount),
    /// So many bytes of the piece have come.
    End(Which, Amount),
    /// A reader takes so many bytes of the oldest page.
    Take(Which, Amount),
    Claim(Which),
    LetGo(Which),
    Finish(Which),
    /// CLEAR reaches the file, and drops so many pages of it for now.
    Clear(Which, u8),
    SetLimit(Amount),
    /// There are to be so many files beside those that take part.
    Others(u16),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Which(u8);

/// So many files take part at a time.
const FILES: usize = 3;

impl Which {
    fn get(self) -> usize {
        usize::from(self.0) % FILES
    }
}

#[derive(Clone, Copy, Debug)]
struct Page {
    left: usize,
    spare: usize,
}

/// A file, and beside it what is known of it.
#[derive(Default)]
struct File {
    life: Life,
    listed: bool,
    claimed: bool,
    finished: bool,
    cleared: bool,
    pages: VecDeque<Page>,
    ever: u64,
    piece: Option<Piece>,
}

impl File {
    fn stored(&self) -> usize {
        self.pages.iter().map(|page| page.left).sum()
    }

    fn held(&self) -> Held {
        Held {
            stored: self.stored(),
            ever: self.ever,
            spare: self.pages.back().map_or(0, |page| page.spare),
        }
    }

    /// All that it had was taken, so that its reader waits for its writer.
    fn is_drained(&self) -> bool {
        self.listed && self.stored() == 0
    }

    fn is_over(&self) -> bool {
        self.cleared || self.finished && self.stored() == 0
    }
}

struct Spool {
    backlog: Backlog,
    limit: usize,
    page: usize,
    files: [File; FILES],
    others: usize,
}

fuzz_target!(|case: Case| {
    let (limit, page) = (case.limit.0, case.page.0);
    let mut spool = Spool {
        backlog: Backlog::new(limit, page),
        limit,
        page,
        files: Default::default(),
        others: 0,
    };
    for step in case.steps {
        spool.take(step);
        // More than any memory holds.
        if spool.spoken_for() > wide(usize::MAX / 2) {
            return;
        }
        spool.check();
    }
});

impl Spool {
    fn used(&self) -> u128 {
        self.files.iter().map(|file| wide(file.stored())).sum()
    }

    /// What is stored, and what is on its way.
    fn spoken_for(&self) -> u128 {
        let pieces = self.files.iter().filter_map(|file| file.piece);
        self.used() + pieces.map(|piece| wide(piece.len)).sum::<u128>()
    }

    /// The files that count: in the backlog, or with their first bytes on their way.
    fn counted(&self) -> usize {
        let counts = |file: &&File| file.listed || file.piece.is_some();
        self.others + self.files.iter().filter(counts).count()
    }

    /// What may be added to a file, or to a new one.
    fn allowed(&self, file: Option<&File>) -> u128 {
        if !file.is_some_and(|file| file.listed) && self.counted() >= MAX_FILES {
            return 0;
        }
        let room = wide(self.limit).saturating_sub(self.spoken_for());
        match file.is_some_and(File::is_drained) {
            true => room.max(wide(self.page)),
            false => room,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Begin(which, Amount(wanted)) => self.begin(which.get(), wanted),
            Step::End(which, Amount(came)) => self.end(which.get(), came),
            Step::Take(which, Amount(n)) => self.read(which.get(), n),
            Step::Claim(which) => {
                let file = &mut self.files[which.get()];
                file.claimed = true;
                file.life.claim();
            }
            Step::LetGo(which) => {
                let file = &mut self.files[which.get()];
                file.claimed = false;
                assert_eq!(file.life.let_go(), file.listed);
            }
            // A writer closes when its write has ended.
            Step::Finish(which) if self.files[which.get()].piece.is_none() => {
                let file = &mut self.files[which.get()];
                file.finished = true;
                file.life.finish();
                self.tidy(which.get());
            }
            Step::Clear(which, pages) if self.files[which.get()].listed => {
                let file = &mut self.files[which.get()];
                file.cleared = true;
                file.life.clear();
                for _ in 0..pages {
                    if let Some(page) = file.pages.pop_front() {
                        self.backlog.take(page.left);
                    }
                }
                self.tidy(which.get());
            }
            Step::SetLimit(Amount(limit)) => {
                let may = self.used() <= wide(limit);
                if may {
                    self.limit = limit;
                }
                assert_eq!(self.backlog.set_limit(limit), may);
            }
            Step::Others(others) => {
                let others = usize::from(others);
                (self.others..others).for_each(|_| self.backlog.file_came());
                (others..self.others).for_each(|_| self.backlog.file_went());
                self.others = others;
            }
            _ => (),
        }
    }

    fn begin(&mut self, which: usize, wanted: usize) {
        let file = &self.files[which];
        if file.piece.is_some() || file.finished || file.cleared {
            return;
        }
        let allowed = self.backlog.allowance(Some(&file.life), file.stored());
        let piece = self
            .backlog
            .piece(&file.life, &file.held(), wanted, allowed);

        let half = self.page.div_ceil(2);
        let short = wide(HALVES) * wide(half) > file.ever.into();
        let memory = match file.held().spare {
            0 if short && !file.is_drained() => half,
            0 => self.page,
            spare => spare,
        };
        let len = wanted.min(allowed).min(memory);
        let fills = file.held().spare > 0;
        let expected = Piece {
            len,
            memory: if fills { len } else { memory },
            fills,
            begins: !file.listed,
        };
        assert_eq!(piece, (len > 0).then_some(expected));
        if let Some(piece) = &piece {
            self.backlog.reserve(piece);
        }
        self.files[which].piece = piece;
    }

    fn end(&mut self, which: usize, came: usize) {
        let file = &mut self.files[which];
        let Some(piece) = file.piece.take() else {
            return;
        };
        self.backlog.release(&piece);
        let came = came.min(piece.len);
        if came == 0 || file.cleared {
            return;
        }
        match file.pages.back_mut() {
            // Its last page may have been read to its end meanwhile, but it waits for what was to fill it.
            Some(last) if piece.fills => {
                last.left += came;
                last.spare -= came;
            }
            _ => {
                assert!(!piece.fills, "the page that was to be filled is gone");
                file.pages.push_back(Page {
                    left: came,
                    spare: piece.memory - came,
                });
            }
        }
        file.ever += came as u64;
        self.backlog.add(came);
        assert_eq!(file.life.bytes_came(), !file.listed);
        if !file.listed {
            file.listed = true;
            self.backlog.file_came();
        }
    }

    fn read(&mut self, which: usize, n: usize) {
        let file = &mut self.files[which];
        let (Some(page), false) = (file.pages.front_mut(), file.cleared) else {
            return;
        };
        let n = n.min(page.left);
        page.left -= n;
        self.backlog.take(n);
        let done = page.left == 0 && (page.spare == 0 || file.finished);
        assert_eq!(file.life.page_is_done(page.left, page.spare), done);
        if done {
            file.pages.pop_front();
        }
        self.tidy(which);
    }

    /// Whether a file is gone is asked whenever it may be; in its place comes another.
    fn tidy(&mut self, which: usize) {
        let file = &mut self.files[which];
        let gone = match file.cleared {
            true => file.listed && file.pages.is_empty(),
            false => file.listed && file.finished && file.stored() == 0,
        };
        assert_eq!(file.life.leave(file.stored(), file.pages.len()), gone);
        if !gone {
            return;
        }
        assert!(!file.life.leave(0, 0), "it leaves once");
        assert!(!file.life.let_go(), "what is gone is not queued again");
        self.backlog.file_went();
        if let Some(piece) = file.piece.take() {
            self.backlog.release(&piece);
        }
        *file = File::default();
    }

    fn check(&self) {
        assert_eq!(wide(self.backlog.used()), self.used());
        assert_eq!(self.backlog.limit(), self.limit);
        assert_eq!(wide(self.backlog.allowance(None, 0)), self.allowed(None));
        for file in &self.files {
            let (life, stored) = (&file.life, file.stored());
            assert_eq!(
                wide(self.backlog.allowance(Some(life), stored)),
                self.allowed(Some(file))
            );
            assert_eq!(
                (life.is_listed(), life.is_claimed(), life.is_cleared()),
                (file.listed, file.claimed, file.cleared)
            );
            assert_eq!(life.is_drained(stored), file.is_drained());
            assert_eq!(life.is_over(stored), file.is_over());
        }
    }
}
