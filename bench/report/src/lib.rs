// SPDX-License-Identifier: GPL-2.0

//! Makes the report in `docs/performance/` out of the figures of some runs.

mod chart;
mod charter;
mod compare;
mod page;
mod plots;
mod profile;
mod run;
mod symbols;
mod tables;
mod targets;
mod text;
mod windows;

use std::{fs, path::Path};

use anyhow::{Context, Result};
pub use profile::write_profile;
pub use run::{Host, Place, Run};

/// Writes the report of these runs into a folder.
pub fn write(runs: &[Run], folder: &Path) -> Result<()> {
    let plots: Vec<_> = runs.iter().flat_map(plots::of).collect();
    for plot in &plots {
        plot.draw(folder)?;
    }
    let page = folder.join("README.md");
    fs::write(&page, page::page(runs, &plots)).with_context(|| format!("write {}", page.display()))
}
