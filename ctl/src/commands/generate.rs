// SPDX-License-Identifier: GPL-2.0

use std::{io, path::PathBuf};

use clap::{Args, CommandFactory, Subcommand};
use clap_complete::Shell;

use crate::{
    cli::Arguments,
    failure::{Failure, Result},
};

/// Makes what packages bring along: completions and manual pages.
#[derive(Args, Debug)]
pub struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Writes the manual pages, one for the tool and one for each command.
    Man {
        /// The folder, which must be there.
        folder: PathBuf,
    },
}

impl Generate {
    pub fn run(self) -> Result<()> {
        let mut command = Arguments::command();
        match self.what {
            What::Completions { shell } => {
                clap_complete::generate(shell, &mut command, "mydevicectl", &mut io::stdout());
                Ok(())
            }
            What::Man { folder } => clap_mangen::generate_to(command, &folder).map_err(|error| {
                Failure::from_file(format!("write manual pages to {}", folder.display()), error)
            }),
        }
    }
}
