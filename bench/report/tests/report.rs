// SPDX-License-Identifier: GPL-2.0

//! A report of made-up figures.

use std::fs;

use mydevice_figures::{Entry, Figure, Guest, Profile, Profiled, Record, Who, Work};
use mydevice_report::{Host, Place, Run, write, write_profile};

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
                        entry: Entry {
                            work,
                            who,
                            size,
                            count,
                        },
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
            profile: None,
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
        // Those are beside the page, and others make them; the book's tests look whether they are there.
        if ["unreached.md", "profile.md"].contains(&file) {
            continue;
        }
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

/// A profile has a row for each function, with what one operation cost in it, of the round in the middle.
#[test]
fn a_profile_says_where_instructions_are() {
    let profiled = |who, windows| Profiled {
        entry: Entry::new(Work::OneToOne, who).size(64),
        operations: 10,
        windows,
    };
    let mut run = run(Place::Icount, 1.0);
    run.record.profile = Some(Profile {
        symbols: "ffffffff81000000 T vfs_read\nffffffff81000100 T pipe_read\n\
            ffffffffc0000000 t _RNvNtCs1234_8mydevice4file4read\t[mydevice]"
            .to_owned(),
        profiled: vec![
            profiled(Who::MyDevice, 0..2),
            profiled(Who::Pipe, 3..4),
            profiled(Who::Pipe, 4..5),
            profiled(Who::Pipe, 5..6),
        ],
    });
    // The third window was of nothing that is asked for.
    let counts = "window\nffffffffc0000010 200\nffffffff81000000 100\n\
        window\nffffffffc0000020 50\n\
        window\n1000 7777777\n\
        window\nffffffff81000100 9999\n\
        window\nffffffff81000100 300\n1000 1\n\
        window\nffffffff81000100 1\n";
    let folder = tempfile::tempdir().expect("a folder");
    write_profile(&run, counts, folder.path()).expect("a profile");
    let page = fs::read_to_string(folder.path().join("profile.md")).expect("the page");
    for row in [
        "| function | mydevice | share | pipe | share |",
        "| **all** | 35.0 | 100.0% | 30.1 | 100.0% |",
        "| **of them in the module** | 25.0 | 71.4% | 0.00 | 0.0% |",
        "| `pipe_read` | 0.00 | 0.0% | 30.0 | 99.7% |",
        "| `mydevice::file::read [mydevice]` | 25.0 | 71.4% | 0.00 | 0.0% |",
        "| `vfs_read` | 10.0 | 28.6% | 0.00 | 0.0% |",
        "| all others | 0.00 | 0.0% | 0.10 | 0.3% |",
    ] {
        assert!(page.contains(row), "{row} is not in:\n{page}");
    }

    let gone = write_profile(&run, "window\n", folder.path());
    let said = format!("{:#}", gone.expect_err("windows are missing"));
    assert!(said.contains("window 1"), "{said}");
}
