// SPDX-License-Identifier: GPL-2.0

//! Lays the manual out for mdBook, which wants everything in one folder with SUMMARY.md at its top.
//!
//! README.md is the book's first page, and the pages of docs/ stand below it as they do in the checkout. So a link is
//! written once, and leads to the same place on a code host and in the book. Two kinds of link are changed on the way:
//! to a README.md, which mdBook calls index.md; and to files that are no pages, which are laid out as plain text. And the
//! name of a page of rustdoc, `rustdoc/...` in backquotes, which is there in the book alone, becomes a link.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::Page;
use crate::links::{self, Link};

/// The list of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// What browsers show by themselves.
const SHOWN: [&str; 3] = ["svg", "png", "json"];

/// Lays out all pages, and what they show or lead to, in a folder that is emptied first.
pub fn lay_out(root: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("empty {}", to.display()))?;
    }
    for page in Page::all(root)? {
        let links = links::links(&page);
        let mut text = page.text.clone();
        // From the end, so that the places of those before stay true.
        for link in links.iter().rev().filter(|link| !link.is_remote()) {
            let Some(file) = links::file(&page, link) else {
                continue;
            };
            if !is_page(&file) {
                let bytes = fs::read(root.join(&file))
                    .with_context(|| format!("read {}", file.display()))?;
                write(&to.join(laid_out(&file)), &bytes)?;
            }
            replace(&mut text, &page, link, &file)?;
        }
        link_rustdoc(&mut text, &page);
        if page.path == Path::new(SUMMARY) {
            write(&to.join("SUMMARY.md"), text.as_bytes())?;
        } else {
            write(&to.join(&page.path), text.as_bytes())?;
        }
    }
    Ok(())
}

fn is_page(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "md")
}

/// Where a file is in the book.
fn laid_out(file: &Path) -> PathBuf {
    let shown = |e: &std::ffi::OsStr| SHOWN.iter().any(|s| e == *s);
    if is_page(file) || file.extension().is_some_and(shown) {
        return file.to_owned();
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".txt");
    name.into()
}

/// Makes a link lead to where the file is in the book.
fn replace(text: &mut String, page: &Page, link: &Link, file: &Path) -> Result<()> {
    let (written, place) = link.parts();
    if written.is_empty() {
        return Ok(());
    }
    // The list of contents moves up one folder.
    let target = if page.path == Path::new(SUMMARY) {
        laid_out(file).display().to_string()
    } else {
        let mut target = PathBuf::from(written);
        if file.file_name().is_some_and(|name| name == "README.md") {
            target.set_file_name("index.md");
        }
        laid_out(&target).display().to_string()
    };
    let target = place.map_or(target.clone(), |place| format!("{target}#{place}"));
    let shown = text
        .get(link.range.clone())
        .context("find a link in its page")?;
    let new = match shown.rfind(&link.target) {
        Some(at) => {
            let (before, rest) = shown.split_at(at);
            format!("{before}{target}{}", &rest[link.target.len()..])
        }
        // A reference, whose target stands elsewhere.
        None => anyhow::bail!(
            "{}: the link to {} has to be written in one piece, [text](target)",
            page.path.display(),
            link.target
        ),
    };
    text.replace_range(link.range.clone(), &new);
    Ok(())
}

/// Makes links of the names of rustdoc's pages.
fn link_rustdoc(text: &mut String, page: &Page) {
    const NAME: &str = "`rustdoc/";
    let up = "../".repeat(page.path.components().count().saturating_sub(1));
    let mut parts = text.split(NAME);
    let mut new = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('`').unwrap_or((part, ""));
        new.push_str(&format!("[`rustdoc/{name}`]({up}rustdoc/{name}){rest}"));
    }
    *text = new;
}

fn write(to: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(to, bytes).with_context(|| format!("write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_rustdoc_are_linked() {
        let page = Page {
            path: "docs/kernel/x.md".into(),
            text: String::new(),
        };
        let mut text = "see `rustdoc/a/b.html`, `c`".to_owned();
        link_rustdoc(&mut text, &page);
        assert_eq!(
            text,
            "see [`rustdoc/a/b.html`](../../rustdoc/a/b.html), `c`"
        );
    }

    #[test]
    fn links_lead_to_the_same_place() {
        let page = |path: &str, text: &str| {
            let page = Page {
                path: path.into(),
                text: text.to_owned(),
            };
            let mut text = page.text.clone();
            let link = links::links(&page).pop().expect("a link");
            let file = links::file(&page, &link).expect("a file");
            replace(&mut text, &page, &link, &file).expect("a new link");
            text
        };
        assert_eq!(page("docs/a.md", "see [b](b.md#c)."), "see [b](b.md#c).");
        assert_eq!(page("docs/a.md", "[t](../README.md)"), "[t](../index.md)");
        assert_eq!(
            page("README.md", "[t](docs/x/README.md)"),
            "[t](docs/x/index.md)"
        );
        assert_eq!(
            page("docs/a.md", "[t](../queue/a.rs)"),
            "[t](../queue/a.rs.txt)"
        );
        assert_eq!(page("docs/a.md", "![p](p.svg)"), "![p](p.svg)");
        assert_eq!(page(SUMMARY, "- [t](x/y.md)"), "- [t](docs/x/y.md)");
        assert_eq!(page(SUMMARY, "[t](../README.md)"), "[t](README.md)");
    }
}
