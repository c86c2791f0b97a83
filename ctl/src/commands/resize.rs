// SPDX-License-Identifier: GPL-2.0

use clap::Args;
use mydevice::{Attribute, OpenOptions};
use nix::errno::Errno;

use super::set::{explain, set};
use crate::{
    failure::{Attempt, Result},
    size,
    target::{self, Target},
};

/// Sets the capacity of an instance.
///
/// What does not fit any more is dropped and counted as truncated, except in a spool, which cuts no file. Root sets the attribute;
/// others, who need permission to write to the node, use the ioctl MYDEV_RESIZE.
#[derive(Args, Debug)]
pub struct Resize {
    #[command(flatten)]
    target: Target,
    /// The new capacity in bytes; K, M and G are understood.
    #[arg(value_name = "SIZE", value_parser = size::parse)]
    capacity: u32,
}

impl Resize {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        // This way first, because it opens nothing: with on_empty=hangup, readers notice a writer that comes and goes.
        let done = set(&instance, Attribute::Capacity, &self.capacity.to_string());
        match done {
            Err(failure) if failure.errno() == Some(Errno::EACCES) => {
                let device = target::open(&instance, &OpenOptions::new().write(true))?;
                let resized = device.resize(self.capacity);
                let resized = resized.attempt(|| format!("resize {instance} to {}", self.capacity));
                resized.map_err(|failure| {
                    let failure = target::only_root(failure, &instance);
                    explain(failure, &instance, Attribute::Capacity)
                })
            }
            done => done,
        }
    }
}
