// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::cache::Cache;
use crate::kernels::KERNELS;
use crate::step::say;
use crate::{privilege, project, recipe};

/// Deletes what was built in this checkout.
#[derive(Args)]
pub struct Clean {
    /// Deletes the cache as well: the next run sets up again.
    #[arg(long)]
    cache: bool,
}

impl Clean {
    pub fn run(self) -> Result<ExitCode> {
        let cache = Cache::open()?;
        let _setup = cache.lock("setup")?;
        let _build = cache.lock("build")?;
        if self.cache {
            privilege::remove(cache.path())?;
            say!("deleted the cache {}", cache.path().display());
        } else {
            for kernel in KERNELS {
                if let Some(tree) = recipe::existing(&cache, kernel)? {
                    privilege::remove(&tree.inside(project::root()))?;
                }
            }
        }
        gone(fs::remove_file(project::root().join("rust-project.json")))?;
        gone(fs::remove_dir_all(project::target()))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn gone(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context("delete what was built")
        }
        _ => Ok(()),
    }
}
