// SPDX-License-Identifier: GPL-2.0

//! Who is woken, and what pollers see.

#![forbid(unsafe_code)]

use super::{
    overhaul::{self, Locked},
    Instance, Opened, State, Users,
};
use crate::{
    discipline::{Full, OnEmpty, Reading},
    kapi::{
        fasync::Band,
        poll::{Events, Reach},
        wait::{Ended, Patience, WaitQueue},
    },
};

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
    pub(super) const ROOM: Self = Self {
        data: false,
        room: true,
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

/// Where callers sleep, see [`Instance::wait`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sleepers {
    Readers,
    Followers,
    Writers,
    MidWriter,
    Overhauls,
    Passing,
}

/// The queues in which there may be one to wake: a set. Not in it is a queue of which one was named to be woken, and in
/// which nobody has looked since. That one will look, and whoever looks puts the queue back into the set; until then
/// there is no need to name another.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unserved(u8);

impl Unserved {
    /// Beside the queues, which are [`Sleepers`]: those who wait awake.
    const AWAKE: u8 = 1 << 7;

    fn has(self, who: Sleepers) -> bool {
        self.0 & 1 << who as u8 != 0
    }

    fn put(&mut self, who: Sleepers) {
        // Of the others all are woken, or none but by a note of their own.
        if let Sleepers::Readers | Sleepers::Writers | Sleepers::MidWriter = who {
            self.0 |= 1 << who as u8;
        }
    }

    /// Whoever waits awake is about to look no more until it is told to.
    pub(super) fn put_awake(&mut self) {
        self.0 |= Self::AWAKE;
    }

    /// Takes out those who wait awake; whether there may be any.
    fn name_awake(&mut self) -> bool {
        let named = self.0 & Self::AWAKE != 0;
        self.0 &= !Self::AWAKE;
        named
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn take(&mut self, who: Sleepers) {
        self.0 &= !(1 << who as u8);
    }

    /// Takes the queue out, if it is named now; whether it was in.
    fn name(&mut self, who: Sleepers, so: bool) -> bool {
        let named = so && self.has(who);
        if named {
            self.take(who);
        }
        named
    }
}

/// Who is to be woken once the lock is given back: a set.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wake(u16);

impl Wake {
    const NOBODY: Self = Self(0);
    const ONE_READER: Self = Self(1 << 0);
    const ALL_READERS: Self = Self(1 << 1);
    const ONE_WRITER: Self = Self(1 << 2);
    const ALL_WRITERS: Self = Self(1 << 3);
    const FOLLOWERS: Self = Self(1 << 4);
    const MID_WRITER: Self = Self(1 << 5);
    const OVERHAUL: Self = Self(1 << 6);
    /// Pollers for data are told.
    const READABLE: Self = Self(1 << 7);
    /// But what there is for each of them is for it to see: something of its own, or the end.
    const EACH_READABLE: Self = Self(1 << 8);
    /// Pollers for room are told.
    const WRITABLE: Self = Self(1 << 9);
    /// But each of them waits for room of its own.
    const EACH_WRITABLE: Self = Self(1 << 10);
    /// Whoever waits awake looks again.
    const AWAKE: Self = Self(1 << 11);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of these is in the set.
    fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// Adds to the set, if `so`.
    fn add(&mut self, who: Self, so: bool) {
        if so {
            self.0 |= who.0;
        }
    }
}

impl Instance {
    /// Gives the lock back after a change, and wakes who can go on by it: see [`State::settle`]. Does not sleep.
    #[inline]
    pub(super) fn give_back(&self, mut state: Locked<'_>, news: News) {
        if state.is_quiet(news) && self.nobody_polls() {
            let room = state.store.has_room(1);
            state.room_is_news(news, room);
        } else {
            self.give_back_and_wake(state, news);
        }
    }

