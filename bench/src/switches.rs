// SPDX-License-Identifier: GPL-2.0

//! What the kernel takes to go from one process to another.

use anyhow::{Context, Result};
use mydevice_figures::{Entry, Who, Work};
use nix::{
    sched::{CpuSet, sched_setaffinity, sched_yield},
    unistd::Pid,
};

use crate::{book::Book, crew::Crew, plan::Plan};

/// Two processes on one processor, each of which gives way to the other again and again.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let times = plan.scaled(20_000);
    for _ in 0..plan.rounds {
        let mut crew = Crew::new()?;
        for _ in 0..2 {
            crew.fork(|| {
                let mut one = CpuSet::new();
                one.set(0)?;
                sched_setaffinity(Pid::from_raw(0), &one)
                    .context("going to the first processor")?;
                Ok(move || {
                    for _ in 0..times {
                        sched_yield()?;
                    }
                    Ok(())
                })
            })?;
        }
        let entry = Entry::new(Work::ContextSwitch, Who::Kernel);
        book.note_time(entry, crew.run()?, 2 * times);
    }
    Ok(())
}
