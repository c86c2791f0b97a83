// SPDX-License-Identifier: GPL-2.0

//! What the program that measures, in a guest, hands to the report, on the host.
//!
//! A [`Figure`] is one thing that was measured once a round. Its values keep the order of the rounds, so that those of
//! two contenders can be compared round by round.

mod sample;
mod work;

use std::ops::Range;

pub use sample::Sample;
use serde::{Deserialize, Serialize};
pub use work::{Unit, Who, Work};

/// All that one run of the program found out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Where it ran.
    pub guest: Guest,
    /// What it measured.
    pub figures: Vec<Figure>,
    /// What a profile of it has to know, if it was asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// What makes a profile of the instructions that were counted beside the figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// The functions of the kernel and of its modules, as lines of `/proc/kallsyms`.
    pub symbols: String,
    /// What was timed.
    pub profiled: Vec<Profiled>,
}

/// What was timed, once or as often as a round asks for, by somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profiled {
    /// What was timed.
    #[serde(flatten)]
    pub entry: Entry,
    /// How often it was done.
    pub operations: u64,
    /// The numbers of the windows between marks in which it was done.
    pub windows: Range<u64>,
}

/// The system that the program ran on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// The kernel, as `uname -r` has it.
    pub kernel: String,
    /// Processors.
    pub processors: usize,
    /// Memory in MiB.
    pub memory: u64,
}

/// What a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was done.
    pub work: Work,
    /// By what.
    pub who: Who,
    /// The bytes of a message; 0 where there is none.
    pub size: u64,
    /// How many there were of what the work counts: sleepers, instances, requests in flight; 0 where it counts nothing.
    pub count: u64,
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

/// One thing that was measured once a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    #[serde(flatten)]
    pub entry: Entry,
    /// A value a round, in the work's unit.
    pub values: Vec<f64>,
}

impl Figure {
    /// The values as a sample.
    pub fn sample(&self) -> Sample {
        Sample::new(self.values.clone())
    }
}

impl Record {
    /// The figure of that description, if it was measured.
    pub fn find(&self, work: Work, who: Who, size: u64, count: u64) -> Option<&Figure> {
        let entry = Entry {
            work,
            who,
            size,
            count,
        };
        self.figures.iter().find(|figure| figure.entry == entry)
    }

    /// All figures of that work.
    pub fn of(&self, work: Work) -> impl Iterator<Item = &Figure> {
        self.figures
            .iter()
            .filter(move |figure| figure.entry.work == work)
    }
}
