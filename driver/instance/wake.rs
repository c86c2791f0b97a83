// SPDX-License-Identifier: GPL-2.0

//! Who is woken, and what pollers see.

#![forbid(unsafe_code)]

use super::{overhaul, Instance, Opened, State};
use crate::{
    discipline::{Cursor, Full, Inlet, OnEmpty, Reading},
    kapi::{
        fasync::Band,
        poll::{Events, Reach},
    },
};
use kernel::time::{Instant, Monotonic};

/// What has become possible by a change of the state, for [`State::settle`].
#[derive(Clone, Copy, Default)]
pub(super) struct News {
    /// There may be more to read than before.
    pub(super) data: bool,
    /// There may be more room than before.
    pub(super) room: bool,
}

impl News {
    pub(super) const DATA: Self = Self {
        data: true,
        room: false,
    };
    pub(super) const BOTH: Self = Self {
        data: true,
        room: true,
    };
    /// Nothing new, but somebody who was woken leaves.
    pub(super) const NONE: Self = Self {
        data: false,
        room: false,
    };
}

/// Who is to be woken once the lock is given back.
#[must_use]
#[derive(Default)]
pub(super) struct Wake {
    one_reader: bool,
    all_readers: bool,
    one_writer: bool,
    all_writers: bool,
    followers: bool,
    mid_writer: bool,
    overhaul: bool,
    /// Pollers for data are told.
    readable: bool,
    /// And that there is no writer any more.
    hung_up: bool,
    /// Pollers for room are told.
    writable: bool,
}

impl Instance {
    /// Wakes whom [`State::settle`] named. Called without the lock.
    pub(super) fn wake(&self, wake: Wake) {
        if wake.overhaul {
            self.overhauls.wake_one();
        }
        if wake.all_readers {
            self.readers.wake_all();
        } else if wake.one_reader {
            self.readers.wake_one();
        }
        if wake.followers {
            self.followers.wake_all();
        }
        if wake.mid_writer {
            self.mid_writer.wake_one();
        }
        if wake.all_writers {
            self.writers.wake_all();
        } else if wake.one_writer {
            self.writers.wake_one();
        }
        let reach = match wake.all_readers {
            true => Reach::All,
            false => Reach::One,
        };
        if wake.readable {
            // Everybody who polls is told of a hang-up, whatever else it polls for: so only of a real one.
            let hangup = match wake.hung_up {
                true => Events::HANGUP,
                false => Events::NONE,
            };
            self.pollers.wake(Events::READABLE | hangup, reach);
            self.fasync.signal(Band::In);
        }
        if wake.writable {
            self.pollers.wake(Events::WRITABLE, Reach::One);
            self.fasync.signal(Band::Out);
        }
    }
}

impl State {
    /// To be called before the lock is given back, after a change by which somebody may go on who could not
    /// before, and by whoever was woken and leaves without what it was woken for. Says who can go on now.
    ///
    /// Sleepers are named by what the state allows, not by what has changed, so that a wake-up whose receiver
    /// leaves is made up for by anybody's next step. Two things the state does not tell, and `news` must: that
    /// there is more for readers who each have a position of their own, and that there is nothing more to come.
    /// Pollers are told of what is new.
    pub(super) fn settle(&mut self, news: News) -> Wake {
        let mut wake = Wake::default();
        if self.overhauls_waiting > 0 && self.grant.is_none() && self.gate.begin_overhaul() {
            self.grants = self.grants.saturating_add(1);
            self.grant = Some(self.grants);
            wake.overhaul = true;
        }
        self.settle_callers(news, &mut wake);
        wake
    }

    /// [`Self::settle`] for an overhaul that has ended: the next one is woken, but has to look for itself whether
    /// anybody copies. Were it given the gate at once, two that take turns would keep everybody else out.
    pub(super) fn settle_overhaul(&mut self) -> Wake {
        let mut wake = Wake {
            overhaul: self.overhauls_waiting > 0,
            ..Wake::default()
        };
        self.settle_callers(News::BOTH, &mut wake);
        wake
    }

