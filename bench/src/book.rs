// SPDX-License-Identifier: GPL-2.0

//! Where values are noted as they come.

use std::time::Duration;

use anyhow::Result;
use mydevice_figures::{Entry, Figure, Profiled};

use crate::stopwatch::{Stopwatch, windows};

/// All values so far, a figure for each thing that was measured.
#[derive(Default)]
pub struct Book {
    figures: Vec<Figure>,
    profiled: Vec<Profiled>,
}

impl Book {
    /// Notes the value of one round.
    pub fn note(&mut self, entry: Entry, value: f64) {
        match (self.figures.iter_mut()).find(|figure| figure.entry == entry) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure {
                entry,
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
        self.profiled.push(Profiled {
            entry,
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
