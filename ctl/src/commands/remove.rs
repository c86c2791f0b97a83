// SPDX-License-Identifier: GPL-2.0

use clap::Args;

use crate::{
    failure::{Attempt, Result},
    target::find,
};

/// Removes instances. What is stored in them is lost; who has them open gets ENODEV.
#[derive(Args, Debug)]
pub struct Remove {
    /// The instances: jobs, mydevice-jobs or /dev/mydevice-jobs. None is removed if one of them is not there.
    #[arg(value_name = "NAME", required = true, value_hint = clap::ValueHint::AnyPath)]
    targets: Vec<String>,
}

impl Remove {
    pub fn run(self) -> Result<()> {
        let mut instances = Vec::new();
        for target in &self.targets {
            let instance = find(target)?;
            if !instances.contains(&instance) {
                instances.push(instance);
            }
        }
        for instance in instances {
            instance.remove().attempt(|| format!("remove {instance}"))?;
        }
        Ok(())
    }
}
