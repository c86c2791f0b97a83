// SPDX-License-Identifier: GPL-2.0

//! A look at what mdBook has made: whether its links lead somewhere.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// What is wrong with the links of a finished book, a line each.
pub fn broken(book: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for entry in WalkDir::new(book).sort_by_file_name() {
        let entry = entry.with_context(|| format!("list {}", book.display()))?;
        let path = entry.path();
        // The page for printing repeats the others.
        let is_page = path.extension().is_some_and(|e| e == "html")
            && !["print.html", "404.html", "toc.html"]
                .contains(&&*entry.file_name().to_string_lossy());
        if is_page {
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