    /// [`Self::give_back`] where there may be somebody to wake.
    #[inline(never)]
    fn give_back_and_wake(&self, mut state: Locked<'_>, news: News) {
        let wake = state.settle(news);
        drop(state);
        self.wake(wake);
    }

    /// Whether nobody is to be told of events. For whoever has the lock.
    #[inline(always)]
    pub(super) fn nobody_polls(&self) -> bool {
        self.data_pollers.is_empty() && self.room_pollers.is_empty() && self.fasync.is_empty()
    }

    /// Where these sleep.
    pub(super) fn queue(&self, who: Sleepers) -> &WaitQueue {
        match who {
            Sleepers::Readers => &self.readers,
            Sleepers::Followers => &self.followers,
            Sleepers::Writers => &self.writers,
            Sleepers::MidWriter => &self.mid_writer,
            Sleepers::Overhauls => &self.overhauls,
            Sleepers::Passing => &self.passing,
        }
    }

    /// Sleeps among others of its kind until `look` gives something, with the lock held whenever it looks. See
    /// [`WaitQueue::wait_until`].
    pub(super) fn sleep<'a, R>(
        &'a self,
        who: Sleepers,
        mut state: Locked<'a>,
        patience: Patience,
        mut look: impl FnMut(&mut State) -> Option<R>,
    ) -> (Locked<'a>, Result<R, Ended>) {
        let queue = self.queue(who);
        // Whoever has the lock finds it asleep, or woken and on its way to look: it gives the lock back for nothing else.
        if let Some(waiting) = state.users.waiting(who) {
            *waiting = waiting.saturating_add(1);
        }
        let (mut state, result) = queue.wait_until(state, patience, |state| {
            state.unserved.put(who);
            look(state)
        });
        if let Some(waiting) = state.users.waiting(who) {
            *waiting = waiting.saturating_sub(1);
        }
        if queue.is_empty() {
            state.unserved.take(who);
        }
        (state, result)
    }

    /// Wakes whom [`State::settle`] named. Called without the lock.
    pub(super) fn wake(&self, wake: Wake) {
        if wake.has(Wake::AWAKE) {
            self.bell.ring();
        }
        if wake.has(Wake::OVERHAUL) {
            self.overhauls.wake_one();
        }
        if wake.has(Wake::ALL_READERS) {
            self.readers.wake_all();
        } else if wake.has(Wake::ONE_READER) {
            self.readers.wake_one();
        }
        if wake.has(Wake::FOLLOWERS) {
            self.followers.wake_all();
        }
        if wake.has(Wake::MID_WRITER) {
            self.mid_writer.wake_one();
        }
        if wake.has(Wake::ALL_WRITERS) {
            self.writers.wake_all();
        } else if wake.has(Wake::ONE_WRITER) {
            self.writers.wake_one();
        }
        if wake.has(Wake::READABLE) {
            // Some take the events for the answer, and who asked to be woken alone is told in place of another. So where
            // it is not the same for everybody, all look for themselves.
            let (events, all) = match wake.has(Wake::EACH_READABLE) {
                true => (Events::NONE, true),
                false => (Events::READABLE, wake.has(Wake::ALL_READERS)),
            };
            self.data_pollers.wake(events, Reach::all_if(all));
            self.fasync.signal(Band::In);
        }
        if wake.has(Wake::WRITABLE) {
            let each = wake.has(Wake::EACH_WRITABLE);
            let events = match each {
                true => Events::NONE,
                false => Events::WRITABLE,
            };
            self.room_pollers.wake(events, Reach::all_if(each));
            self.fasync.signal(Band::Out);
        }
    }
}

impl Users {
    /// How many sleep there, and in the other queue of their side; nothing of those who neither read nor write.
    fn waiting(&mut self, who: Sleepers) -> Option<&mut u64> {
        match who {
            Sleepers::Readers | Sleepers::Followers => Some(&mut self.waiting_readers),
            Sleepers::Writers | Sleepers::MidWriter => Some(&mut self.waiting_writers),
            Sleepers::Overhauls | Sleepers::Passing => None,
        }
    }
}

