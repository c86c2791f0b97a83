// SPDX-License-Identifier: GPL-2.0

//! A look at what mdBook has made: whether its links lead somewhere.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use walkdir::{DirEntry, WalkDir};

/// What is wrong with the links of a finished book, a line each. What rustdoc made is left to rustdoc.
pub fn broken(book: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let ours = |entry: &DirEntry| entry.file_name() != "rustdoc";
    for entry in WalkDir::new(book)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(ours)
    {
        let entry = entry.with_context(|| format!("list {}", book.display()))?;
        let path = entry.path();
        // These repeat the others, or have no place of their own.
        let repeats = ["print.html", "toc.html", "404.html"];
        if path.extension().is_some_and(|e| e == "html")
            && !repeats.iter().any(|name| entry.file_name() == *name)
        {
            let text = read(path)?;
            for target in values(&text, "href").chain(values(&text, "src")) {
                if !leads_somewhere(path, &text, target)? {
                    let page = path.strip_prefix(book).unwrap_or(path).display();
                    broken.push(format!("{page}: {target}"));
                }
            }
        }
    }
    Ok(broken)
}

fn leads_somewhere(page: &Path, text: &str, target: &str) -> Result<bool> {
    if target.contains(':') || target.is_empty() {
        return Ok(true);
    }
    let (file, place) = target.split_once('#').unwrap_or((target, ""));
    let there = page.parent().unwrap_or(page).join(file);
    if !file.is_empty() && !there.is_file() {
        return Ok(false);
    }
    if place.is_empty() {
        return Ok(true);
    }
    let other = if file.is_empty() {
        text.to_owned()
    } else {
        read(&there)?
    };
    Ok(values(&other, "id").collect::<HashSet<_>>().contains(place))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// The values of an attribute, wherever it stands.
fn values<'a>(text: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
    let key = format!(" {attribute}=\"");
    let starts: Vec<_> = text
        .match_indices(&key)
        .map(|(at, _)| at + key.len())
        .collect();
    starts
        .into_iter()
        .filter_map(|at| text.get(at..)?.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_found() {
        let text = "<a class=\"x\" href=\"a.html#b\"><img src=\"p.svg\"></a><h2 id=\"b\">";
        assert_eq!(values(text, "href").collect::<Vec<_>>(), ["a.html#b"]);
        assert_eq!(values(text, "id").collect::<Vec<_>>(), ["b"]);
    }
}
