// SPDX-License-Identifier: GPL-2.0

//! What can be typed. Help, completions and manual pages all come from here.

use std::process::ExitCode;

use clap::{
    CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, error::ErrorKind,
    parser::ValueSource,
};

use crate::{
    commands,
    failure::{CODES, Result},
};

/// Lists, makes, watches and checks the queues that the kernel module mydevice puts into /dev.
///
/// Without a command, it lists them.
#[derive(Debug, Parser)]
#[command(
    name = "mydevicectl",
    version,
    after_help = CODES,
    disable_help_subcommand = true
)]
pub struct Arguments {
    /// When to print colours; `auto` does on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: commands::list::List,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(commands::list::List),
    Add(commands::add::AddCommand),
    Apply(commands::apply::Apply),
    Remove(commands::remove::Remove),
    Status(commands::status::Status),
    Get(commands::get::Get),
    Set(commands::set::Set),
    Resize(commands::resize::Resize),
    Clear(commands::clear::Clear),
    Watch(commands::watch::Watch),
    Dump(commands::dump::Dump),
    Load(commands::load::Load),
    Bench(commands::bench::Bench),
    Stress(commands::stress::Stress),
    Doctor(commands::doctor::Doctor),
    #[command(hide = true)]
    Generate(commands::generate::Generate),
}

/// When to print colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Makes this so for all output.
    pub fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

impl Arguments {
    /// What was typed; ends the program if that makes no sense.
    pub fn read() -> Self {
        let mut command = Self::command();
        let read = command
            .try_get_matches_from_mut(std::env::args_os())
            .and_then(|matches| {
                let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
                // The options of `list` may stand alone, but not before another command, where they would do nothing.
                let mut arguments = command
                    .get_arguments()
                    .filter(|argument| !argument.is_global_set());
                match (
                    matches.subcommand_name(),
                    arguments.find(|argument| typed(argument.get_id().as_str())),
                ) {
                    (Some(name), Some(stray)) => Err(clap::Error::raw(
                        ErrorKind::ArgumentConflict,
                        format!(
                            "{stray} is an option of `list`: it cannot stand before `{name}`\n"
                        ),
                    )),
                    _ => Self::from_arg_matches(&matches),
                }
            });
        read.unwrap_or_else(|error| error.format(&mut command).exit())
    }

    /// Does what was typed.
    pub fn run(self) -> Result<ExitCode> {
        let done = |()| ExitCode::SUCCESS;
        match self.command.unwrap_or(Command::List(self.list)) {
            Command::List(command) => command.run().map(done),
            Command::Add(command) => command.run().map(done),
            Command::Apply(command) => command.run(),
            Command::Remove(command) => command.run().map(done),
            Command::Status(command) => command.run().map(done),
            Command::Get(command) => command.run().map(done),
            Command::Set(command) => command.run().map(done),
            Command::Resize(command) => command.run().map(done),
            Command::Clear(command) => command.run().map(done),
            Command::Watch(command) => command.run().map(done),
            Command::Dump(command) => command.run().map(done),
            Command::Load(command) => command.run().map(done),
            Command::Bench(command) => command.run().map(done),
            Command::Stress(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Generate(command) => command.run().map(done),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definitions_fit_together() {
        use clap::CommandFactory as _;
        super::Arguments::command().debug_assert();
    }
}
