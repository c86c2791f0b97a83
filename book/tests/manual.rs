// SPDX-License-Identifier: GPL-2.0

//! The manual itself: its links, its commands' form, its pictures, its list of contents, and what it says of the C header.

use std::fs;
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

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A structure of the header: its fields, and its text.
fn structure(name: &str) -> (Vec<String>, String) {
    let header = text("uapi/mydevice_ioctl.h");
    let from = header.find(&format!("struct {name} {{\n"));
    let rest = &header[from.expect("the structure in the header")..];
    let end = "\n};\n";
    let whole = &rest[..rest.find(end).expect("its end") + end.len()];
    let fields = whole.lines().filter_map(|line| {
        let field = line.strip_prefix('\t')?.split_once(' ')?.1;
        Some(field.split(['[', ';']).next()?.to_owned())
    });
    (fields.collect(), whole.to_owned())
}

#[test]
fn the_structures_are_those_of_the_header() {
    let page = text("docs/ioctl.md");
    let manual = text("man/mydevice.4");
    for (name, count) in [("mydev_status", 6), ("mydev_stats", 12)] {
        let (fields, whole) = structure(name);
        assert_eq!(fields.len(), count, "{fields:?}");
        let from = page.find(&format!("`struct {name}`, ")).expect("its table");
        let shown: Vec<_> = page[from..]
            .lines()
            .skip_while(|line| *line != "| --- | --- |")
            .skip(1)
            .map_while(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert_eq!(shown, fields, "{name} in docs/ioctl.md");
        assert!(manual.contains(&whole), "{name} in man/mydevice.4");
    }
}

/// The program on the page is run by the tests in the VM.
#[test]
fn the_manual_page_shows_the_program_that_is_run() {
    let pages = pages();
    let page = pages.iter().find(|p| p.path == Path::new("docs/ioctl.md"));
    let blocks = console::blocks(page.expect("docs/ioctl.md")).expect("its blocks");
    let program = blocks.iter().find_map(|block| match &block.content {
        console::Content::File { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let manual = text("man/mydevice.4");
    let (_, examples) = manual.split_once(".Sh EXAMPLES\n").expect("examples");
    let (_, shown) = examples.split_once(".Bd -literal\n").expect("a program");
    let (shown, _) = shown.split_once(".Ed\n").expect("its end");
    assert_eq!(
        Some(shown.replace("\\e", "\\").as_str()),
        program,
        "man/mydevice.4 and docs/ioctl.md"
    );
}
