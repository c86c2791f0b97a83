// SPDX-License-Identifier: GPL-2.0

//! What an instance starts with, and what can be set in sysfs.

#![forbid(unsafe_code)]

use kernel::prelude::*;

use super::{Instance, News, State};
use crate::{
    discipline::{Kind, OnEmpty, Store, CAPACITY_LIMIT},
    params,
};

/// What can be set on an instance, and what it starts with.
pub(crate) struct Settings {
    /// Its discipline.
    pub(crate) kind: Kind,
    /// The bytes of data that it may hold.
    pub(crate) capacity: usize,
    /// The largest capacity that RESIZE may set, in bytes.
    pub(crate) max_capacity: usize,
    /// What a read meets when there is nothing for it.
    pub(crate) on_empty: OnEmpty,
    /// How long a read waits, in milliseconds; 0 for without end.
    pub(crate) read_timeout_ms: u32,
}

impl Settings {
    /// What an instance of this discipline has unless it is told otherwise.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            capacity: kind.rules().capacity.unwrap_or_else(params::capacity),
            max_capacity: kind.rules().max_capacity,
            on_empty: kind.rules().on_empty,
            read_timeout_ms: 0,
        }
    }
}

impl Instance {
    /// Its largest capacity, in bytes.
    pub(crate) fn max_capacity(&self) -> usize {
        self.state.lock().max_capacity
    }

    /// Sets the largest capacity, and wakes writers, who may have room now or none for ever; EINVAL if that is less than
    /// the capacity, or more than there can be.
    pub(crate) fn set_max_capacity(&self, bytes: usize) -> Result {
        let mut state = self.state.lock();
        if bytes < state.store.capacity() || bytes > CAPACITY_LIMIT {
            return Err(EINVAL);
        }
        state.max_capacity = bytes;
        state.store.set_max_capacity(bytes);
        let wake = state.settle_limit();
        drop(state);
        self.wake(wake);
        Ok(())
    }

    /// What a read meets when there is nothing for it.
    pub(crate) fn on_empty(&self) -> OnEmpty {
        self.state.lock().on_empty
    }

    /// Sets what a read meets when there is nothing for it, those that wait now included.
    pub(crate) fn set_on_empty(&self, on_empty: OnEmpty) {
        let mut state = self.state.lock();
        state.on_empty = on_empty;
        self.give_back(state, News::DATA);
    }

    /// How long a read waits, in milliseconds; 0 for without end.
    pub(crate) fn read_timeout_ms(&self) -> u32 {
        self.state.lock().read_timeout_ms
    }

    /// Sets how long reads wait that begin to wait from now on.
    pub(crate) fn set_read_timeout_ms(&self, millis: u32) {
        self.state.lock().read_timeout_ms = millis;
    }

    /// Changes the discipline, and with it `capacity`, `max_capacity` and `on_empty` to its defaults.
    ///
    /// Errors: EBUSY unless the instance is empty and nothing has it open; ENOMEM.
    pub(crate) fn set_discipline(&self, kind: Kind) -> Result {
        self.state.lock().at_rest()?;
        let settings = Settings::new(kind);
        let mut store = Store::new(kind, settings.capacity)?;
        let mut state = self.state.lock();
        // Somebody may have come while this was allocated.
        state.at_rest()?;
        core::mem::swap(&mut state.store, &mut store);
        state.max_capacity = settings.max_capacity;
        state.on_empty = settings.on_empty;
        drop(state);
        // The old one goes without the lock.
        drop(store);
        Ok(())
    }
}

impl State {
    /// EBUSY unless the instance is empty and nothing has it open or works on it; ENODEV if it was removed.
    fn at_rest(&self) -> Result {
        self.alive()?;
        match self.counters.opens > 0 || self.store.used() > 0 || !self.gate.idle() {
            true => Err(EBUSY),
            false => Ok(()),
        }
    }
}
