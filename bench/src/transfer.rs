// SPDX-License-Identifier: GPL-2.0

//! Bytes from some writers to some readers, the whole transfer timed; and a message that goes to and fro.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::memfd::{MFdFlags, memfd_create},
    unistd::{ftruncate, pipe2},
};

use crate::{
    channel::{Channel, Contender},
    crew::Crew,
};

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
    pub fn time(&self, contender: Contender) -> Result<Duration> {
        let Self { size, messages, .. } = *self;
        let capacity = self.capacity();
        let mut channel = Channel::new(contender, capacity, "bench")?;
        let mut crew = Crew::new()?;
        for _ in 0..self.writers {
            crew.fork(|| {
                let writer = channel.writer(capacity)?;
                Ok(move || write_all(writer, size, messages))
            })?;
        }
        for _ in 0..self.readers {
            crew.fork(|| {
                let reader = channel.reader()?;
                Ok(move || read_all(reader, size))
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
        let Self { size, messages, .. } = *self;
        let mut crew = Crew::new()?;
        for member in 0..self.writers + self.readers {
            let writes = member < self.writers;
            let share = match writes {
                true => messages,
                false => self.total() / self.readers,
            };
            crew.fork(move || {
                let file = memfd_create("floor", MFdFlags::MFD_CLOEXEC)?;
                ftruncate(&file, i64::try_from(size)?)?;
                let mut buffer = vec![1; size];
                nix::sys::uio::pwrite(&file, &buffer, 0)?;
                Ok(move || {
                    for _ in 0..share {
                        match writes {
                            true => nix::sys::uio::pwrite(&file, &buffer, 0)?,
                            false => nix::sys::uio::pread(&file, &mut buffer, 0)?,
                        };
                    }
                    Ok(())
                })
            })?;
        }
        crew.run()
    }
}

fn write_all(writer: OwnedFd, size: usize, messages: usize) -> Result<()> {
    let mut writer = File::from(writer);
    let message = vec![7; size];
    for _ in 0..messages {
        writer.write_all(&message).context("writing")?;
    }
    Ok(())
}

fn read_all(reader: OwnedFd, size: usize) -> Result<()> {
    let mut reader = File::from(reader);
    let mut buffer = vec![0; size];
    while reader.read(&mut buffer).context("reading")? > 0 {}
    Ok(())
}

/// Sends a message of `size` bytes to and fro between two processes; returns how long each of so many rounds took.
pub fn ping_pong(contender: Contender, size: usize, rounds: usize) -> Result<Vec<Duration>> {
    let mut crew = Crew::new()?;
    let capacity = 4096;
    let (mut there, mut back) = (
        Channel::new(contender, capacity, "there")?,
        Channel::new(contender, capacity, "back")?,
    );
    let (times, say_times) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    crew.fork(|| {
        let (writer, reader) = (there.writer(capacity)?, back.reader()?);
        let (mut writer, mut reader) = (File::from(writer), File::from(reader));
        Ok(move || {
            let mut message = vec![1; size];
            let mut nanos = Vec::with_capacity(8 * rounds);
            for _ in 0..rounds {
                let start = std::time::Instant::now();
                writer.write_all(&message)?;
                reader.read_exact(&mut message)?;
                nanos.extend(u64::try_from(start.elapsed().as_nanos())?.to_ne_bytes());
            }
            File::from(say_times).write_all(&nanos)?;
            Ok(())
        })
    })?;
    crew.fork(|| {
        // In the order in which the other opens them: opening a named pipe waits for the other end.
        let (reader, writer) = (there.reader()?, back.writer(capacity)?);
        let (mut reader, mut writer) = (File::from(reader), File::from(writer));
        Ok(move || {
            let mut message = vec![0; size];
            for _ in 0..rounds {
                reader.read_exact(&mut message)?;
                writer.write_all(&message)?;
            }
            Ok(())
        })
    })?;
    there.close_ends();
    back.close_ends();
    // The times fit into a pipe, so that the process that sends them ends.
    ensure!(8 * rounds <= 64 << 10, "{rounds} rounds are too many");
    crew.run()?;
    there.remove()?;
    back.remove()?;
    let mut nanos = vec![0; 8 * rounds];
    File::from(times).read_exact(&mut nanos)?;
    let nanos = nanos.chunks_exact(8).map(|bytes| bytes.try_into());
    Ok(nanos
        .map(|bytes| bytes.map(|bytes| Duration::from_nanos(u64::from_ne_bytes(bytes))))
        .collect::<Result<_, _>>()?)
}
