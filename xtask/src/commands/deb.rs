// SPDX-License-Identifier: GPL-2.0

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::cache::Cache;
use crate::packaging;
use crate::step::say;

/// Builds Debian packages and looks at them with lintian.
///
/// They are built as on any Debian 13, by dpkg-buildpackage in a clean tree, from a source package that is made of the
/// checkout as it is; all of it is left in target/deb. What lintian calls an error is one here, too; its warnings are printed.
#[derive(Args)]
pub struct Deb {}

impl Deb {
    pub fn run(self) -> Result<ExitCode> {
        let folder = packaging::build(&Cache::open()?)?;
        say!("The packages are in {}.", folder.display());
        Ok(ExitCode::SUCCESS)
    }
}
