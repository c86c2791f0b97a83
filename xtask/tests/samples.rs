// SPDX-License-Identifier: GPL-2.0

//! The page "The C you know, in Rust" shows what stands in `driver/toolbox`, all of it, and leaves no facility out.
//!
//! mdBook puts the samples in where the page says `{{#include FILE:ANCHOR}}`; what it does not find it leaves out without
//! an error.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What an author of drivers looks for, as issue 6 lists it.
const FACILITIES: &[&str] = &[
    "printk",
    "pr_emerg",
    "pr_cont",
    "pr_debug",
    "dev_err",
    "netdev_err",
    "__ratelimit",
    "dynamic debug",
    "WARN_ON",
    "BUG",
    "print_hex_dump",
    "dump_stack",
    "-EINVAL",
    "ERR_PTR",
    "IS_ERR",
    "kmalloc",
    "kzalloc",
    "kcalloc",
    "vmalloc",
    "kvmalloc",
    "GFP_KERNEL",
    "GFP_ATOMIC",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "__user",
    "copy_to_user",
    "copy_from_user",
    "get_user",
    "put_user",
    "list_head",
    "list_for_each_entry",
    "kref",
    "struct mutex",
    "spinlock_t",
    "rwlock_t",
    "work_struct",
    "alloc_workqueue",
    "delayed_work",
    "get_unused_fd_flags",
    "fd_install",
    "fget",
    "fput",
    "container_of",
    "sysfs",
    "debugfs",
    "procfs",
    "tracefs",
    "seq_file",
    "smp_mb",
    "smp_load_acquire",
    "smp_store_release",
    "rb_root",
    "struct idr",
    "struct ida",
    "struct scatterlist",
    "dma_alloc_coherent",
    "dma_map_sgtable",
    "dma_buf",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The page, and the folder that its links start from.
fn page() -> (PathBuf, String) {
    let file = root().join("docs/kernel/c-in-rust.md");
    let text = fs::read_to_string(&file).expect("reading the page");
    (file.parent().expect("a folder").to_owned(), text)
}

/// What stands between `before` and `after`, wherever that is.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .filter_map(move |rest| rest.split(after).next())
}

/// The lines of a sample, without its anchors and those inside it, as mdBook takes them.
fn sample<'a>(source: &'a str, name: &str) -> Result<Vec<&'a str>, String> {
    let at = |word: &str| {
        let line =
            |(n, line): (usize, &str)| (line.trim() == format!("// {word}: {name}")).then_some(n);
        let found: Vec<_> = source.lines().enumerate().filter_map(line).collect();
        match found[..] {
            [only] => Ok(only),
            _ => Err(format!(
                "`// {word}: {name}` stands there {} times, not once",
                found.len()
            )),
        }
    };
    let (start, end) = (at("ANCHOR")?, at("ANCHOR_END")?);
    let lines = source.lines().take(end).skip(start + 1);
    let lines: Vec<_> = lines.filter(|line| !line.contains("// ANCHOR")).collect();
    match lines.is_empty() {
        true => Err(format!("the sample {name} is empty")),
        false => Ok(lines),
    }
}

#[test]
fn each_include_finds_its_sample_and_is_linked_to() {
    let (folder, text) = page();
    let mut found = 0;
    for include in between(&text, "{{#include ", '}') {
        let (file, name) = include
            .split_once(':')
            .unwrap_or_else(|| panic!("no anchor in {include}"));
        let source = fs::read_to_string(folder.join(file))
            .unwrap_or_else(|error| panic!("{include}: {error}"));
        if let Err(error) = sample(&source, name) {
            panic!("{file}: {error}");
        }
        assert!(
            text.contains(&format!("]({file})")),
            "the page shows {include}, and has no link to {file}"
        );
        found += 1;
    }
    assert!(found > 40, "only {found} samples");
}

#[test]
fn each_sample_is_shown() {
    let (_, text) = page();
    let folder = root().join("driver/toolbox");
    let mut forgotten = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("listing the samples") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8");
        let source = fs::read_to_string(folder.join(&name)).expect("reading a sample");
        for anchor in between(&source, "// ANCHOR: ", '\n') {
            let include = format!("{{{{#include ../../driver/toolbox/{name}:{anchor}}}}}");
            if !text.contains(&include) {
                forgotten.insert(include);
            }
        }
    }
    assert!(
        forgotten.is_empty(),
        "the page does not show {forgotten:#?}"
    );
}

/// Most of all the files that a table names under "used in".
#[test]
fn each_file_that_is_linked_to_is_there() {
    let (folder, text) = page();
    for link in between(&text, "](", ')') {
        let file = link.split('#').next().unwrap_or_default();
        if !file.is_empty() && !file.starts_with("https:") {
            assert!(folder.join(file).is_file(), "there is no {file}");
        }
    }
}

#[test]
fn no_facility_is_left_out() {
    let (_, text) = page();
    // A row's first cell, or a heading, says it.
    let said: String = text
        .lines()
        .filter_map(|line| match line.strip_prefix("| ") {
            Some(row) => row.split(" | ").next(),
            None => line.strip_prefix('#'),
        })
        .collect::<Vec<_>>()
        .join("\n");
    let missing: Vec<_> = FACILITIES
        .iter()
        .filter(|word| !said.contains(**word))
        .collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn a_broken_anchor_is_noticed() {
    let source = "// ANCHOR: a\nlet x = 1;\n// ANCHOR_END: a\n// ANCHOR: b\n// ANCHOR_END: b\n// ANCHOR: c\nx\n";
    assert_eq!(sample(source, "a"), Ok(vec!["let x = 1;"]));
    for (name, error) in [("b", "empty"), ("c", "ANCHOR_END: c"), ("d", "ANCHOR: d")] {
        let said = sample(source, name).expect_err("refused");
        assert!(said.contains(error), "{said}");
    }
}
