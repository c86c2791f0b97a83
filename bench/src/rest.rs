// SPDX-License-Identifier: GPL-2.0

//! Waiting for the system to come to rest.
//!
//! After its start the kernel goes on for some seconds: Debian's tests its cryptography then, in a thread that takes half of
//! a processor from whatever is measured meanwhile.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// How long one look takes.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks in a row are to find the system at rest.
const LOOKS: usize = 5;
/// In a system at rest at most so many ticks of a look, of a hundredth of a second each, are not idle.
const FEW: u64 = 1;
/// Longer than this is not waited.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until nothing runs but this program, or for a minute, which it says.
pub fn wait() -> Result<()> {
    let begin = Instant::now();
    let mut quiet = 0;
    while quiet < LOOKS {
        let before = busy()?;
        sleep(LOOK);
        quiet = match busy()?.saturating_sub(before) <= FEW {
            true => quiet + 1,
            false => 0,
        };
        if begin.elapsed() > PATIENCE {
            eprintln!("something else runs here, and goes on: figures are too high");
            return Ok(());
        }
    }
    Ok(())
}

/// The ticks in which some processor was not idle.
fn busy() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let line = text.lines().next().context("a line of /proc/stat")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq ...
    let idle = ticks.iter().skip(3).take(2).sum::<u64>();
    Ok(ticks.iter().take(8).sum::<u64>() - idle)
}
