// SPDX-License-Identifier: GPL-2.0

//! Which instance a command is about.

use clap::Args;
use mydevice::{Device, Instance, OpenOptions};
use nix::errno::Errno;

use crate::failure::{Attempt, Failure, Result};

/// An instance, by name or by path.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The instance: jobs, mydevice-jobs or /dev/mydevice-jobs.
    #[arg(value_name = "NAME", value_hint = clap::ValueHint::AnyPath)]
    target: String,
}

impl Target {
    /// The instance, which must be there.
    pub fn find(&self) -> Result<Instance> {
        find(&self.target)
    }
}

/// The instance of that name or node.
pub fn find(target: &str) -> Result<Instance> {
    Instance::find(target).attempt(|| format!("find an instance named {target:?}"))
}

/// What people call it: the name that was given to `add`, or the full one of an instance made at load.
pub fn short(instance: &Instance) -> &str {
    let name = instance.name();
    name.strip_prefix("mydevice-").unwrap_or(name)
}

/// Opens a node of the instance, for whichever direction is asked for.
pub fn open(instance: &Instance, options: &OpenOptions) -> Result<Device> {
    options.open(instance.name()).map_err(|error| {
        let nodes: Vec<_> = instance
            .nodes()
            .iter()
            .map(|node| node.display().to_string())
            .collect();
        let nodes = nodes.join(" or ");
        Failure::from_io(format!("open {nodes}"), error).hint_for(Errno::EACCES, || {
            format!(
                "run it as root, or have root give you permission: `ls -l {nodes}` shows who has it"
            )
        })
    })
}

/// The failure of MYDEV_CLEAR or MYDEV_RESIZE, with the way out if the kernel wants more than permission on the node.
pub fn only_root(failure: Failure, instance: &Instance) -> Failure {
    failure.hint_for(Errno::EPERM, || {
        format!(
            "{instance} is split, and whoever may only put in must not take out: whatever its nodes permit, this is for root \
             (CAP_SYS_ADMIN): `sudo mydevicectl ...`"
        )
    })
}
