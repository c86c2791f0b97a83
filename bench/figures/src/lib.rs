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
    /// What was done.
    pub work: Work,
    /// By what.
    pub who: Who,
    /// The bytes of a message; 0 where there is none.
    pub size: u64,
    /// How many there were of what the work counts.
    pub count: u64,
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

/// One thing that was measured once a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What was done.
    pub work: Work,
    /// By what.
    pub who: Who,
    /// The bytes of a message; 0 where there is none.
    pub size: u64,
    /// How many there were of what the work counts: sleepers, instances, requests in flight; 0 where it counts nothing.
    pub count: u64,
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
        self.figures
            .iter()
            .find(|f| (f.work, f.who, f.size, f.count) == (work, who, size, count))
    }

    /// All figures of that work.
    pub fn of(&self, work: Work) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(move |f| f.work == work)
    }
}
