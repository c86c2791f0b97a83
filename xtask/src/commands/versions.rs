// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::cache::Cache;
use crate::kernels::KERNELS;
use crate::recipe;

/// Prints the versions that set-up found in the archive.
#[derive(Args)]
pub struct Versions {
    /// Every package of the trees, not only those that matter to the modules and the VM.
    #[arg(long)]
    all: bool,
}

/// The beginnings of the names of packages that matter.
const MATTER: &[&str] = &[
    "linux-",
    "gcc-1",
    "rustc",
    "rust-",
    "bindgen",
    "qemu-system-x86",
    "virtiofsd",
    "sparse",
    "make",
];

impl Versions {
    pub fn run(self) -> Result<ExitCode> {
        let cache = Cache::open()?;
        println!("cache: {}", cache.path().display());
        for kernel in KERNELS {
            let Some(tree) = recipe::existing(&cache, kernel)? else {
                println!(
                    "{0}: not set up yet (cargo xtask setup --kernel {0})",
                    kernel.name
                );
                continue;
            };
            println!(
                "{}: Linux {} (packages {}), built with {}",
                kernel.name, tree.kernel.release, tree.kernel.version, tree.kernel.rustc
            );
            if kernel.own.is_some() {
                // Its packages are those of the kernel that it is built from.
                continue;
            }
            let list = tree.entry.join("packages.txt");
            let text =
                fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?;
            for line in text
                .lines()
                .filter(|l| self.all || MATTER.iter().any(|m| l.starts_with(m)))
            {
                println!("  {line}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
