// SPDX-License-Identifier: GPL-2.0

//! The absolute targets for a native machine, and what was measured.

use mydevice_figures::{Record, Who, Work};

use crate::{
    run::{Place, Run},
    text::{heading, number, row, time},
};

/// A target for a native machine.
struct Target {
    what: &'static str,
    bound: Bound,
    /// The value in the bound's unit.
    figure: fn(&Record) -> Option<f64>,
    /// Why it may not be met, where the machine is not the reason.
    reason: &'static str,
}

#[derive(Clone, Copy)]
enum Bound {
    /// Nanoseconds.
    Under(f64),
    /// Bytes.
    Bytes(f64),
    /// Million bytes a second, of so many bytes an operation.
    Over(f64),
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::Under(bound) => format!("under {}", time(bound)),
            Self::Bytes(bound) => format!("under {bound:.0} bytes"),
            Self::Over(bound) => format!("over {bound:.0} MB/s"),
        }
    }

    fn value(self, value: f64) -> String {
        match self {
            Self::Under(_) => time(value),
            Self::Bytes(_) => format!("{value:.0} bytes"),
            Self::Over(_) => format!("{} MB/s", number(value)),
        }
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::Under(bound) | Self::Bytes(bound) => value < bound,
            Self::Over(bound) => value > bound,
        }
    }
}

/// The median of a figure.
fn median(record: &Record, work: Work, who: Who, size: u64) -> Option<f64> {
    Some(record.find(work, who, size, 0)?.sample().median())
}

fn ours(record: &Record, work: Work, size: u64) -> Option<f64> {
    median(record, work, Who::MyDevice, size)
}

/// Million bytes a second of messages of 4 KiB.
fn rate(record: &Record, work: Work) -> Option<f64> {
    Some(4096.0 * 1e3 / ours(record, work, 4096)?)
}

const TARGETS: &[Target] = &[
    Target {
        what: "`hello` loads",
        bound: Bound::Under(10e6),
        figure: |r| median(r, Work::Load, Who::Hello, 0),
        reason: "most of it is the kernel's: reading, checking and linking the file",
    },
    Target {
        what: "`hello` in memory after its start",
        bound: Bound::Bytes(4096.0),
        figure: |r| median(r, Work::ModuleSize, Who::Hello, 0),
        reason: "the kernel gives code, constants, data and data that becomes constant whole pages of their own",
    },
    Target {
        what: "`hello` builds from scratch, on the host",
        bound: Bound::Under(2e9),
        figure: |r| median(r, Work::Build, Who::Hello, 0),
        reason: "",
    },
    Target {
        what: "sequential write in calls of 4 KiB",
        bound: Bound::Over(2000.0),
        figure: |r| rate(r, Work::Write),
        reason: "",
    },
    Target {
        what: "sequential read in calls of 4 KiB",
        bound: Bound::Over(2000.0),
        figure: |r| rate(r, Work::Read),
        reason: "",
    },
    Target {
        what: "a write of 64 B",
        bound: Bound::Under(1500.0),
        figure: |r| ours(r, Work::Write, 64),
        reason: "",
    },
    Target {
        what: "open",
        bound: Bound::Under(400.0),
        figure: |r| ours(r, Work::Open, 0),
        reason: "opening /dev/null, which does nothing of its own, is in the table of calls",
    },
    Target {
        what: "STATUS",
        bound: Bound::Under(400.0),
        figure: |r| ours(r, Work::Status, 0),
        reason: "",
    },
    Target {
        what: "RESIZE from 4 KiB to 8 KiB, full",
        bound: Bound::Under(5000.0),
        figure: |r| ours(r, Work::Resize, 4096),
        reason: "",
    },
    Target {
        what: "reading the `/proc` entry: open, read, close",
        bound: Bound::Under(100e3),
        figure: |r| ours(r, Work::ProcRead, 0),
        reason: "",
    },
    Target {
        what: "an uncontended lock: less than FIONREAD, which takes one, minus a call that does nothing",
        bound: Bound::Under(12.0),
        figure: |r| Some(ours(r, Work::Unread, 0)? - median(r, Work::SystemCall, Who::Kernel, 0)?),
        reason: "no call does only that, so this is a bound: with the lock goes the way to the driver",
    },
    Target {
        what: "a context switch",
        bound: Bound::Under(5000.0),
        figure: |r| median(r, Work::ContextSwitch, Who::Kernel, 0),
        reason: "it is the kernel's own: two processes that call sched_yield",
    },
    Target {
        what: "the wait path without a wait: a read of 64 B that may wait, minus one that may not",
        bound: Bound::Under(100.0),
        figure: |r| Some(ours(r, Work::Read, 64)? - ours(r, Work::ReadNonblocking, 64)?),
        reason: "",
    },
    Target {
        what: "several processes together: 4:4 in messages of 4 KiB",
        bound: Bound::Over(500.0),
        figure: |r| rate(r, Work::FourToFour),
        reason: "",
    },
];

/// The table of all absolute targets; each is judged on the machine where it is best met.
pub fn table(runs: &[Run]) -> String {
    let mut table = heading(&["what", "asked", "figure", "machine", "met"]);
    // Instructions are no time.
    let timed: Vec<_> = runs.iter().filter(|r| r.place != Place::Icount).collect();
    for target in TARGETS {
        let figures: Vec<_> = timed
            .iter()
            .filter_map(|run| Some((*run, (target.figure)(&run.record)?)))
            .collect();
        // A difference of less than nothing is one that the noise has swallowed.
        let real = figures.iter().copied().filter(|(_, value)| *value > 0.0);
        let best = real.min_by(|(_, a), (_, b)| match target.bound {
            Bound::Over(_) => b.total_cmp(a),
            _ => a.total_cmp(b),
        });
        let (figure, machine, met) = match best {
            Some((run, value)) => (
                target.bound.value(value),
                machine(run),
                judge(target, run, value),
            ),
            None if figures.is_empty() => (none(), none(), "not measured".to_owned()),
            None => (none(), none(), "lost in the noise".to_owned()),
        };
        table += &row([
            target.what.to_owned(),
            target.bound.text(),
            figure,
            machine,
            met,
        ]);
    }
    table
}

fn none() -> String {
    "–".to_owned()
}

/// Where a figure is from, and what made the processors there.
fn machine(run: &Run) -> String {
    let accelerator = run.host.accelerator.split(',').next().unwrap_or_default();
    format!("{}: {accelerator}", run.place.title())
}

/// Whether it is met, and what is known of why not.
fn judge(target: &Target, run: &Run, value: f64) -> String {
    if target.bound.holds(value) {
        return "met".to_owned();
    }
    let call = median(&run.record, Work::SystemCall, Who::Kernel, 0);
    let slow = match (target.bound, call) {
        (Bound::Under(bound), Some(call)) if call > bound / 4.0 => format!(
            "a system call that does nothing takes {} of it on this machine",
            time(call)
        ),
        (Bound::Over(_), _) => "see the copy floor of this machine in the tables below".to_owned(),
        _ => String::new(),
    };
    let reasons = [target.reason, &slow].map(str::to_owned);
    let reasons: Vec<_> = reasons.into_iter().filter(|r| !r.is_empty()).collect();
    match reasons.is_empty() {
        true => "**not met**".to_owned(),
        false => format!("**not met**: {}", reasons.join("; ")),
    }
}
