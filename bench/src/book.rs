// SPDX-License-Identifier: GPL-2.0

//! Where values are noted as they come.

use std::time::Duration;

use anyhow::Result;
use mydevice_figures::{Figure, Profiled, Who, Work};

use crate::stopwatch::{Stopwatch, windows};

/// All values so far, a figure for each thing that was measured.
#[derive(Default)]
pub struct Book {
    figures: Vec<Figure>,
    profiled: Vec<Profiled>,
}

/// What a value is of.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    work: Work,
    who: Who,
    size: u64,
    count: u64,
}

impl Entry {
    /// That work done by that contender.
    pub fn new(work: Work, who: Who) -> Self {
        Self {
            work,
            who,
            size: 0,
            count: 0,
        }
    }

    /// With messages of so many bytes.
    pub fn size(self, size: usize) -> Self {
        let size = size as u64;
        Self { size, ..self }
    }

    /// With so many of what the work counts.
    pub fn count(self, count: usize) -> Self {
        let count = count as u64;
        Self { count, ..self }
    }

    /// How many that are.
    pub fn counted(self) -> usize {
        self.count as usize
    }
}

impl Book {
    /// Notes the value of one round.
    pub fn note(&mut self, entry: Entry, value: f64) {
        let Entry {
            work,
            who,
            size,
            count,
        } = entry;
        let same = |f: &&mut Figure| (f.work, f.who, f.size, f.count) == (work, who, size, count);
        match self.figures.iter_mut().find(same) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure {
                work,
                who,
                size,
                count,
                values: vec![value],
            }),
        }
    }

    /// Notes what one of `operations` took that took `time` together.
    pub fn note_time(&mut self, entry: Entry, time: Duration, operations: usize) {
        self.note(entry, time.as_secs_f64() * 1e9 / operations as f64);
        self.note_windows(entry, operations);
    }

    /// Notes that what was timed since the last such note was that work, so many times.
    pub fn note_windows(&mut self, entry: Entry, operations: usize) {
        let Entry {
            work,
            who,
            size,
            count,
        } = entry;
        self.profiled.push(Profiled {
            work,
            who,
            size,
            count,
            operations: operations as u64,
            windows: windows(),
        });
    }

    /// Does `work` so often, and notes what one time took.
    pub fn time(
        &mut self,
        entry: Entry,
        operations: usize,
        mut work: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let watch = Stopwatch::start();
        for _ in 0..operations {
            work()?;
        }
        self.note_time(entry, watch.stop(), operations);
        Ok(())
    }

    /// All that was noted: the figures, and what a profile has to know.
    pub fn close(self) -> (Vec<Figure>, Vec<Profiled>) {
        (self.figures, self.profiled)
    }
}
