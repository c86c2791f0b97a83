// SPDX-License-Identifier: GPL-2.0

//! Programs from crates.io that are installed into the cache when they are first needed.

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::Cache;
use crate::project;
use crate::step::{self, say};

/// A program and its version.
#[derive(Debug)]
pub struct CargoTool {
    /// Its crate and its program.
    pub name: &'static str,
    /// The version, which is part of the cache entry's name.
    pub version: &'static str,
    /// How long installing it usually takes.
    pub usual: &'static str,
    /// More that `cargo install` is to be told.
    pub arguments: &'static [&'static str],
}

impl CargoTool {
    /// The program, which is installed if it is missing.
    pub fn program(&self) -> Result<PathBuf> {
        let cache = Cache::open()?;
        let _lock = cache.lock(self.name)?;
        let folder = cache.entry(self.name, &[self.version]);
        let program = folder.join("bin").join(self.name);
        if !program.is_file() {
            let mut install = project::cargo("install");
            install.args([self.name, "--locked", "--version", self.version]);
            install.args(self.arguments).arg("--root").arg(&folder);
            let log = cache.path().join(format!("{}.log", self.name));
            let title = format!("Installing {}", self.name);
            step::run(&title, self.usual, &log, &mut install)?;
        }
        say!("{} {}", self.name, self.version);
        Ok(program)
    }
}
