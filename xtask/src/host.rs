// SPDX-License-Identifier: GPL-2.0

//! The machine that a measurement ran on, and the versions of what mattered.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use mydevice_report::Host;

use crate::tree::Tree;
use crate::{project, step};

/// Describes this machine, before a run that takes its processors from `accelerator`.
pub fn describe(tree: &Tree, accelerator: &str) -> Result<Host> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("read {path}"));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = read("/proc/cpuinfo")?;
    let model = field(&cpus, "model name");
    let load = read("/proc/loadavg")?;
    let minute = load.split_whitespace().next().unwrap_or("?");
    Ok(Host {
        processor: format!("{model}, {processors} processors"),
        accelerator: accelerator.to_owned(),
        versions: versions(tree)?,
        commit: commit(),
        date: step::output(Command::new("date").args(["--utc", "+%Y-%m-%d"]))?
            .trim()
            .to_owned(),
        load: format!("{minute} on {processors} processors"),
    })
}

fn versions(tree: &Tree) -> Result<Vec<(String, String)>> {
    let packages = tree.entry.join("packages.txt");
    let packages =
        fs::read_to_string(&packages).with_context(|| format!("read {}", packages.display()))?;
    let qemu = packages
        .lines()
        .find_map(|line| line.strip_prefix("qemu-system-x86 "))
        .unwrap_or("unknown");
    let host =
        fs::read_to_string("/proc/sys/kernel/osrelease").context("read the host's kernel")?;
    let named = |name: &str, version: &str| (name.to_owned(), version.trim().to_owned());
    Ok(vec![
        named(
            "guest's kernel",
            &format!("{} ({})", tree.kernel.release, tree.kernel.version),
        ),
        named("modules built with", &tree.kernel.rustc),
        named("QEMU", qemu),
        named("host's kernel", &host),
    ])
}

/// The commit that is checked out, and whether there is more than it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(project::root()).args(arguments);
        step::output(&mut git).map(|text| text.trim().to_owned())
    };
    let Ok(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown: no git repository".to_owned();
    };
    match git(&[
        "status",
        "--porcelain",
        "--",
        "Kbuild",
        "driver",
        "queue",
        "bench",
    ]) {
        Ok(changes) if changes.is_empty() => commit,
        _ => format!("{commit}, with changes"),
    }
}

/// The value of the first field of that name.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let values = text.lines().filter_map(|line| line.split_once(':'));
    values
        .filter(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
        .next()
        .unwrap_or("an unknown processor")
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn the_first_field_of_a_name() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n";
        assert_eq!(field(text, "model name"), "AMD EPYC");
        assert_eq!(field("", "model name"), "an unknown processor");
    }
}
