// SPDX-License-Identifier: GPL-2.0

//! Bytes from some writers to some readers, the whole transfer timed.

use std::time::Duration;

use anyhow::Result;
use mydevice_figures::{Entry, Who, Work};
use nix::{
    sys::{
        memfd::{MFdFlags, memfd_create},
        uio::{pread, pwrite},
    },
    unistd::ftruncate,
};

use crate::{book::Book, channel::Channel, crew::Crew, folios::LargeFolios, plan::Plan};

/// Each work with the number of writers, and of readers, that it has.
const CROWDS: [(Work, usize); 2] = [(Work::OneToOne, 1), (Work::FourToFour, 4)];

/// A file of that size has room for the largest folio.
const LARGE: usize = 2 << 20;

/// Transfers of every size by every contender, and the floor.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let _folios = LargeFolios::allow()?;
    for (work, crowd) in CROWDS {
        for &(size, messages) in &plan.transfers {
            let transfer = Transfer {
                writers: crowd,
                readers: crowd,
                size,
                messages: plan.scaled(messages).div_ceil(crowd),
            };
            for _ in 0..plan.rounds {
                for &who in &plan.contenders {
                    let entry = Entry::new(work, who).size(size);
                    book.note_time(entry, transfer.time(who)?, transfer.total());
                }
                if plan.floor {
                    let entry = Entry::new(work, Who::Floor).size(size);
                    book.note_time(entry, transfer.floor()?, transfer.total());
                }
            }
        }
    }
    Ok(())
}

/// A transfer.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Processes that write.
    pub writers: usize,
    /// Processes that read.
    pub readers: usize,
    /// The bytes of a message: of one `write`, and the most that one `read` asks for.
    pub size: usize,
    /// The messages of each writer.
    pub messages: usize,
}

impl Transfer {
    /// The capacity of the channel: a message's, and 64 KiB, a pipe's own, at least.
    pub fn capacity(&self) -> usize {
        self.size.max(64 << 10)
    }

    /// The messages of all writers.
    pub fn total(&self) -> usize {
        self.messages * self.writers
    }

    /// Does it; returns how long it took.
    pub fn time(&self, who: Who) -> Result<Duration> {
        let Self { size, messages, .. } = *self;
        let capacity = self.capacity();
        let mut channel = Channel::new(who, capacity, size, "transfer")?;
        let mut crew = Crew::new()?;
        for _ in 0..self.writers {
            crew.fork(|| {
                let mut writer = channel.writer(capacity)?;
                let message = vec![7; size];
                Ok(move || {
                    for _ in 0..messages {
                        writer.send(&message)?;
                    }
                    Ok(())
                })
            })?;
        }
        let share = self.total() / self.readers;
        for _ in 0..self.readers {
            crew.fork(|| {
                let mut reader = channel.reader()?;
                let mut buffer = vec![1; size];
                Ok(move || reader.receive_all(&mut buffer, share))
            })?;
        }
        channel.close_ends();
        let time = crew.run()?;
        channel.remove()?;
        Ok(time)
    }

    /// The floor: the same bytes copied into the kernel by the writers, and as many out of it by the readers, all at
    /// once, each message in a system call of its own, and nobody waits for anybody.
    pub fn floor(&self) -> Result<Duration> {
        let size = self.size;
        let mut crew = Crew::new()?;
        for member in 0..self.writers + self.readers {
            let writes = member < self.writers;
            let share = match writes {
                true => self.messages,
                false => self.total() / self.readers,
            };
            crew.fork(move || {
                let file = memfd_create("floor", MFdFlags::MFD_CLOEXEC)?;
                ftruncate(&file, i64::try_from(size.max(LARGE))?)?;
                let mut buffer = vec![1; size];
                pwrite(&file, &buffer, 0)?;
                Ok(move || {
                    for _ in 0..share {
                        match writes {
                            true => pwrite(&file, &buffer, 0)?,
                            false => pread(&file, &mut buffer, 0)?,
                        };
                    }
                    Ok(())
                })
            })?;
        }
        crew.run()
    }
}