impl State {
    /// To be called before the lock is given back, after a change by which somebody may go on who could not
    /// before, and by whoever was woken and leaves without what it was woken for. Says who can go on now.
    ///
    /// Sleepers are named by what the state allows, not by what has changed, so that a wake-up whose receiver
    /// leaves is made up for by anybody's next step. Three things the state does not tell, and `news` must: that
    /// there is more for readers who each have a position of their own, that there is nothing more to come, and that
    /// there is more room for writers who each wait for as much as they need. Then all are named. So are all readers when
    /// one of them has begun to follow what others of its open are to follow, too.
    /// Pollers are told of what is new.
    pub(super) fn settle(&mut self, news: News) -> Wake {
        let mut wake = Wake::NOBODY;
        if self.overhauls_waiting > 0 && self.grant.is_none() && self.gate.begin_overhaul() {
            self.grants = self.grants.saturating_add(1);
            self.grant = Some(self.grants);
            wake.add(Wake::OVERHAUL, true);
        }
        self.settle_callers(news, &mut wake);
        wake
    }

    /// Whether [`Self::settle`] would name no sleeper, whatever else the state is.
    fn is_quiet(&self, news: News) -> bool {
        let rules = self.store.rules();
        let names_all = rules.files || rules.reading == Reading::Copy;
        self.unserved.is_empty()
            && self.overhauls_waiting == 0
            && !names_all
            && !(news.data && self.ends_reads())
    }

    /// The same of a ring, and that its news is none for pollers for room, when no overhaul waits: seen in fewer steps.
    #[inline(always)]
    pub(super) fn is_quiet_ring(&mut self) -> bool {
        let room = self.store.ring().is_some_and(|(ring, _)| ring.room() > 0);
        room && !self.was_full && self.unserved.is_empty() && !self.ends_reads()
    }

    /// Whether pollers for room are to be told of it, when there is some or none for a write of one byte: only those who
    /// have met none.
    fn room_is_news(&mut self, news: News, room: bool) -> bool {
        self.was_full |= !room;
        // Each writer of a file waits for something of its own.
        let files = news.room && self.store.rules().files;
        self.was_full |= files;
        let told = news.room && self.was_full && self.may_write(room || files);
        self.was_full &= !told;
        told
    }

    /// [`Self::settle`] for an overhaul that has ended: the next one is woken, but has to look for itself whether
    /// anybody copies. Were it given the gate at once, two that take turns would keep everybody else out.
    pub(super) fn settle_overhaul(&mut self) -> Wake {
        let mut wake = Wake::NOBODY;
        wake.add(Wake::OVERHAUL, self.overhauls_waiting > 0);
        self.settle_callers(News::BOTH, &mut wake);
        wake
    }

    /// [`Self::settle`] for a limit that was set: some may have room now, and what others wait to write will never fit. So
    /// all writers are named, each to see for itself.
    pub(super) fn settle_limit(&mut self) -> Wake {
        let mut wake = self.settle(News::ROOM);
        let all = Wake::ALL_WRITERS.or(Wake::WRITABLE).or(Wake::EACH_WRITABLE);
        wake.add(all, true);
        wake
    }

