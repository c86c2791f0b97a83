// SPDX-License-Identifier: GPL-2.0

//! The crates that a program is made of, for a source package that is built without a network.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::project;
use crate::step;

/// Where the packages run.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Puts the crates of that package into the folder.
///
/// Cargo wants to see the manifest of every crate in Cargo.lock. Those that this package does not need, on this system, are
/// there with their manifest alone, which takes nine tenths off the size.
pub fn fetch(folder: &Path, package: &str, log: &Path) -> Result<()> {
    let mut vendor = project::cargo("vendor");
    vendor.args(["--locked", "--versioned-dirs"]).arg(folder);
    step::run("Fetching the crates", "10 s", log, &mut vendor)?;
    let mut tree = project::cargo("tree");
    tree.args(["--locked", "--package", package, "--target", TARGET]);
    tree.args([
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let needed = needed(&step::output(&mut tree)?);
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        if !needed.contains(&*entry.file_name().to_string_lossy()) {
            empty(&entry.path()).with_context(|| format!("empty {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// The folders of the crates that `cargo tree` lists: lines such as `clap v4.5.0 (proc-macro)`.
fn needed(listed: &str) -> BTreeSet<String> {
    let folder = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(format!("{name}-{version}"))
    };
    listed.lines().filter_map(folder).collect()
}

/// Leaves of a crate what cargo reads of it to check the lock file.
fn empty(krate: &Path) -> Result<()> {
    let manifest = fs::read(krate.join("Cargo.toml")).context("read Cargo.toml")?;
    let sums = fs::read(krate.join(CHECKSUMS)).context("read the checksums")?;
    let sums: Value = serde_json::from_slice(&sums).context("understand the checksums")?;
    fs::remove_dir_all(krate).context("delete it")?;
    fs::create_dir_all(krate.join("src")).context("make it again")?;
    fs::write(krate.join("Cargo.toml"), manifest).context("write Cargo.toml")?;
    fs::write(krate.join("src/lib.rs"), "").context("write src/lib.rs")?;
    let sums = json!({"files": {}, "package": sums["package"]});
    fs::write(krate.join(CHECKSUMS), sums.to_string()).context("write the checksums")
}

const CHECKSUMS: &str = ".cargo-checksum.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_with_their_versions() {
        let listed = "mydevicectl v0.1.0 (/src/ctl)\nclap v4.6.9\nclap_derive v4.6.9 (proc-macro)\nclap v4.6.9 (*)\n\n";
        let folders: Vec<_> = needed(listed).into_iter().collect();
        assert_eq!(
            folders,
            ["clap-4.6.9", "clap_derive-4.6.9", "mydevicectl-0.1.0"]
        );
    }

    #[test]
    fn an_emptied_crate_keeps_manifest_and_sum() {
        let folder = tempfile::tempdir().expect("a folder");
        let krate = folder.path().join("x-1.0.0");
        fs::create_dir_all(krate.join("src/deep")).expect("a folder");
        for (file, text) in [
            ("Cargo.toml", "[package]"),
            ("src/deep/x.rs", "fn x() {}"),
            (
                CHECKSUMS,
                r#"{"files": {"src/deep/x.rs": "1"}, "package": "2"}"#,
            ),
        ] {
            fs::write(krate.join(file), text).expect("a file");
        }
        empty(&krate).expect("emptied");
        let read = |file| fs::read_to_string(krate.join(file)).expect("a file");
        assert_eq!(read("Cargo.toml"), "[package]");
        assert_eq!(read(CHECKSUMS), r#"{"files":{},"package":"2"}"#);
        assert!(!krate.join("src/deep").exists());
    }
}
