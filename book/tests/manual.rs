// SPDX-License-Identifier: GPL-2.0

//! The manual itself: its links, its commands' form, its pictures, its list of contents.

use std::path::Path;

use mydevice_book::{Page, console, links, picture};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn pages() -> Vec<Page> {
    Page::all(root()).expect("the pages of the manual")
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let broken = links::broken(root(), &pages);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let count: usize = pages.iter().map(|page| links::links(page).len()).sum();
    assert!(count > 50, "{count} links, so some were not seen");
}

#[test]
fn every_page_is_in_the_list_of_contents() {
    let pages = pages();
    let summary = Path::new("docs/SUMMARY.md");
    let contents = pages
        .iter()
        .find(|page| page.path == summary)
        .expect("docs/SUMMARY.md");
    let listed: Vec<_> = links::links(contents)
        .iter()
        .filter_map(|link| links::file(contents, link))
        .collect();
    let missing: Vec<_> = pages
        .iter()
        .map(|page| page.path.as_path())
        .filter(|path| *path != summary && !listed.iter().any(|l| l == path))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing:?} should be in docs/SUMMARY.md"
    );
}

#[test]
fn every_block_of_commands_can_be_read() {
    for page in pages() {
        console::blocks(&page).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_drawing_was_made_of_its_text() {
    for dot in picture::all(root()).expect("the pictures") {
        assert!(
            picture::is_current(&root().join(&dot)).expect("a look at a picture"),
            "{} is not what its drawing was made of. Draw it anew: cargo xtask book",
            dot.display()
        );
    }
}
