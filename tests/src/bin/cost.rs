// SPDX-License-Identifier: GPL-2.0

//! `cost`: whether an operation costs more when much is stored, or when there are many instances.
//!
//! For each discipline the same work is timed beside little and beside much that is stored, by turns, and the medians
//! are compared; so is making, using and removing an instance beside none and beside 255 others. A ratio of about 1
//! says that it does not matter. To be run in the VM, as root: it loads the module.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mydevice_tests::{Device, Instance, Module};
use nix::fcntl::OFlag;

/// How often each of two is timed.
const ROUNDS: usize = 31;
/// The bytes of a record, a file, or a piece of a stream.
const BYTES: [u8; 64] = [7; 64];
/// How many are handed over in one round.
const HANDOVERS: usize = 500;
const NONBLOCKING: OFlag = OFlag::O_RDWR.union(OFlag::O_NONBLOCK);

/// Work beside `stored` records or files that are there already and stay there.
struct Work {
    discipline: &'static str,
    /// Little and much, in pieces of 64 bytes.
    stored: [usize; 2],
    work: fn(&Instance, &Device) -> Result<()>,
}

const WORKS: &[Work] = &[
    Work {
        discipline: "stream",
        stored: [1, 16_000],
        work: write_and_read,
    },
    Work {
        discipline: "stack",
        stored: [1, 60_000],
        work: write_and_read,
    },
    Work {
        // Full, so that each write drops the oldest record: the capacity is what was filled.
        discipline: "log",
        stored: [2, 16_000],
        work: write_and_read,
    },
    Work {
        discipline: "spool",
        stored: [1, 60_000],
        work: |instance, _| {
            let writer = instance.open(OFlag::O_WRONLY | OFlag::O_NONBLOCK)?;
            writer.write(&BYTES)?;
            drop(writer);
            let reader = instance.open(OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
            reader.read(2 * BYTES.len())?;
            Ok(())
        },
    },
];

/// Through one open.
fn write_and_read(_: &Instance, device: &Device) -> Result<()> {
    device.write(&BYTES)?;
    device.read(BYTES.len())?;
    Ok(())
}

fn main() -> Result<()> {
    let _module = Module::load(&[]);
    println!("{:<28} {:>12} {:>12} {:>6}", "", "little", "much", "ratio");
    for work in WORKS {
        let [little, much] = work
            .stored
            .map(|stored| filled(work.discipline, stored))
            .map(|made| made.context("filling an instance"));
        let [little, much] = [little?, much?];
        let times = compare([&little, &much], |(instance, device)| {
            for _ in 0..HANDOVERS {
                (work.work)(instance, device).context(work.discipline)?;
            }
            Ok(())
        })?;
        report(&format!("{}: write and read", work.discipline), times);
        for (instance, device) in [little, much] {
            drop(device);
            instance.remove()?;
        }
    }
    let alone = timed_adds()?;
    let others: Vec<_> = (0..255)
        .map(|number| Instance::try_add(&format!("other{number}")))
        .collect::<Result<_, _>>()?;
    let beside = timed_adds()?;
    report("add, use, remove: 255 others", [alone, beside]);
    for other in others {
        other.remove()?;
    }
    Ok(())
}

/// An instance that holds so many records or files, and an open of it.
fn filled(discipline: &str, stored: usize) -> Result<(Instance, Device)> {
    let bytes = BYTES.len() * (stored + 1);
    let capacity = match discipline {
        "stream" => format!("capacity={bytes}"),
        "log" => format!("capacity={}", bytes - BYTES.len()),
        _ => String::new(),
    };
    let limit = format!("max_capacity={}", i32::MAX);
    let command = format!("{discipline}{stored} discipline={discipline} {limit} {capacity}");
    let instance = Instance::try_add(command.trim_end())?;
    let device = instance.open(NONBLOCKING)?;
    for _ in 0..stored {
        match discipline {
            "spool" => {
                instance.open(OFlag::O_WRONLY)?.write(&BYTES)?;
            }
            _ => {
                device.write(&BYTES)?;
            }
        }
    }
    Ok((instance, device))
}

/// Does the work on each by turns; returns the medians.
fn compare<T>(two: [&T; 2], work: impl Fn(&T) -> Result<()>) -> Result<[Duration; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (one, times) in two.iter().zip(&mut times) {
            let start = Instant::now();
            work(one)?;
            times.push(start.elapsed());
        }
    }
    Ok(times.map(median))
}

/// The median time to make, use and remove an instance.
fn timed_adds() -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let instance = Instance::try_add("measured")?;
        instance.open(NONBLOCKING)?.write(&BYTES)?;
        instance.remove()?;
        times.push(start.elapsed());
    }
    Ok(median(times))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn report(what: &str, [little, much]: [Duration; 2]) {
    let ratio = much.as_secs_f64() / little.as_secs_f64();
    println!("{what:<28} {little:>12.1?} {much:>12.1?} {ratio:>6.2}");
}
