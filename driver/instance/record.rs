// SPDX-License-Identifier: GPL-2.0

//! Writing, and writing records.

#![forbid(unsafe_code)]

use kernel::{iov::IovIterSource, prelude::*, sync::Arc};

use super::{Instance, News, Opened, State};
use crate::{
    discipline::{Garbage, Inlet, Record},
    kapi::{memory::Memory, wait::Patience},
    params,
};

/// What became of a record, see [`State::push`].
enum Push {
    /// It is in.
    Done,
    /// There is more to be dropped to make room.
    Again,
    /// There is no room, and none can be made.
    Full,
    /// It will never be in.
    Refused(Error),
}

impl Instance {
    /// Takes bytes from a writer, and returns how many; as bytes or as a record, as the discipline has it.
    ///
    /// See [`Instance::write_bytes`], [`Instance::write_record`] and [`Instance::write_file`] for what it waits for and its errors.
    pub(crate) fn write(
        &self,
        opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        let (records, files) = {
            let mut state = self.state.lock();
            state.alive()?;
            match state.store.inlet() {
                Inlet::Bytes(_) => (false, false),
                Inlet::Records(_) => (true, false),
                Inlet::Files(_) => (false, true),
            }
        };
        if iov.is_empty() {
            return Ok(0);
        }
        match (records, files) {
            (true, _) => self.write_record(opened, iov, nonblocking),
            (_, true) => self.write_file(opened, iov, nonblocking),
            _ => self.write_bytes(iov, nonblocking),
        }
    }

    /// Takes one record, never empty, from a writer, and returns its length.
    ///
    /// The bytes are copied first, so a record is in as a whole or not at all. Sleeps, unless `nonblocking`, for
    /// room; and as long as the writer's memory takes to come.
    ///
    /// Errors: ENODEV if the instance was removed; EMSGSIZE if the record could never be held; EAGAIN if it would
    /// have to wait and must not; ERESTARTSYS for a signal in the wait; ENOMEM; EFAULT.
    fn write_record(
        &self,
        opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        let len = iov.len();
        {
            let mut state = self.state.lock();
            state.takes_record(len)?;
            if nonblocking && (state.gate.overhauling() || !state.store.has_room(len)) {
                return state.refuse(opened, len);
            }
        }
        let memory = Memory::new(len)?;
        if memory.copy_from_iter(0, len, iov) < len {
            return Err(EFAULT);
        }
        let record = Record::new(memory, len)?;

        let mut state = self.state.lock();
        loop {
            let mut garbage = Garbage::default();
            let before = state.store.capacity();
            let mut push = state.push(&record, &mut garbage);
            if let (Push::Full, true) = (&push, nonblocking) {
                return state.refuse(opened, len);
            }
            if let Push::Full = push {
                state.counters.writer_waited();
                let (locked, result) =
                    self.writers
                        .wait_until(&self.state, state, Patience::ENDLESS, |state| {
                            match state.push(&record, &mut garbage) {
                                Push::Full => None,
                                other => Some(other),
                            }
                        });
                state = locked;
                push = result.unwrap_or(Push::Refused(ERESTARTSYS));
            }
            let after = state.store.capacity();
            let wake = state.settle(match push {
                Push::Done => News::DATA,
                _ => News::NONE,
            });
            drop(state);
            self.wake(wake);
            drop(garbage);
            match push {
                Push::Done => {
                    if after > before && params::log_events() {
                        pr_info!("{}: grows from {before} to {after}\n", self.label());
                    }
                    return Ok(len);
                }
                Push::Refused(error) => return Err(error),
                Push::Again | Push::Full => state = self.state.lock(),
            }
        }
    }
}

impl State {
    /// ENODEV or EMSGSIZE if a record of this length will never be in.
    fn takes_record(&mut self, len: usize) -> Result {
        self.alive()?;
        match self.store.inlet() {
            Inlet::Records(records) if len <= records.longest() => Ok(()),
            _ => Err(EMSGSIZE),
        }
    }

    /// EAGAIN, and a note of what would have to fit.
    fn refuse<R>(&mut self, opened: &Opened, len: usize) -> Result<R> {
        opened.cursor.lock().refused = len;
        self.was_full = true;
        Err(EAGAIN)
    }

    /// Adds a record, if there is room or room can be made.
    fn push(&mut self, record: &Arc<Record>, garbage: &mut Garbage) -> Push {
        let len = record.len();
        if let Err(error) = self.takes_record(len) {
            return Push::Refused(error);
        }
        if self.gate.overhauling() {
            return Push::Full;
        }
        let Inlet::Records(records) = self.store.inlet() else {
            return Push::Refused(EMSGSIZE);
        };
        let (evicted, room) = records.make_room(len, garbage);
        if room {
            records.push(record.clone());
        }
        self.counters.evicted(evicted);
        if room {
            let used = self.store.used();
            self.counters.write(len, true, used);
            Push::Done
        } else if evicted > 0 {
            Push::Again
        } else {
            Push::Full
        }
    }
}
