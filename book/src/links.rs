// SPDX-License-Identifier: GPL-2.0

//! Links between pages, and the places on a page that they can lead to.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::Page;

/// A link or a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it stands in the page's text, with what is shown.
    pub range: Range<usize>,
    /// What it leads to, as it is written.
    pub target: String,
}

impl Link {
    /// Whether it leads out of the checkout.
    pub fn is_remote(&self) -> bool {
        self.target.contains("://") || self.target.starts_with("mailto:")
    }

    /// The file and the place on it. No file means the page itself.
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self.target.split_once('#') {
            Some((file, place)) => (file, Some(place)),
            None => (&self.target, None),
        }
    }
}

/// The Markdown that code hosts and mdBook both understand.
pub(crate) fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(
        text,
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH,
    )
}

/// The links and pictures of a page.
pub fn links(page: &Page) -> Vec<Link> {
    let link = |(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(Link {
            range,
            target: dest_url.into_string(),
        }),
        _ => None,
    };
    parser(&page.text)
        .into_offset_iter()
        .filter_map(link)
        .collect()
}

/// The names of a page's headings, as links give them.
pub fn places(page: &Page) -> Vec<String> {
    let mut places = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut heading: Option<String> = None;
    for event in parser(&page.text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let name = place(&heading.take().unwrap_or_default());
                let count = seen.entry(name.clone()).or_default();
                places.push(match *count {
                    0 => name,
                    n => format!("{name}-{n}"),
                });
                *count += 1;
            }
            _ => {}
        }
    }
    places
}

/// How code hosts and mdBook make the name of a place out of a heading.
fn place(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// The file that a link leads to, from the top of the checkout; none if that is outside.
pub fn file(page: &Page, link: &Link) -> Option<PathBuf> {
    let (file, _) = link.parts();
    if file.is_empty() {
        return Some(page.path.clone());
    }
    let mut path = page.path.parent()?.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(path)
}

/// What is wrong with the links of these pages, a line each.
pub fn broken(root: &Path, pages: &[Page]) -> Vec<String> {
    let mut broken = Vec::new();
    for page in pages {
        for link in links(page).iter().filter(|link| !link.is_remote()) {
            if let Some(why) = why_broken(root, pages, page, link) {
                let line = page.line(link.range.start);
                let (path, target) = (page.path.display(), &link.target);
                broken.push(format!("{path}:{line}: {target}: {why}"));
            }
        }
    }
    broken
}

fn why_broken(root: &Path, pages: &[Page], page: &Page, link: &Link) -> Option<String> {
    let Some(path) = file(page, link) else {
        return Some("leads out of the checkout".to_owned());
    };
    // A folder is a page on a code host, and nothing in the book.
    if !pages.iter().any(|page| page.path == path) && !root.join(&path).is_file() {
        return Some(format!("{} is no file", path.display()));
    }
    let (_, place) = link.parts();
    let place = place?;
    let Some(other) = pages.iter().find(|page| page.path == path) else {
        return Some(format!(
            "{} is no page, so it has no headings",
            path.display()
        ));
    };
    let places = places(other);
    if places.iter().any(|p| p == place) {
        return None;
    }
    Some(format!(
        "{} has no such heading, but {}",
        path.display(),
        places.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page {
            path: "docs/a/b.md".into(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn links_are_found_where_they_are_shown_alone() {
        let page = page("[a](../c.md#d) `[no](no.md)`\n\n    [no](no.md)\n\n![p](p.svg)\n");
        let links = links(&page);
        let targets: Vec<_> = links.iter().map(|l| l.target.as_str()).collect();
        assert_eq!(targets, ["../c.md#d", "p.svg"]);
        assert_eq!(links[0].parts(), ("../c.md", Some("d")));
        assert_eq!(file(&page, &links[0]), Some("docs/c.md".into()));
        assert_eq!(page.line(links[1].range.start), 5);
    }

    #[test]
    fn places_are_named_as_code_hosts_do() {
        let page = page("# What `is` it, for?\n## get, set\n## Read\n## Read\n");
        assert_eq!(
            places(&page),
            ["what-is-it-for", "get-set", "read", "read-1"]
        );
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = Page {
            path: "src/x.md".into(),
            text: "# Here\n[a](lib.rs) [b](gone.md) [c](#here) [d](#there)\n[e](../../..) [f](lib.rs#x) [g](.) [h](https://x)"
                .to_owned(),
        };
        assert_eq!(
            broken(root, &[page]),
            [
                "src/x.md:2: gone.md: src/gone.md is no file",
                "src/x.md:2: #there: src/x.md has no such heading, but here",
                "src/x.md:3: ../../..: leads out of the checkout",
                "src/x.md:3: lib.rs#x: src/lib.rs is no page, so it has no headings",
                "src/x.md:3: .: src is no file",
            ]
        );
    }
}
