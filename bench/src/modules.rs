// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading, and what a module keeps.
//!
//! The tests' own way of loading starts a thread that watches over them. Here a second thread would make every call on
//! a file dearer.

use std::{
    ffi::CString,
    fs::{self, File},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use mydevice_figures::{Entry, Who, Work};
use mydevice_tests::module::file;
use nix::{
    errno::Errno,
    kmod::{DeleteModuleFlags, ModuleInitFlags, delete_module, finit_module},
};

use crate::{book::Book, plan::Plan};

/// A loaded module.
pub struct Loaded(&'static str);

impl Loaded {
    /// Loads it.
    pub fn load(name: &'static str) -> Result<Self> {
        let path = file(name);
        let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        finit_module(file, c"", ModuleInitFlags::empty())
            .with_context(|| format!("loading {name}"))?;
        Ok(Self(name))
    }

    /// Unloads it.
    pub fn unload(self) -> Result<()> {
        let name = CString::new(self.0)?;
        // A file that io_uring held is let go of a moment after its ring is closed.
        for _ in 0..100 {
            match delete_module(&name, DeleteModuleFlags::O_NONBLOCK) {
                Err(Errno::EAGAIN) => sleep(Duration::from_millis(20)),
                ended => return ended.with_context(|| format!("unloading {}", self.0)),
            }
        }
        anyhow::bail!("{} stays in use", self.0)
    }

    /// The memory that it has after its start, in bytes.
    fn size(&self) -> Result<f64> {
        let path = format!("/sys/module/{}/coresize", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        text.trim()
            .parse()
            .with_context(|| format!("the number in {path}"))
    }
}

/// Loads and unloads both modules by turns.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    for _ in 0..plan.rounds {
        for (name, who) in [("hello", Who::Hello), ("mydevice", Who::MyDevice)] {
            let start = Instant::now();
            let module = Loaded::load(name)?;
            book.note_time(Entry::new(Work::Load, who), start.elapsed(), 1);
            book.note(Entry::new(Work::ModuleSize, who), module.size()?);
            let start = Instant::now();
            module.unload()?;
            book.note_time(Entry::new(Work::Unload, who), start.elapsed(), 1);
        }
    }
    Ok(())
}
