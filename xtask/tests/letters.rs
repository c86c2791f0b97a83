// SPDX-License-Identifier: GPL-2.0

//! The page "How to write another discipline" shows what stands in `letters.rs` and in the driver's list. That it compiles is
//! looked at by `cargo xtask lint`.

use std::{fs, path::Path};

fn lines(file: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn shows(all: &[String], part: &[String]) -> bool {
    all.windows(part.len()).any(|lines| lines == part)
}

#[test]
fn each_sample_of_the_page_stands_in_the_sources() {
    let page = lines("docs/kernel/discipline.md");
    let letters = lines("docs/kernel/letters.rs");
    // With the line that the page adds, which is its last.
    let mut list = lines("driver/discipline.rs");
    let start = list.iter().position(|line| line == "disciplines! {");
    let start = start.expect("the list of disciplines");
    let end = list[start..].iter().position(|line| line == "}");
    let end = start + end.expect("the list's end");
    list.insert(end, "letters: Letters,".to_owned());

    let samples: Vec<&[String]> = page
        .split(|line| line.starts_with("```"))
        .skip(1)
        .step_by(2)
        .collect();
    let kinds = page.iter().filter(|line| line.starts_with("```"));
    let kinds = kinds.step_by(2);
    let mut found = 0;
    for (kind, sample) in kinds.zip(samples) {
        if kind == "```rust,ignore" {
            assert!(
                shows(&letters, sample) || shows(&list, sample),
                "neither letters.rs nor discipline.rs has\n{}",
                sample.join("\n")
            );
            found += 1;
        }
    }
    assert_eq!(found, 4, "samples of the page");
}