    /// Names everybody but overhauls.
    pub(super) fn settle_callers(&mut self, news: News, wake: &mut Wake) {
        match self.store.rules().reading {
            Reading::Take => wake.one_reader = self.data_is_free(),
            Reading::Copy => wake.all_readers = news.data,
        }
        // When there is nothing more to come, that is so for everybody.
        wake.all_readers |= news.data && self.ends_reads();
        wake.hung_up = news.data && self.on_empty == OnEmpty::Hangup && self.writers == 0;
        wake.readable = news.data && (wake.one_reader || wake.all_readers);

        if !self.gate.overhauling() {
            if self.gate.write_turn_free() {
                wake.one_writer = self.is_answered(self.store.has_room(1));
            } else {
                wake.mid_writer = self.store.has_room(1);
            }
        }
        // Room is news only to those who met none.
        self.was_full |= !self.store.has_room(1);
        if let Inlet::Files(_) = self.store.inlet() {
            // Each writer and each reader of a file waits for something of its own.
            wake.followers = news.data;
            wake.all_writers = news.room;
            wake.readable |= news.data;
            self.was_full |= news.room;
        }
        let room = self.store.has_room(1) || wake.all_writers;
        wake.writable = news.room && self.was_full && self.may_write(room);
        if wake.writable {
            self.was_full = false;
        }
    }

    /// Whether callers that may sleep are to let a waiting overhaul go first. That is so for a short time only, so
    /// that one that waits for a stalled copy does not hold up those who have nothing to do with it.
    pub(super) fn lets_pass(&self) -> bool {
        let passing = |since: Instant<Monotonic>| since.elapsed().as_millis() < overhaul::PASS_MS;
        self.overhauls_waiting > 0 && self.passes_since.is_some_and(passing)
    }

    /// Whether a reader may take bytes away now.
    pub(super) fn may_take(&self) -> bool {
        !self.gate.reading_alone() && !self.gate.overhauling()
    }

    /// Whether there is data that nobody is taking.
    pub(super) fn data_is_free(&self) -> bool {
        self.store.offers() && self.may_take()
    }

    /// Whether a write that has its turn, and for which there is room or is not, need not wait.
    pub(super) fn is_answered(&self, room: bool) -> bool {
        room || self.store.rules().full == Full::NoSpace
    }

    /// Whether a write for which there is room, or is not, need not wait.
    pub(super) fn may_write(&self, room: bool) -> bool {
        self.gate.write_turn_free() && !self.gate.overhauling() && self.is_answered(room)
    }

    /// Whether some reader that finds nothing gets 0 rather than waits.
    pub(super) fn ends_reads(&self) -> bool {
        match self.on_empty {
            OnEmpty::Block => false,
            OnEmpty::Eof => true,
            OnEmpty::Hangup => self.writers == 0,
        }
    }

    /// Whether this open has lost its last writer (`hangup`).
    pub(super) fn hung_up(&self, opened: &Opened) -> bool {
        self.on_empty == OnEmpty::Hangup
            && self.writers == 0
            && (opened.saw_writer || self.writers_ever != opened.writers_ever)
    }

    /// Whether this open's read gets 0 when there is nothing for it.
    pub(super) fn is_end(&self, opened: &Opened) -> bool {
        self.on_empty == OnEmpty::Eof || self.hung_up(opened)
    }

    /// What poll says.
    pub(super) fn events(&mut self, opened: &Opened, position: u64) -> Events {
        if self.dead {
            return Events::GONE;
        }
        let mut events = Events::NONE;
        let mut own = Cursor::at(position);
        let (available, over, room) = opened.with_cursor(&mut own, |cursor| {
            let room = self.store.room_for(cursor, cursor.refused.max(1));
            (
                self.store.available(cursor),
                self.store.is_over(cursor),
                room,
            )
        });
        if opened.reads {
            let readable = match self.store.rules().reading {
                Reading::Take => available > 0 && self.may_take(),
                Reading::Copy => available > 0,
            };
            let empty = available == 0;
            if readable || over || empty && self.is_end(opened) {
                events = events | Events::READABLE;
            }
            // What nobody has begun to take may still come to this open.
            let more = match self.store.rules().reading {
                Reading::Take => self.store.offers(),
                Reading::Copy => false,
            };
            if empty && !more && self.hung_up(opened) {
                events = events | Events::HANGUP;
            }
        }
        if opened.writes {
            match self.may_write(room) {
                true => events = events | Events::WRITABLE,
                false => self.was_full = true,
            }
        }
        events
    }
}
