// SPDX-License-Identifier: GPL-2.0

//! What memory an idle instance takes beside its capacity.
//!
//! The kernel's tracing names each allocation with the function that asked for it. Those of the driver are told from
//! those of the driver core by that name, and what is freed again is taken off.

use std::{collections::HashMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use mydevice_figures::{Entry, Who, Work};
use nix::unistd::getpid;

use crate::{book::Book, channel::instance, plan::Plan};

/// Where tracing is controlled.
const TRACING: &str = "/sys/kernel/tracing";
/// Where pahole finds what the kernel's structures are.
const TYPES: &str = "/sys/kernel/btf/vmlinux";
/// What is traced.
const EVENTS: [&str; 2] = ["kmem/kmalloc", "kmem/kfree"];
/// The capacity of the instance: small enough for one allocation of exactly that size.
const CAPACITY: u64 = 4096;
/// What the driver core has in the block that the driver allocates for a device.
const CORE: [&str; 2] = ["device", "cdev"];

/// Adds instances, and sums up what the driver has allocated for each.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    if !Path::new(TRACING).join("events/kmem").exists() {
        eprintln!("left out: this kernel does not trace allocations");
        return Ok(());
    }
    if !Path::new(TYPES).exists() {
        eprintln!("left out: this kernel does not tell the sizes of its structures");
        return Ok(());
    }
    let core: u64 = CORE
        .iter()
        .map(|name| size_of_struct(name))
        .sum::<Result<_>>()?;
    for _ in 0..plan.rounds {
        let (trace, instance) = traced(|| instance("traced", CAPACITY as usize))?;
        instance.remove()?;
        let own = allocated(&trace);
        ensure!(
            own > CAPACITY + core,
            "the trace has only {own} bytes of the driver's"
        );
        let entry = Entry::new(Work::IdleMemory, Who::MyDevice);
        book.note(entry, (own - CAPACITY - core) as f64);
    }
    Ok(())
}

/// What the kernel traces while `work` is done by this process.
fn traced<T>(work: impl FnOnce() -> Result<T>) -> Result<(String, T)> {
    let set = |file: &str, value: &str| {
        let path = Path::new(TRACING).join(file);
        fs::write(&path, value).with_context(|| format!("writing {}", path.display()))
    };
    let switch = |value: &str| {
        EVENTS
            .iter()
            .try_for_each(|event| set(&format!("events/{event}/enable"), value))
    };
    set("set_event_pid", &getpid().to_string())?;
    set("trace", "")?;
    switch("1")?;
    let result = work();
    switch("0")?;
    let trace =
        fs::read_to_string(Path::new(TRACING).join("trace")).context("reading the trace")?;
    set("set_event_pid", "")?;
    Ok((trace, result?))
}

/// The bytes that the driver's own functions have allocated and that nobody has freed.
fn allocated(trace: &str) -> u64 {
    let mut blocks = HashMap::new();
    for line in trace.lines() {
        let field = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split_whitespace().next()
        };
        let Some(address) = field(" ptr=") else {
            continue;
        };
        if line.contains(" kfree: ") {
            blocks.remove(address);
        } else if let (Some(site), Some(bytes)) =
            (line.split_once("call_site="), field("bytes_alloc="))
            && is_ours(site.1)
        {
            blocks.insert(address, bytes.parse::<u64>().unwrap_or(0));
        }
    }
    blocks.values().sum()
}

/// Whether a function is the driver's, or of the kernel's Rust code, which only the driver calls here.
fn is_ours(site: &str) -> bool {
    let name = site.split(" ptr=").next().unwrap_or(site);
    name.ends_with("[mydevice]") || name.starts_with("_R")
}

/// What a structure of the kernel's takes, by the kernel's own description of its types.
fn size_of_struct(name: &str) -> Result<u64> {
    let output = Command::new("pahole")
        .args(["--sizes", TYPES])
        .output()
        .context("running pahole")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| {
        let (structure, rest) = line.split_once('\t')?;
        (structure == name).then(|| rest.split_whitespace().next())?
    });
    let size = line.with_context(|| format!("pahole knows no struct {name}"))?;
    Ok(size.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_and_what_others_ask_for_does_not_count() {
        let trace = "\
            x-1 [000] ..... 1.0: kmalloc: call_site=_RNv8mydevice3new+0x7d/0x190 [mydevice] ptr=0a bytes_req=48 bytes_alloc=64 node=-1\n\
            x-1 [000] ..... 1.1: kmalloc: call_site=_RNv6kernel3str+0xcc/0x210 ptr=0b bytes_req=14 bytes_alloc=16 node=-1\n\
            x-1 [000] ..... 1.2: kmalloc: call_site=device_add+0x4de/0x850 ptr=0c bytes_req=216 bytes_alloc=256 node=-1\n\
            x-1 [000] ..... 1.3: kfree: call_site=somewhere+0x1/0x2 ptr=0b\n";
        assert_eq!(allocated(trace), 64);
    }
}
