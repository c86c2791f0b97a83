// SPDX-License-Identifier: GPL-2.0

//! `fill DEVICE GROUP ROOM SIZE`: moves into a memory control group, leaves the group ROOM bytes, and writes SIZE bytes
//! at a time until that is refused. Prints what it was told, how many bytes are in, and whether the refused write
//! changed anything: `ENOMEM 81920 unchanged`.
//!
//! At the limit a process that needs one more page of its own would be killed. So this one has all that it will need
//! before the limit is set, and holds on to it until the limit is taken back.

use std::{
    fs::{File, OpenOptions, read_to_string, write},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result, bail};
use mydevice_tests::Device;
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::mman::{MlockAllFlags, mlockall},
};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [path, group, room, size] = &arguments[..] else {
        bail!("usage: fill DEVICE GROUP ROOM SIZE");
    };
    let (room, size): (u64, usize) = (room.parse()?, size.parse()?);
    write(
        format!("{group}/cgroup.procs"),
        std::process::id().to_string(),
    )
    .with_context(|| format!("moving into {group}"))?;
    let device = Device::open(Path::new(path), OFlag::O_WRONLY)
        .with_context(|| format!("opening {path}"))?;
    let bytes = vec![b'f'; size];
    let mut limit = OpenOptions::new()
        .write(true)
        .open(format!("{group}/memory.max"))
        .context("opening memory.max")?;
    mlockall(MlockAllFlags::all()).context("locking all memory")?;

    let used: u64 = read_to_string(format!("{group}/memory.current"))?
        .trim()
        .parse()?;
    set(&mut limit, &(used + room).to_string())?;
    let mut written = 0;
    let (refusal, before, after) = loop {
        let before = device.status();
        match device.write(&bytes) {
            Ok(n) => written += n,
            Err(errno) => break (errno, before, device.status()),
        }
    };
    set(&mut limit, "max")?;
    let changed = if before == after {
        "unchanged"
    } else {
        "CHANGED"
    };
    println!("{refusal:?} {written} {changed}");
    Ok(())
}

/// In one write, of something that is open already: opening a file takes memory, too.
fn set(limit: &mut File, text: &str) -> Result<()> {
    let n = limit.write(text.as_bytes()).context("setting memory.max")?;
    if n != text.len() {
        bail!("setting memory.max: {}", Errno::EIO);
    }
    Ok(())
}
