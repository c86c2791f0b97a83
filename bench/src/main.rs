// SPDX-License-Identifier: GPL-2.0

//! Measures a `stream` of mydevice beside a pipe and others, and prints the figures as JSON.
//!
//! All contenders take turns within every round, so that what else the machine does meets all of them alike. To be run
//! in the VM, as root: it loads the module. What it does is said on standard error.

mod book;
mod calls;
mod channel;
mod crew;
mod crowd;
mod end;
mod folios;
mod idle;
mod memory;
mod modules;
mod ping_pong;
mod plan;
mod polling;
mod rest;
mod sleepers;
mod stopwatch;
mod switches;
mod transfer;
mod uring;

use std::fs;

use anyhow::{Context, Result};
use book::Book;
use clap::Parser;
use modules::Loaded;
use mydevice_figures::{Guest, Profile, Record};
use nix::{
    sys::{
        resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit},
        utsname::uname,
    },
    unistd::{SysconfVar, sysconf},
};
use plan::{Options, Plan};

/// A part of the measurement: its name, and what it does.
type Part = (&'static str, fn(&Plan, &mut Book) -> Result<()>);

/// What needs the module not to be loaded yet.
const BEFORE: &[Part] = &[("loading and unloading", modules::measure)];

/// What needs it loaded. First what is short: a long part that fails has cost less then.
const PARTS: &[Part] = &[
    ("memory of an idle instance", memory::measure),
    ("single calls", calls::measure),
    ("context switches", switches::measure),
    ("polling", polling::measure),
    ("writes to sleeping readers", sleepers::measure),
    ("ping-pong", ping_pong::measure),
    ("io_uring", uring::measure),
    ("beside idle instances", idle::measure),
    ("transfers", transfer::measure),
];

fn main() -> Result<()> {
    let options = Options::parse();
    let plan = Plan::new(&options);
    lift_limits().context("lifting the limits of this process")?;
    let mut book = Book::default();
    let mut run = |parts: &[Part]| -> Result<()> {
        for (name, part) in parts.iter().filter(|(name, _)| options.wants(name)) {
            eprintln!("measuring: {name}");
            part(&plan, &mut book).with_context(|| format!("measuring: {name}"))?;
        }
        Ok(())
    };
    if !options.quick {
        rest::wait()?;
    }
    run(BEFORE)?;
    let module = Loaded::load("mydevice")?;
    run(PARTS)?;
    // While the module has some.
    let symbols = options.symbols.then(symbols).transpose()?;
    module.unload()?;
    let (figures, profiled) = book.close();
    let record = Record {
        guest: guest()?,
        figures,
        profile: symbols.map(|symbols| Profile { symbols, profiled }),
    };
    println!("{}", serde_json::to_string(&record)?);
    Ok(())
}

/// Allows a thousand files and more, and message queues of any size.
fn lift_limits() -> Result<()> {
    let (_, files) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, files, files)?;
    setrlimit(Resource::RLIMIT_MSGQUEUE, RLIM_INFINITY, RLIM_INFINITY)?;
    Ok(())
}

/// The functions of the kernel and of its modules, as lines of `/proc/kallsyms`.
fn symbols() -> Result<String> {
    let all = fs::read_to_string("/proc/kallsyms").context("reading /proc/kallsyms")?;
    let is_code = |line: &&str| matches!(line.split(' ').nth(1), Some("t" | "T" | "w" | "W"));
    let code: Vec<_> = all.lines().filter(is_code).collect();
    Ok(code.join("\n"))
}

/// The system that this is.
fn guest() -> Result<Guest> {
    let memory = fs::read_to_string("/proc/meminfo").context("reading /proc/meminfo")?;
    let total = memory
        .split_whitespace()
        .nth(1)
        .context("the first figure of /proc/meminfo")?;
    let processors = sysconf(SysconfVar::_NPROCESSORS_ONLN)?.unwrap_or(1);
    Ok(Guest {
        kernel: uname()?.release().to_string_lossy().into_owned(),
        processors: usize::try_from(processors)?,
        memory: total.parse::<u64>()? / 1024,
    })
}
