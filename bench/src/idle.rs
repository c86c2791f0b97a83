// SPDX-License-Identifier: GPL-2.0

//! What idle instances, each with a sleeping reader, cost the one that is busy.

use std::{thread::sleep, time::Duration};

use anyhow::Result;
use mydevice_figures::{Entry, Who, Work};
use mydevice_tests::Instance;

use crate::{
    book::Book,
    channel::{instance, open},
    crowd::Crowd,
    plan::Plan,
    transfer::Transfer,
};

/// The bytes of a message.
const SIZE: usize = 64;

/// How long the kernel may take to clean up.
const QUIET: Duration = Duration::from_millis(300);

/// The same transfer beside more and more idle instances, in each round from none on.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let transfer = Transfer {
        writers: 1,
        readers: 1,
        size: SIZE,
        messages: plan.scaled(20_000),
    };
    for _ in 0..plan.rounds {
        let mut idle = Idle::new()?;
        for &count in plan.idle {
            idle.grow(count)?;
            // What was added and taken away just now leaves the kernel work behind, which is no part of the answer.
            sleep(QUIET);
            transfer.time(Who::MyDevice)?;
            let time = transfer.time(Who::MyDevice)?;
            let entry = Entry::new(Work::BesideIdle, Who::MyDevice);
            book.note_time(entry.size(SIZE).count(count), time, transfer.total());
        }
        idle.end()?;
    }
    Ok(())
}

/// Idle instances.
struct Idle {
    instances: Vec<Instance>,
    readers: Crowd,
}

impl Idle {
    fn new() -> Result<Self> {
        Ok(Self {
            instances: Vec::new(),
            readers: Crowd::new()?,
        })
    }

    fn grow(&mut self, count: usize) -> Result<()> {
        for number in self.instances.len()..count {
            let idle = instance(&format!("idle{number}"), 4096)?;
            self.readers.add(|| open(idle.node(), false))?;
            self.instances.push(idle);
        }
        Ok(())
    }

    fn end(self) -> Result<()> {
        drop(self.readers);
        for instance in self.instances {
            instance.remove()?;
        }
        Ok(())
    }
}
