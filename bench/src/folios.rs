// SPDX-License-Identifier: GPL-2.0

//! Memory files in large pieces.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// Where the kernel is told how memory files are made.
const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

/// While this lives, memory files consist of large folios. Of small ones each page is a copy by itself, with a way of its
/// own through the kernel, and that is no floor.
pub struct LargeFolios(Option<String>);

impl LargeFolios {
    /// Asks for them. A kernel that has none goes on with pages.
    pub fn allow() -> Result<Self> {
        if !Path::new(SETTING).exists() {
            eprintln!("the copy floor goes page by page: this kernel has no large folios");
            return Ok(Self(None));
        }
        let choices = fs::read_to_string(SETTING).with_context(|| format!("reading {SETTING}"))?;
        let chosen = choices
            .split_whitespace()
            .find_map(|choice| choice.strip_prefix('[')?.strip_suffix(']'));
        fs::write(SETTING, "always").with_context(|| format!("writing {SETTING}"))?;
        Ok(Self(chosen.map(str::to_owned)))
    }
}

impl Drop for LargeFolios {
    fn drop(&mut self) {
        if let Some(chosen) = &self.0 {
            // It was right before.
            let _ = fs::write(SETTING, chosen);
        }
    }
}
