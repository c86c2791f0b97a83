// SPDX-License-Identifier: GPL-2.0

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::cache::Cache;
use crate::{kbuild, kernels, recipe};

/// Builds hello.ko, mydevice.ko and toolbox.ko, and prints the folder that holds them.
#[derive(Args)]
pub struct Build {
    /// The kernel to build for.
    #[arg(long, value_name = "NAME", default_value = "stock")]
    kernel: String,
    /// A kernel build tree with Rust to build against instead, with this machine's compilers.
    #[arg(long, value_name = "FOLDER", conflicts_with = "kernel")]
    kdir: Option<PathBuf>,
}

impl Build {
    pub fn run(self) -> Result<ExitCode> {
        let out = match &self.kdir {
            Some(kdir) => kbuild::with_kdir(kdir)?,
            None => {
                let kernel = kernels::find(&self.kernel)?;
                let cache = Cache::open()?;
                let tree = recipe::tree(&cache, kernel)?;
                kbuild::modules(&cache, &tree, kernel.name)?
            }
        };
        println!("{}", out.display());
        Ok(ExitCode::SUCCESS)
    }
}
