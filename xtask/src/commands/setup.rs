// SPDX-License-Identifier: GPL-2.0

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::cache::Cache;
use crate::{kernels, recipe, step};

/// Makes the tree that the modules are built in and that the VM boots.
///
/// Does nothing if the cache has it already. The other commands do this by themselves.
#[derive(Args)]
pub struct Setup {
    /// The kernel to set up.
    #[arg(long, value_name = "NAME", default_value = "stock")]
    kernel: String,
    /// Throws the cached tree away first, so that the newest packages are taken; of a kernel that is built here, only
    /// what was built.
    #[arg(long)]
    refresh: bool,
}

impl Setup {
    pub fn run(self) -> Result<ExitCode> {
        let kernel = kernels::find(&self.kernel)?;
        let cache = Cache::open()?;
        if self.refresh {
            let _lock = cache.lock("setup")?;
            recipe::remove(&cache, kernel)?;
        }
        let tree = recipe::tree(&cache, kernel)?;
        step::say!(
            "{} is set up: Linux {} in {}",
            kernel.name,
            tree.kernel.release,
            tree.root().display()
        );
        Ok(ExitCode::SUCCESS)
    }
}
