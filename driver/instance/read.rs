// SPDX-License-Identifier: GPL-2.0

//! Reading.

#![forbid(unsafe_code)]

use kernel::{current, iov::IovIterDest, prelude::*};

use super::{overhaul::Locked, Instance, News, Opened, Sleepers, State};
use crate::{
    discipline::{Claim, Cursor, Reading},
    kapi::{
        sched::{cond_resched, is_being_killed},
        wait::{Ended, Patience},
    },
};

/// How a read begins.
enum Begun {
    /// Something is to be copied, and the gate knows of it.
    Copy(Claim),
    /// There is nothing, and the reader is not to wait for more.
    End,
    /// There is nothing yet in what the open has begun to follow: to be waited for elsewhere.
    Follow,
}

/// The waiting of one read, which may be woken in vain and wait on elsewhere: until when, and what a signal is to it.
#[derive(Clone, Copy)]
pub(super) struct Waiting(Patience, Error);

impl Waiting {
    /// It begins to wait.
    fn begin(state: &mut State) -> Self {
        state.counters.reader_waited();
        match state.read_timeout_ms {
            0 => Self(Patience::ENDLESS, ERESTARTSYS),
            millis => Self(Patience::millis(millis), EINTR),
        }
    }
}

impl Instance {
    /// Moves bytes to a reader, and returns how many: all it can have now, 0 at an end.
    ///
    /// `position` is the file's, for disciplines whose files have one. Sleeps, unless `nonblocking`, until
    /// there is something for it; and as long as the reader's memory takes to come.
    ///
    /// Errors: ENODEV if the instance was removed; EAGAIN if it would have to wait and must not, or has waited for `read_timeout_ms`;
    /// ERESTARTSYS for a signal in a wait without end, EINTR for one in a wait with a time-out; EFAULT if no
    /// byte could be copied. What did not reach the reader stays.
    pub(crate) fn read(
        &self,
        opened: &Opened,
        position: u64,
        iov: &mut IovIterDest<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        if iov.is_empty() {
            self.alive()?;
            return Ok(0);
        }
        let mut own = opened.own_cursor(position);
        let (begun, now) = self.begin_read(opened, &mut own, iov.len(), nonblocking)?;
        let Begun::Copy(mut claim) = begun else {
            return Ok(0);
        };

        let mut done: usize = 0;
        loop {
            let copied = claim.copy_to(iov);

            let mut state = self.state.lock();
            let taken = |cursor: &mut _| state.store.taken(cursor, &claim, copied);
            let goes_on = opened.with_cursor(&mut own, taken);
            state.counters.read(copied, done == 0);
            done = done.saturating_add(copied);
            let over = iov.is_empty() || state.dead || state.store.rules().whole_records;
            let cut = copied < claim.len();
            let next = if over || !goes_on || cut {
                None
            } else if done < now && !is_being_killed()
                || state.overhauls_waiting == 0 && !current!().signal_pending()
            {
                // What was there in the beginning is cut by a kill alone; what came meanwhile is left to whoever
                // waits to clear or resize.
                state.next_source(opened, &mut own, iov.len())
            } else {
                None
            };
            match next {
                Some(next) => {
                    let news = state.news_of_read(false, false);
                    self.give_back(state, news);
                    cond_resched();
                    claim = next;
                }
                None => {
                    state.end_read();
                    let news = state.news_of_read(true, cut);
                    self.give_back(state, news);
                    break;
                }
            }
        }
        self.moved(done)
    }

    /// Waits until a read can begin. Returns with it how many bytes it can have at that moment.
    fn begin_read(
        &self,
        opened: &Opened,
        own: &mut Option<Cursor>,
        wanted: usize,
        nonblocking: bool,
    ) -> Result<(Begun, usize)> {
        let mut state = match nonblocking {
            true => self.state.lock(),
            false => self.let_pass(),
        };
        match state.try_read(opened, own, wanted, 0) {
            None => (),
            Some(begun @ Ok((Begun::Copy(_), _))) => return begun,
            // It may have taken what stood in the way of others.
            Some(begun) => {
                self.give_back(state, News::NONE);
                match begun {
                    Ok((Begun::Follow, _)) => state = self.state.lock(),
                    begun => return begun,
                }
            }
        }
        if nonblocking {
            return Err(EAGAIN);
        }
        let mut waiting = None;
        loop {
            let follows = state.follows(opened, own);
            let who = match follows {
                true => Sleepers::Followers,
                false => Sleepers::Readers,
            };
            let me = usize::from(state.store.rules().files && !follows);
            opened.with_cursor(own, |cursor| {
                cursor.asleep = cursor.asleep.saturating_add(me)
            });
            let waited = self.wait_to_read(who, state, &mut waiting, |state| {
                match state.try_read(opened, own, wanted, me) {
                    // Unless it has taken what stood in the way of others, who are to be told.
                    Some(Ok((Begun::Follow, _))) if follows && !state.out_of_the_way => None,
                    // What it followed may have come to nothing: then it waits with the others again. Or it has
                    // taken what it is to follow while somebody else copies: no other wake-up is for it.
                    None if follows != state.follows(opened, own) => Some(Ok((Begun::Follow, 0))),
                    other => other,
                }
            });
            let (locked, begun) = match waited {
                Ok((locked, begun)) => (locked, Ok(begun)),
                Err(error) => (self.state.lock(), Err(error)),
            };
            opened.with_cursor(own, |cursor| {
                cursor.asleep = cursor.asleep.saturating_sub(me)
            });
            let begun = begun?;
            if let Ok((Begun::Copy(_), _)) = begun {
                return begun;
            }
            // It may have been woken for something that it leaves to others: hand that on.
            self.give_back(locked, News::NONE);
            match begun {
                Ok((Begun::Follow, _)) => state = self.state.lock(),
                begun => return begun,
            }
        }
    }

