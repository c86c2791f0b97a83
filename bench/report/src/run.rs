// SPDX-License-Identifier: GPL-2.0

//! A run of the program that measures, with what is known of where it ran.

use mydevice_figures::{Record, Unit, Work};
use serde::{Deserialize, Serialize};

/// A run of the program that measures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Where it was.
    pub place: Place,
    /// The machine around it.
    pub host: Host,
    /// What it found.
    pub record: Record,
}

/// The kinds of machine that are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The stock kernel in the VM as the tests have it.
    Stock,
    /// The stock kernel in a VM whose clock counts instructions.
    Icount,
    /// User Mode Linux: a kernel that is a process of the host, and copies as fast as that.
    Uml,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stock, Self::Icount, Self::Uml];

    /// What it is called in names of files, and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Icount => "icount",
            Self::Uml => "uml",
        }
    }

    /// What it is called in the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Icount => "stock, instructions counted",
            Self::Uml => "User Mode Linux",
        }
    }

    /// What stands behind a number of that work.
    pub fn unit(self, work: Work) -> &'static str {
        match (work.unit(), self) {
            (Unit::Nanoseconds, Self::Icount) => "instructions",
            (Unit::Nanoseconds, _) => "ns",
            (Unit::Bytes, _) => "bytes",
            (Unit::Threads, _) => "threads",
        }
    }
}

/// The machine around a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    /// The model of its processor, and how many it has.
    pub processor: String,
    /// What makes the guest's processor.
    pub accelerator: String,
    /// The versions of what matters, each with its name.
    pub versions: Vec<(String, String)>,
    /// The commit that was measured.
    pub commit: String,
    /// The day.
    pub date: String,
    /// The host's load in the minute before the run, and its processors: a sign of who else was there.
    pub load: String,
}
