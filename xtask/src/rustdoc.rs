// SPDX-License-Identifier: GPL-2.0

//! What rustdoc makes of the sources, as a part of the book.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::kbuild;
use crate::project;
use crate::step::{self, say};
use crate::{kernels, recipe};

/// The driver with `kapi`, the logic of the queues, the ioctl interface and the crate for programs, into this folder.
pub fn all(to: &Path) -> Result<()> {
    say!("==> rustdoc (usually 1 min)");
    host(&to.join("host"))?;
    let cache = Cache::open()?;
    let kernel = kernels::find("stock")?;
    let tree = recipe::tree(&cache, kernel)?;
    copy(
        &kbuild::rustdoc(&cache, &tree, kernel.name)?,
        &to.join("driver"),
    )
}

fn host(to: &Path) -> Result<()> {
    let made = project::target().join("book-doc");
    let mut doc = project::cargo("doc");
    doc.args(["--quiet", "--no-deps", "--all-features", "--target-dir"]);
    doc.arg(&made);
    for package in ["mydevice-queue", "mydevice-uapi", "mydevice"] {
        doc.args(["--package", package]);
    }
    step::quiet(&mut doc).context("document the crates")?;
    copy(&made.join("doc"), to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(from.join(".")).arg(to);
    step::quiet(&mut copy).with_context(|| format!("copy {}", from.display()))
}