    /// Counts a reader as waiting, if it has not waited before, and puts it to sleep until `look` gives something.
    ///
    /// Errors: EAGAIN if it has waited for `read_timeout_ms`; ERESTARTSYS for a signal in a wait without end, EINTR for
    /// one in a wait with a time-out.
    pub(super) fn wait_to_read<'a, R>(
        &'a self,
        who: Sleepers,
        mut state: Locked<'a>,
        waiting: &mut Option<Waiting>,
        look: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<(Locked<'a>, R)> {
        let Waiting(patience, on_signal) =
            *waiting.get_or_insert_with(|| Waiting::begin(&mut state));
        match self.wait(who, state, patience, look) {
            (state, Ok(found)) => Ok((state, found)),
            (state, Err(ended)) => {
                // The wake-up may have been for it: hand it on.
                self.give_back(state, News::NONE);
                Err(match ended {
                    Ended::Signal => on_signal,
                    Ended::TimedOut => EAGAIN,
                })
            }
        }
    }
}

impl State {
    /// Whether this open waits for one thing to go on, rather than for the next that comes.
    fn follows(&self, opened: &Opened, own: &mut Option<Cursor>) -> bool {
        opened.with_cursor(own, |cursor| self.store.follows(cursor))
    }

    /// Begins a read, or refuses it, if it need not wait. `me` is 1 if the caller is one of the `asleep` of its open.
    fn try_read(
        &mut self,
        opened: &Opened,
        own: &mut Option<Cursor>,
        wanted: usize,
        me: usize,
    ) -> Option<Result<(Begun, usize)>> {
        if let Err(gone) = self.alive() {
            return Some(Err(gone));
        }
        let now = opened.with_cursor(own, |cursor| {
            let follows = self.store.begin_read(cursor);
            self.to_be_moved |= follows && cursor.asleep > me;
            self.out_of_the_way |= follows;
            self.store.available(cursor)
        });
        let now = now.min(wanted);
        if now == 0 {
            let over = opened.with_cursor(own, |cursor| self.store.is_over(cursor));
            return match (over || self.is_end(opened), self.follows(opened, own)) {
                (true, _) => Some(Ok((Begun::End, 0))),
                (false, true) => Some(Ok((Begun::Follow, 0))),
                (false, false) => None,
            };
        }
        let may = match self.store.rules().reading {
            Reading::Take => self.gate.begin_read_alone(),
            Reading::Copy => self.gate.begin_read_shared(),
        };
        may.then(|| {
            let piece = match self.store.rules().whole_records {
                true => now,
                false => now.min(self.piece()),
            };
            let claim = opened.with_cursor(own, |cursor| self.store.source(cursor, piece));
            Ok((Begun::Copy(claim), now))
        })
    }

    /// The next piece of a read.
    fn next_source(
        &mut self,
        opened: &Opened,
        own: &mut Option<Cursor>,
        wanted: usize,
    ) -> Option<Claim> {
        let piece = wanted.min(self.piece());
        let claim = opened.with_cursor(own, |cursor| self.store.source(cursor, piece));
        (claim.len() > 0).then_some(claim)
    }

    /// What a read means to others: bytes that were taken leave room, and what it left can be read again when it has
    /// ended. A read that only copied is news to those who share its open alone: if a fault cut it, because they took it to
    /// have gone on; and if it may have come to the end, which they may wait for.
    fn news_of_read(&self, ended: bool, cut: bool) -> News {
        match self.store.rules().reading {
            Reading::Take => News {
                data: ended,
                room: true,
            },
            Reading::Copy => News {
                data: cut || ended && self.writers_have_left(),
                room: false,
            },
        }
    }

    /// A read that began is over.
    fn end_read(&mut self) {
        match self.store.rules().reading {
            Reading::Take => self.gate.end_read_alone(),
            Reading::Copy => self.gate.end_read_shared(),
        }
    }
}
