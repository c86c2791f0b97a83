// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use mydevice_book::{html, picture, shelf};

use crate::cargo_tool::CargoTool;
use crate::debian;
use crate::privilege::find_program;
use crate::project;
use crate::rustdoc;
use crate::step::{self, say};

/// Makes the manual: README.md and docs/ as a book, in target/book, with the pages of rustdoc beside it.
///
/// A picture whose text in docs/pictures has changed is drawn anew, into the checkout.
#[derive(Args)]
pub struct Book {
    /// Leaves out what rustdoc makes, which takes most of the time and a tree of the kernel; links to it lead nowhere.
    #[arg(long)]
    no_rustdoc: bool,
}

const MDBOOK: CargoTool = CargoTool {
    name: "mdbook",
    version: "0.5.4",
    usual: "3 min on 2 cores",
    arguments: &["--no-default-features", "--features", "search"],
};

impl Book {
    pub fn run(self) -> Result<ExitCode> {
        let program = MDBOOK.program()?;
        let root = project::root();
        let target = project::target();
        fs::create_dir_all(&target).with_context(|| format!("make {}", target.display()))?;
        draw(root, &target.join("book.log"))?;
        shelf::lay_out(root, &target.join("book-src"))?;
        let mut build = Command::new(program);
        build.arg("build").arg(root.join("docs"));
        step::quiet(&mut build).context("make the book")?;
        let book = target.join("book");
        if !self.no_rustdoc {
            rustdoc::all(&book.join("rustdoc"))?;
        }
        let broken = html::broken(&book)?;
        let broken: Vec<_> = broken
            .iter()
            .filter(|link| !(self.no_rustdoc && link.contains("rustdoc/")))
            .map(String::as_str)
            .collect();
        if !broken.is_empty() {
            bail!("links of the book lead nowhere:\n{}", broken.join("\n"));
        }
        println!("{}", book.join("index.html").display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Draws the pictures that have changed.
fn draw(root: &Path, log: &Path) -> Result<()> {
    for dot in picture::all(root)? {
        let dot = root.join(dot);
        if picture::is_current(&dot)? {
            continue;
        }
        let text = fs::read_to_string(&dot).with_context(|| format!("read {}", dot.display()))?;
        let drawn = step::output(Command::new(graphviz(log)?).arg("-Tsvg").arg(&dot))
            .with_context(|| format!("draw {}", dot.display()))?;
        let svg = dot.with_extension("svg");
        fs::write(&svg, picture::with_text(&drawn, &text)?)
            .with_context(|| format!("write {}", svg.display()))?;
        say!("drew {}", svg.display());
    }
    Ok(())
}

/// Graphviz's program, installed if it is missing.
fn graphviz(log: &Path) -> Result<PathBuf> {
    if find_program("dot").is_none() {
        debian::install_on_host(&["graphviz", "fonts-dejavu-core"], log)?;
    }
    find_program("dot").context("find Graphviz's program dot: sudo apt-get install graphviz")
}
