// SPDX-License-Identifier: GPL-2.0

use clap::Args;
use mydevice::OpenOptions;

use crate::{
    failure::{Attempt, Result},
    target::{self, Target},
};

/// Drops what is stored in an instance.
///
/// The device is opened for writing for a moment. With on_empty=hangup, readers that wait for a writer see that one
/// come and go, and end.
#[derive(Args, Debug)]
pub struct Clear {
    #[command(flatten)]
    target: Target,
}

impl Clear {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        let device = target::open(&instance, &OpenOptions::new().write(true))?;
        let cleared = device.clear().attempt(|| format!("clear {instance}"));
        cleared.map_err(|failure| target::only_root(failure, &instance))
    }
}
