// SPDX-License-Identifier: GPL-2.0

//! `mydevicectl`: lists, makes, watches and checks the queues of the kernel module mydevice.
//!
//! `cli` says what can be typed, `commands` has a file for each subcommand, and `failure` says how a command ends.

mod archive;
mod cli;
mod commands;
mod failure;
mod output;
mod request;
mod sample;
mod scratch;
mod size;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = cli::Arguments::read();
    arguments.color.write_global();
    match arguments.run() {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
