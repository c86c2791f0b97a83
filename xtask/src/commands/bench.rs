// SPDX-License-Identifier: GPL-2.0

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::vm::{MachineOptions, finish, pass_on};
use crate::project;

/// Measures a stream of mydevice beside a pipe, a named pipe and a pair of sockets, in one run in the VM.
///
/// Prints tables of medians and ratios. Only the ratios mean anything, and only on a machine that does nothing else.
#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    machine: MachineOptions,
    /// Options of the program that measures: --rounds, --scale.
    #[arg(last = true, value_name = "OPTION")]
    arguments: Vec<String>,
}

impl Bench {
    pub fn run(self) -> Result<ExitCode> {
        let mut command = vec![project::guest_bench()?.display().to_string()];
        command.extend(self.arguments);
        let (cache, tree, vm) = self.machine.prepare(command)?;
        let outcome = vm.run(&cache, &tree, &mut pass_on)?;
        Ok(finish(&outcome))
    }
}
