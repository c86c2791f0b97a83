// SPDX-License-Identifier: GPL-2.0

use std::{
    io::{self, Read, Write},
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mydevice::{Device, Discipline};
use mydevice_chunk::{Origin, SIZE, chunk};
use nix::errno::Errno;
use serde::Serialize;

use super::list::seconds;
use crate::{
    failure::{Attempt, Code, Result},
    output::{self, BAD, Format, GOOD},
    scratch::Scratch,
    size,
};

/// Checks that every byte arrives once.
///
/// Writers send chunks through a stream that is made for this, all at the same time, and readers take what comes. Each byte says which
/// writer sent it, at which place of a chunk, and one bit of the chunk's number; so what arrived is counted against what was sent.
#[derive(Args, Debug)]
pub struct Stress {
    /// Threads that write.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=4))]
    writers: u8,
    /// Threads that read.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    readers: u8,
    /// Chunks that each writer sends, of 32 bytes.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    chunks: u32,
    /// The capacity of the stream; K and M are understood.
    #[arg(long, value_name = "SIZE", default_value = "4K", value_parser = size::parse)]
    capacity: u32,
    /// After so long without a byte, what has not arrived counts as lost.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    patience: Duration,
    /// Shows no progress bar. Without a terminal there is none.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    format: Format,
}

/// How often each byte arrived: a byte is the index.
type Tally = [u64; 256];

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    writers: u8,
    readers: u8,
    capacity: u32,
    bytes_sent: u64,
    bytes_arrived: u64,
    bytes_wrong: u64,
    seconds: f64,
}

impl Stress {
    pub fn run(self) -> Result<ExitCode> {
        let scratch = Scratch::new("stress", |add| {
            let stream = add.discipline(Discipline::Stream);
            stream
                .max_capacity(self.capacity.max(1))
                .capacity(self.capacity)
        })?;
        let outcome = self.exchange(&scratch)?;
        let right = outcome.bytes_wrong == 0 && outcome.bytes_arrived == outcome.bytes_sent;
        if self.format.json {
            output::json(&outcome)?;
        } else {
            let (style, verdict) = if right {
                (GOOD, "every byte arrived once")
            } else {
                (BAD, "WRONG: bytes were lost, doubled or changed")
            };
            let Outcome {
                bytes_sent,
                bytes_arrived,
                bytes_wrong,
                seconds,
                ..
            } = outcome;
            output::lines(&[
                format!(
                    "{bytes_sent} bytes sent, {bytes_arrived} arrived, {bytes_wrong} not as often as they were sent; {seconds:.1} s"
                ),
                format!("{style}{verdict}{style:#}"),
            ])?;
        }
        Ok(if right {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(Code::Failed as u8)
        })
    }

    fn exchange(&self, scratch: &Scratch) -> Result<Outcome> {
        let name = scratch.instance().name();
        let open = |how: fn(&str) -> io::Result<Device>, n: u8| {
            (0..n)
                .map(|_| how(name))
                .collect::<io::Result<Vec<_>>>()
                .attempt(|| format!("open {name}"))
        };
        let sources = open(|name| Device::writer(name), self.writers)?;
        let sinks = open(|name| Device::reader(name), self.readers)?;
        let total = u64::from(self.writers) * u64::from(self.chunks) * SIZE as u64;
        let arrived = AtomicU64::new(0);
        let start = Instant::now();
        let tally = thread::scope(|scope| {
            let readers: Vec<_> = (sinks.into_iter().enumerate())
                .map(|(n, device)| {
                    scope.spawn({
                        let arrived = &arrived;
                        // Different sizes, so that chunks are cut in every way.
                        let size = [65536, 4096, 32, 7][n % 4];
                        move || receive(device, size, arrived)
                    })
                })
                .collect();
            let writers: Vec<_> = (sources.into_iter().enumerate())
                .map(|(writer, device)| scope.spawn(move || send(device, writer, self.chunks)))
                .collect();
            self.follow(&arrived, total);
            // This wakes every reader that waits for more, and whoever should be stuck.
            let removed = scratch
                .instance()
                .remove()
                .attempt(|| format!("remove {name}"));
            let mut tally = [0; 256];
            for reader in readers {
                let counts = joined(reader).attempt(|| format!("read from {name}"))?;
                tally.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
            for writer in writers {
                match joined(writer) {
                    // What it did not get rid of shows in the tally.
                    Err(error) if is_gone(&error) => {}
                    written => written.attempt(|| format!("write to {name}"))?,
                }
            }
            removed.map(|()| tally)
        })?;
        Ok(Outcome {
            writers: self.writers,
            readers: self.readers,
            capacity: self.capacity,
            bytes_sent: total,
            bytes_arrived: tally.iter().sum(),
            bytes_wrong: wrong(&tally, usize::from(self.writers), self.chunks),
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// Shows how far it is, until all has arrived or nothing moves any more.
    fn follow(&self, arrived: &AtomicU64, total: u64) {
        let bar = if self.quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(total)
        };
        let template =
            "{wide_bar} {percent:>3}%  {binary_bytes}  {binary_bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let mut last = (0, Instant::now());
        while last.0 < total && last.1.elapsed() < self.patience {
            thread::sleep(Duration::from_millis(20));
            let now = arrived.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
                bar.set_position(now);
            }
        }
        bar.finish_and_clear();
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ENODEV as i32)
}

/// One writer.
fn send(mut device: Device, writer: usize, chunks: u32) -> io::Result<()> {
    for number in 0..chunks {
        device.write_all(&chunk(writer, number, SIZE))?;
    }
    Ok(())
}

/// One reader, until the instance is removed.
fn receive(mut device: Device, size: usize, arrived: &AtomicU64) -> io::Result<Tally> {
    let mut tally = [0; 256];
    let mut buffer = vec![0; size];
    loop {
        match device.read(&mut buffer) {
            Ok(n) => {
                for byte in buffer.iter().take(n) {
                    if let Some(count) = tally.get_mut(usize::from(*byte)) {
                        *count += 1;
                    }
                }
                arrived.fetch_add(n as u64, Ordering::Relaxed);
            }
            Err(error) if is_gone(&error) => return Ok(tally),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How many bytes arrived more or less often than they were sent.
fn wrong(tally: &Tally, writers: usize, chunks: u32) -> u64 {
    let sent = |origin: Origin| match origin.writer < writers {
        true => origin.times(chunks),
        false => 0,
    };
    (0..=u8::MAX)
        .zip(tally)
        .map(|(byte, got)| sent(Origin::of(byte)).abs_diff(*got))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(bytes: impl IntoIterator<Item = u8>) -> Tally {
        let mut tally = [0; 256];
        bytes
            .into_iter()
            .for_each(|byte| tally[usize::from(byte)] += 1);
        tally
    }

    #[test]
    fn every_byte_counts() {
        let all: Vec<u8> = (0..3)
            .flat_map(|n| [chunk(0, n, SIZE), chunk(1, n, SIZE)].concat())
            .collect();
        assert_eq!(wrong(&tally(all.iter().copied()), 2, 3), 0);
        for at in 0..all.len() {
            let lost = all
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at)
                .map(|(_, byte)| *byte);
            assert_eq!(wrong(&tally(lost), 2, 3), 1, "lost at {at}");
            let doubled = all.iter().copied().chain([all[at]]);
            assert_eq!(wrong(&tally(doubled), 2, 3), 1, "doubled at {at}");
        }
    }
}