    /// Names everybody but overhauls.
    fn settle_callers(&mut self, news: News, wake: &mut Wake) {
        let rules = self.store.rules();
        let room = self.store.has_room(1);
        let one = rules.reading == Reading::Take && self.data_is_free();
        // Where nothing is left and nothing more to come, that is so for everybody; and a file ends for those who read it
        // alone.
        let over = self.ends_reads() && (rules.files || !self.store.offers());
        let all = news.data && (rules.reading == Reading::Copy || over);
        let each = all | core::mem::take(&mut self.to_be_moved);
        let readers = self.unserved.name(Sleepers::Readers, one);
        wake.add(Wake::AWAKE, self.unserved.name_awake());
        wake.add(Wake::ALL_READERS, each);
        wake.add(Wake::ONE_READER, readers);
        if readers || each && self.users.waiting_readers > 0 {
            self.readers_wait.woken();
        }
        let next = core::mem::take(&mut self.out_of_the_way);
        wake.add(Wake::READABLE, all || one && (news.data || next));
        let hung_up = all && self.writers_have_left();

        let turn_free = self.gate.write_turn_free();
        if !self.gate.overhauling() {
            let answered = room || rules.full == Full::NoSpace;
            let (one, mid) = (turn_free && answered, !turn_free && answered);
            // Each record has a length of its own, so one that fits may wait behind one that does not.
            let (who, one) = match rules.whole_records {
                true => (Wake::ALL_WRITERS, one && news.room),
                false => (Wake::ONE_WRITER, one),
            };
            let writer = self.unserved.name(Sleepers::Writers, one);
            let mid = self.unserved.name(Sleepers::MidWriter, mid);
            wake.add(who, writer);
            wake.add(Wake::MID_WRITER, mid);
            if writer || mid {
                self.writers_wait.woken();
            }
        }
        if rules.files {
            // Each writer and each reader of a file waits for something of its own.
            wake.add(Wake::FOLLOWERS.or(Wake::READABLE), news.data);
            wake.add(Wake::ALL_WRITERS, news.room);
        }
        let told = self.room_is_news(news, room);
        wake.add(Wake::WRITABLE, told);
        let by_place = rules.files || rules.reading == Reading::Copy;
        wake.add(Wake::EACH_READABLE, by_place || hung_up);
        // In a file of its own, or for a record of some length.
        wake.add(Wake::EACH_WRITABLE, rules.files || rules.whole_records);
    }

    /// For how many more milliseconds callers that may sleep are to let a waiting overhaul go first, if at all. That is
    /// so for a short time only, so that one that waits for a stalled copy does not hold up those who have nothing to do
    /// with it.
    pub(super) fn lets_pass(&self) -> Option<u32> {
        let since = self.passes_since.filter(|_| self.overhauls_waiting > 0)?;
        let left = overhaul::PASS_MS.checked_sub(since.elapsed().as_millis())?;
        u32::try_from(left).ok().filter(|left| *left > 0)
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
            OnEmpty::Hangup => self.writers_have_left(),
        }
    }

    /// Whether there is no writer, where that is what readers wait for (`hangup`).
    pub(super) fn writers_have_left(&self) -> bool {
        self.on_empty == OnEmpty::Hangup && self.users.writers == 0
    }

    /// Whether this open has lost its last writer (`hangup`).
    pub(super) fn hung_up(&self, opened: &Opened) -> bool {
        self.writers_have_left() && (opened.saw_writer || self.writers_ever != opened.writers_ever)
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
        let (available, over, room) = match self.store.ring() {
            // Of an open nothing is to be known.
            Some((ring, _)) => (ring.used(), false, ring.room() > 0),
            None => opened.with_cursor(&mut opened.own_cursor(position), |cursor| {
                let room = self.store.room_for(cursor, cursor.refused.max(1));
                (
                    self.store.available(cursor),
                    self.store.is_over(cursor),
                    room,
                )
            }),
        };
        if opened.reads {
            let readable = match self.store.rules().reading {
                Reading::Take => available > 0 && self.may_take(),
                Reading::Copy => available > 0,
            };
            let empty = available == 0;
            if readable || over || empty && self.is_end(opened) {
                events = events | Events::READABLE;
            }
            if empty && self.hung_up(opened) {
                // What nobody has begun to take may still come to this open; and at the end of its own file what others have
                // begun, since they may leave the rest.
                let more = match self.store.rules().reading {
                    Reading::Take if over => self.store.used() > 0,
                    Reading::Take => self.store.offers(),
                    Reading::Copy => false,
                };
                if !more {
                    events = events | Events::HANGUP;
                }
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
