// SPDX-License-Identifier: GPL-2.0

//! `disturb DEVICE`: calls RESIZE and CLEAR without pause until its standard input ends; prints how often.

use std::{
    io::Read,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use mydevice_tests::Device;
use nix::fcntl::OFlag;

/// From the smallest up, so that what is stored is truncated, wraps and moves in every way.
const CAPACITIES: [u32; 8] = [4096, 1, 31, 100, 65536, 33, 5000, 2];

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: disturb DEVICE")?;
    let device = Device::open(Path::new(&path), OFlag::O_WRONLY)
        .with_context(|| format!("opening {path}"))?;

    let done = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            // However it ends, it has ended.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            done.store(true, Ordering::SeqCst);
        }
    });

    let mut rounds = 0u64;
    while !done.load(Ordering::SeqCst) {
        for capacity in CAPACITIES {
            device
                .resize(capacity)
                .with_context(|| format!("RESIZE to {capacity}"))?;
        }
        device.clear().context("CLEAR")?;
        rounds += 1;
    }
    println!("{rounds}");
    Ok(())
}
