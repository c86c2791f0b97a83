// SPDX-License-Identifier: GPL-2.0

//! `cargo xtask`: everything that is done with this checkout. `make help` lists the short ways.

mod cache;
mod cargo_tool;
mod commands;
mod debian;
mod host;
mod installed;
mod interrupt;
mod kbuild;
mod kernels;
mod own;
mod packaging;
mod privilege;
mod project;
mod recipe;
mod rustdoc;
mod step;
mod tally;
mod tree;
mod uml;
mod vendor;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sets up, builds, boots and tests mydevice.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    Setup(commands::setup::Setup),
    Build(commands::build::Build),
    Run(commands::run::Run),
    Bench(commands::bench::Bench),
    Profile(commands::profile::Profile),
    Book(commands::book::Book),
    Test(commands::test::Test),
    TestAll(commands::test_all::TestAll),
    Shell(commands::shell::Shell),
    Vm(commands::vm::VmCommand),
    Fuzz(commands::fuzz::Fuzz),
    Lint(commands::lint::Lint),
    RustAnalyzer(commands::rust_analyzer::RustAnalyzer),
    Versions(commands::versions::Versions),
    Deb(commands::deb::Deb),
    Release(commands::release::Release),
    InstallTest(commands::install_test::InstallTest),
    Clean(commands::clean::Clean),
}

fn main() -> ExitCode {
    let task = Arguments::parse().command;
    // Errors of the VM itself must not look like an exit status of the command in it.
    let failure = if matches!(task, Task::Vm(_) | Task::Shell(_)) {
        commands::vm::CANNOT_RUN
    } else {
        1
    };
    let result = match task {
        Task::Setup(task) => task.run(),
        Task::Build(task) => task.run(),
        Task::Run(task) => task.run(),
        Task::Bench(task) => task.run(),
        Task::Profile(task) => task.run(),
        Task::Book(task) => task.run(),
        Task::Test(task) => task.run(),
        Task::TestAll(task) => task.run(),
        Task::Shell(task) => task.run(),
        Task::Vm(task) => task.run(),
        Task::Fuzz(task) => task.run(),
        Task::Lint(task) => task.run(),
        Task::RustAnalyzer(task) => task.run(),
        Task::Versions(task) => task.run(),
        Task::Deb(task) => task.run(),
        Task::Release(task) => task.run(),
        Task::InstallTest(task) => task.run(),
        Task::Clean(task) => task.run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(failure)
    })
}
