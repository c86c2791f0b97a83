// SPDX-License-Identifier: GPL-2.0

//! What a write costs while many readers sleep: one of them is woken.

use std::{fs::File, io::Write, os::fd::OwnedFd};

use anyhow::{Context, Result};
use mydevice_figures::{Entry, Sample, Who, Work};
use mydevice_tests::Instance;
use nix::{fcntl::OFlag, unistd::pipe2};

use crate::{
    book::Book,
    channel::{instance, open},
    crowd::Crowd,
    plan::Plan,
    stopwatch::Stopwatch,
};

/// The bytes of a write.
const SIZE: usize = 64;
/// The writes of one round, of which the median counts.
const WRITES: usize = 50;

/// Writes to all crowds by turns.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let mut audiences = Vec::new();
    for &count in plan.sleepers {
        audiences.push(Audience::of_instance(count)?);
        audiences.push(Audience::of_pipe(count)?);
    }
    let writes = plan.scaled(WRITES);
    for _ in 0..plan.rounds {
        for audience in &mut audiences {
            let times = Sample::new(audience.write(writes)?);
            book.note(audience.entry, times.median());
            book.note_windows(audience.entry, writes);
        }
    }
    audiences.into_iter().try_for_each(Audience::end)
}

/// Sleeping readers, and the way to write to them.
struct Audience {
    entry: Entry,
    writer: File,
    crowd: Crowd,
    instance: Option<Instance>,
}

impl Audience {
    fn of_instance(count: usize) -> Result<Self> {
        let instance = instance(&format!("sleepers{count}"), 4096)?;
        let writer = open(instance.node(), true)?;
        let mut crowd = Crowd::new()?;
        for _ in 0..count {
            crowd.add(|| open(instance.node(), false))?;
        }
        Ok(Self {
            entry: Entry::new(Work::WriteToSleepers, Who::MyDevice).count(count),
            writer,
            crowd,
            instance: Some(instance),
        })
    }

    fn of_pipe(count: usize) -> Result<Self> {
        let (reader, writer): (OwnedFd, OwnedFd) = pipe2(OFlag::O_CLOEXEC)?;
        let mut crowd = Crowd::new()?;
        for _ in 0..count {
            crowd.add(|| Ok(reader.try_clone()?.into()))?;
        }
        Ok(Self {
            entry: Entry::new(Work::WriteToSleepers, Who::Pipe).count(count),
            writer: writer.into(),
            crowd,
            instance: None,
        })
    }

    /// Writes so often, always while all sleep; returns how many nanoseconds each call took.
    fn write(&mut self, times: usize) -> Result<Vec<f64>> {
        let mut taken = Vec::with_capacity(times);
        for _ in 0..times {
            let watch = Stopwatch::start();
            self.writer.write_all(&[7; SIZE]).context("writing")?;
            taken.push(watch.stop().as_secs_f64() * 1e9);
            self.crowd.settle()?;
        }
        Ok(taken)
    }

    fn end(self) -> Result<()> {
        drop(self.crowd);
        Ok(self.instance.map_or(Ok(()), |instance| instance.remove())?)
    }
}
