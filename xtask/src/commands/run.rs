// SPDX-License-Identifier: GPL-2.0

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::vm::{MachineOptions, finish, pass_on};
use crate::project;

/// Shows the main job on real input: builds, boots the VM, and runs demo/tour.sh in it.
#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    machine: MachineOptions,
}

/// The tour takes a minute; a hang in it is to end by itself.
const LIMIT: Duration = Duration::from_secs(900);

impl Run {
    pub fn run(self) -> Result<ExitCode> {
        let tour = project::root().join("demo/tour.sh");
        if !tour.is_file() {
            bail!("there is no {}: is the checkout whole?", tour.display());
        }
        let command = vec!["/bin/bash".to_owned(), tour.display().to_string()];
        let (cache, tree, mut vm) = self.machine.prepare(command)?;
        let path = project::guest_path()?;
        vm.env.push(("PATH".to_owned(), path));
        vm.timeout = Some(LIMIT);
        vm.cwd = project::root().to_owned();
        Ok(finish(&vm.run(&cache, &tree, &mut pass_on)?))
    }
}
