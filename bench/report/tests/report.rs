// SPDX-License-Identifier: GPL-2.0

//! A report of made-up figures.

use std::fs;

use mydevice_figures::{Figure, Guest, Record, Who, Work};
use mydevice_report::{Host, Place, Run, write};

/// Two rounds of every work by everybody, of every size and count that the report asks for.
fn figures(ours: f64) -> Vec<Figure> {
    let whos = Who::CONTENDERS
        .into_iter()
        .chain([Who::Floor, Who::Hello, Who::Kernel]);
    let mut figures = Vec::new();
    for who in whos {
        let value = if who == Who::MyDevice { ours } else { 1000.0 };
        for work in Work::ALL {
            for size in [0, 64, 4 << 10, 64 << 10, 1 << 20] {
                for count in [0, 1, 32, 255, 1000] {
                    figures.push(Figure {
                        work,
                        who,
                        size,
                        count,
                        values: vec![value, value],
                    });
                }
            }
        }
    }
    figures
}

fn run(place: Place, ours: f64) -> Run {
    Run {
        place,
        host: Host {
            processor: "a processor".to_owned(),
            accelerator: "nothing".to_owned(),
            versions: vec![("kernel".to_owned(), "1.2.3".to_owned())],
            commit: "0123".to_owned(),
            date: "2026-11-25".to_owned(),
            load: "0.00".to_owned(),
        },
        record: Record {
            guest: Guest {
                kernel: "1.2.3".to_owned(),
                processors: 2,
                memory: 2048,
            },
            figures: figures(ours),
        },
    }
}

/// The page of a report of every place where ours takes that long beside 1000 of the others.
fn page(ours: f64) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = Place::ALL.map(|place| run(place, ours));
    write(&runs, folder.path()).expect("a report");
    let page = fs::read_to_string(folder.path().join("README.md")).expect("a page");
    for link in page.split("](").skip(1) {
        let file = link.split(')').next().expect("the end of a link");
        let drawing = fs::read_to_string(folder.path().join(file)).expect("a drawing");
        assert!(drawing.contains("</svg>"), "{file}");
    }
    page
}

/// The verdict on the target that begins so.
fn verdict<'a>(page: &'a str, target: &str) -> &'a str {
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| {target}")))
        .unwrap_or_else(|| panic!("no row {target:?} in\n{page}"));
    row.trim_end_matches(" |")
        .rsplit("| ")
        .next()
        .expect("a last cell")
}

#[test]
fn what_is_fast_enough_has_met_its_targets() {
    let page = page(400.0);
    for target in [
        "64 B, 1:1, a message against the pipe",
        "4 KiB, 1:1, throughput against the best other",
        "4 KiB, 4:4, throughput against the pipe",
        "64 KiB, 1:1, share of the copy floor",
        "ping-pong of 64 B, median",
        "STATUS against FIONREAD",
        "a write of 64 B",
    ] {
        assert_eq!(verdict(&page, target), "met", "{target}");
    }
    assert!(!page.contains("not measured"), "{page}");
}

#[test]
fn what_is_slow_has_not() {
    let page = page(4000.0);
    for target in [
        "64 B, 1:1, a message against the pipe",
        "1 MiB, 1:1, throughput against the best other",
        "ping-pong of 64 B, 99%",
    ] {
        assert_eq!(verdict(&page, target), "**not met**", "{target}");
    }
}

#[test]
fn without_figures_nothing_is_claimed() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&[], folder.path()).expect("a report");
    let page = fs::read_to_string(folder.path().join("README.md")).expect("a page");
    assert_eq!(verdict(&page, "STATUS against FIONREAD"), "not measured");
    assert_eq!(verdict(&page, "a write of 64 B"), "not measured");
}
