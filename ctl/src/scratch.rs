// SPDX-License-Identifier: GPL-2.0

//! An instance that is made for one command, and goes with it.

use std::{process, thread};

use mydevice::{Add, Instance};
use nix::errno::Errno;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::failure::{Attempt, Failure, Result};

/// An instance that is removed when this is dropped, or when a signal ends the program.
#[derive(Debug)]
pub struct Scratch(Instance);

impl Scratch {
    /// Makes one. `purpose` becomes part of its name.
    pub fn new(purpose: &str, with: impl FnOnce(Add) -> Add) -> Result<Self> {
        // Before there is anything to remove: what comes from now on waits until it is asked for.
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).attempt(|| "watch for signals")?;
        let add = with(Add::new(format!("{purpose}-{}", process::id())));
        let attempt = || format!("make an instance for this ({:?})", add.command());
        let instance = add.add().map_err(|error| {
            Failure::from_io(attempt(), error).hint_for(Errno::EACCES, || {
                "this makes an instance of its own, so as to touch nobody's data, and so must be run as root".to_owned()
            })
        })?;
        let scratch = Self(instance);
        let doomed = scratch.0.clone();
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Nobody is left to be told if it is gone already.
                let _ = doomed.remove();
                process::exit(128 + signal);
            }
        });
        Ok(scratch)
    }

    /// The instance.
    pub fn instance(&self) -> &Instance {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may have been removed on purpose, to wake those who sleep.
        let _ = self.0.remove();
    }
}
