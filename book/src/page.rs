// SPDX-License-Identifier: GPL-2.0

//! A page of the manual.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is, from the top of the checkout: `docs/ioctl.md`.
    pub path: PathBuf,
    /// Its Markdown.
    pub text: String,
}

impl Page {
    /// README.md and every page of docs/, in the order of their names.
    pub fn all(root: &Path) -> Result<Vec<Self>> {
        let mut pages = vec![Self::read(root, Path::new("README.md"))?];
        for file in files(root, "md")? {
            pages.push(Self::read(root, &file)?);
        }
        Ok(pages)
    }

    fn read(root: &Path, path: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(path))
            .with_context(|| format!("read {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// The line of a place in the text, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(&self.text);
        before.matches('\n').count() + 1
    }
}

/// The files of docs/ with that ending, from the top of the checkout, in the order of their names.
pub fn files(root: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(root.join("docs")).sort_by_file_name() {
        let entry = entry.context("list docs")?;
        let path = entry.path();
        if entry.file_type().is_file() && path.extension().is_some_and(|e| e == ending) {
            let path = path.strip_prefix(root).context("find a page's name")?;
            found.push(path.to_owned());
        }
    }
    Ok(found)
}
