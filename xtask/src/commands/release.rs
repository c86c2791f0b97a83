// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::packaging::{self, VERSION};
use crate::project;
use crate::step::{self, say};

/// Makes the archive of a release's source in target/release-archive.
///
/// It is made of the last commit: the same commit and the same git give the same bytes, whoever makes it and when. Nothing is
/// made while something is not committed, or while the places that name the version name different ones.
#[derive(Args)]
pub struct Release {}

/// Files that name the version, and the line in which they do. (Debian's changelog is looked at where packages are built.)
fn places() -> [(&'static str, String); 5] {
    let module = format!("kapi::modinfo::modinfo!(\"version\", \"{VERSION}\");");
    [
        ("CHANGELOG.md", format!("## {VERSION}")),
        ("driver/hello.rs", module.clone()),
        ("driver/mydevice.rs", module.clone()),
        ("driver/toolbox/toolbox.rs", module),
        (
            "lib/python/pyproject.toml",
            format!("version = \"{VERSION}\""),
        ),
    ]
}

impl Release {
    pub fn run(self) -> Result<ExitCode> {
        let root = project::root();
        check_versions(root)?;
        packaging::check_changelog()?;
        let changed = step::output(git(root).args(["status", "--porcelain"]))?;
        if !changed.trim().is_empty() {
            bail!("these are not committed, and would be missing in the archive:\n{changed}");
        }
        let folder = project::target().join("release-archive");
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let name = format!("mydevice-{VERSION}");
        let archive = folder.join(format!("{name}.tar.gz"));
        let mut make = git(root);
        make.args(["archive", "--format=tar.gz"])
            .arg(format!("--prefix={name}/"))
            .arg("--output")
            .arg(&archive)
            .arg("HEAD");
        step::quiet(&mut make).context("make the archive")?;
        let sum = step::output(Command::new("sha256sum").arg(&archive))?;
        say!("{}", sum.trim());
        Ok(ExitCode::SUCCESS)
    }
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(root);
    git
}

/// Fails if one of the files names another version, or none.
fn check_versions(root: &Path) -> Result<()> {
    for (file, line) in places() {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("read {file}"))?;
        if !text.lines().any(|it| it.starts_with(&line)) {
            bail!(
                "{file} does not name version {VERSION}, which Cargo.toml does: a line should begin with\n    {line}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_names_the_same_version() {
        check_versions(project::root()).expect("one version");
        packaging::check_changelog().expect("the same version");
    }

    #[test]
    fn another_version_is_named_with_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("CHANGELOG.md"), "## 9.9.9\n").expect("a file");
        let error = check_versions(folder.path()).expect_err("another version");
        let error = error.to_string();
        assert!(
            error.contains("CHANGELOG.md") && error.contains(VERSION),
            "{error}"
        );
    }
}
