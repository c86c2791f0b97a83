// SPDX-License-Identifier: GPL-2.0

//! Follows the manual: types the commands of each page, and compares what they print with what the page says.
//!
//! `mydevice_book::console` says how a page is written. Each page is a test, named after it. It begins with the module
//! freshly loaded, or, if its first command loads it, with none; in an empty folder with the modules; in a shell of
//! its own. A block that no test can run is listed as an ignored one.

mod follow;
mod shell;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use mydevice_book::console::{Block, Content, blocks};
use mydevice_book::{Page, console};

/// The release of the kernel that runs.
const RELEASE: &str = "/proc/sys/kernel/osrelease";

fn main() -> ExitCode {
    let (filters, options) = filters(std::env::args());
    let arguments = Arguments::from_iter(options);
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let pages = Page::all(root).expect("the pages of the manual");
    let debian = is_debians(&std::fs::read_to_string(RELEASE).expect("the kernel's release"));
    let mut trials = Vec::new();
    for page in pages {
        let blocks = blocks(&page).unwrap_or_else(|error| panic!("{error}"));
        let path = page.path.display().to_string();
        let (left_out, blocks): (Vec<Block>, Vec<Block>) =
            blocks.into_iter().partition(|block| match block.content {
                Content::Host(_) => true,
                Content::Debian(_) => !debian,
                Content::Run(_) | Content::File { .. } => false,
            });
        for block in left_out {
            if let Content::Host(steps) | Content::Debian(steps) = &block.content {
                trials.push(not_run(&path, block.line, steps));
            }
        }
        let is_run = |b: &Block| matches!(b.content, Content::Run(_) | Content::Debian(_));
        if blocks.iter().any(is_run) {
            let name = format!("the_page_does_what_it_says::{path}");
            trials.push(Trial::test(name, move || {
                follow::page(&path, &blocks);
                Ok(())
            }));
        }
    }
    if !filters.is_empty() {
        trials.retain(|trial| filters.iter().any(|filter| trial.name().contains(filter)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Whether a kernel of that release is one of Debian's, and not one that was built here from its source.
fn is_debians(release: &str) -> bool {
    release.contains("+deb")
}

/// Takes the filters out of the arguments: the other test programs take several, and this library one.
fn filters(arguments: impl Iterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let mut options: Vec<String> = Vec::new();
    let mut filters = Vec::new();
    for argument in arguments {
        let is_value = options.last().is_some_and(|last| {
            [
                "--skip",
                "--format",
                "--color",
                "--logfile",
                "--test-threads",
            ]
            .contains(&last.as_str())
        });
        // The first is the program's name.
        if options.is_empty() || is_value || argument.starts_with('-') {
            options.push(argument);
        } else {
            filters.push(argument);
        }
    }
    (filters, options)
}

/// Shows that these commands are not run.
fn not_run(path: &str, line: usize, steps: &[console::Step]) -> Trial {
    let first = steps.first().map_or("", |step| step.command.as_str());
    let first = first.split(" #").next().unwrap_or(first).trim_end();
    let name = format!("not_for_the_vm::{path}:{line}: {first}");
    Trial::test(name, || Err("this needs the reader's own machine".into())).with_ignored_flag(true)
}
