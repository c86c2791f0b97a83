// SPDX-License-Identifier: GPL-2.0

//! Writing records.

#![forbid(unsafe_code)]

use kernel::{iov::IovIterSource, prelude::*, sync::Arc};

use super::{Instance, News, Opened, Sleepers, State};
use crate::{
    discipline::{Block, Garbage, Inlet, Records},
    kapi::{
        file::MAX_RW_COUNT,
        memory::Memory,
        sched::{cond_resched, is_being_killed},
        wait::Patience,
    },
    params,
    queue::extent::Extent,
};

/// What became of a record, see [`State::push`].
enum Push {
    /// It is in, and the capacity has become the second from the first.
    Done(usize, usize),
    /// There is more to be dropped to make room.
    Again,
    /// There is room, for a record in a block of this shape.
    Reshape(Extent),
    /// There is no room, and none can be made.
    Full,
    /// It will never be in.
    Refused(Error),
}

impl Instance {
    /// Takes one record, never empty, from a writer, and returns its length.
    ///
    /// The bytes are copied first, so a record is in as a whole or not at all. Sleeps, unless `nonblocking`, for
    /// room; and as long as the writer's memory takes to come.
    ///
    /// Errors: ENODEV if the instance was removed; EMSGSIZE if the record could never be held; EAGAIN if it would
    /// have to wait and must not; ERESTARTSYS for a signal in the wait; EINTR if it is killed as it makes room; ENOMEM; EFAULT.
    pub(super) fn write_record(
        &self,
        opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        let len = iov.len();
        let shape = {
            let mut state = self.state.lock();
            let shape = state.takes_record(len)?.shape(len);
            if nonblocking && (state.gate.overhauling() || !state.store.has_room(len)) {
                return state.refuse(opened, len);
            }
            shape
        };
        let memory = Memory::new(shape.size())?;
        if memory.copy_from_iter(shape.place(), len, iov) < len {
            return Err(EFAULT);
        }
        let mut record = Block::new(memory, shape, len)?;

        let mut evicts = false;
        let mut state = self.state.lock();
        loop {
            let mut garbage = Garbage::default();
            let mut push = state.push(&record, len, &mut evicts, &mut garbage);
            if let (Push::Full, true) = (&push, nonblocking) {
                return state.refuse(opened, len);
            }
            if let Push::Full = push {
                state.counters.writer_waited();
                let (locked, result) = self.wait(
                    Sleepers::Writers,
                    state,
                    Patience::ENDLESS,
                    |state| match state.push(&record, len, &mut evicts, &mut garbage) {
                        Push::Full => None,
                        other => Some(other),
                    },
                );
                state = locked;
                push = result.unwrap_or(Push::Refused(ERESTARTSYS));
            }
            let news = match push {
                Push::Done(..) => News::DATA,
                _ => News::NONE,
            };
            self.give_back(state, news);
            drop(garbage);
            match push {
                Push::Done(before, after) => {
                    if after > before && params::log_events() {
                        pr_info!("{}: grows from {before} to {after}\n", self.label());
                    }
                    return Ok(len);
                }
                Push::Refused(error) => return Err(error),
                Push::Reshape(shape) => {
                    record = record.reshaped(shape)?.ok_or(EINVAL)?;
                    state = self.state.lock();
                }
                Push::Again | Push::Full => {
                    cond_resched();
                    // Others may fill what it empties, for ever.
                    if is_being_killed() {
                        return Err(EINTR);
                    }
                    state = self.state.lock();
                }
            }
        }
    }
}

impl State {
    /// ENODEV or EMSGSIZE if a record of this length will never be in.
    fn takes_record(&mut self, len: usize) -> Result<&mut dyn Records> {
        self.alive()?;
        match self.store.inlet() {
            // What is as long as a call can be may be the beginning of something longer.
            Inlet::Records(records) if len <= records.longest() && len < MAX_RW_COUNT => {
                Ok(records)
            }
            _ => Err(EMSGSIZE),
        }
    }

    /// EAGAIN, and a note of what would have to fit.
    fn refuse<R>(&mut self, opened: &Opened, len: usize) -> Result<R> {
        opened.cursor.lock().refused = len;
        self.was_full = true;
        Err(EAGAIN)
    }

    /// Adds a record of `len` bytes, if there is room or room can be made. `evicts` is whether others have gone for it.
    fn push(
        &mut self,
        record: &Arc<Block>,
        len: usize,
        evicts: &mut bool,
        garbage: &mut Garbage,
    ) -> Push {
        let overhauling = self.gate.overhauling();
        let before = self.store.capacity();
        let records = match self.takes_record(len) {
            Ok(records) => records,
            Err(error) => return Push::Refused(error),
        };
        if overhauling {
            return Push::Full;
        }
        let (evicted, room) = records.make_room(len, garbage);
        // Then nothing that may fail is to come before it is in.
        *evicts |= evicted > 0;
        let push = match room {
            true if records.push(record, *evicts) => Push::Done(before, self.store.capacity()),
            true => Push::Reshape(records.shape(len)),
            false if evicted > 0 => Push::Again,
            false => Push::Full,
        };
        self.counters.evicted(evicted);
        if let Push::Done(..) = push {
            let used = self.store.used();
            self.counters.write(len, true, used);
        }
        push
    }
}
