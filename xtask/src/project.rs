// SPDX-License-Identifier: GPL-2.0

//! Where this checkout is, and its Rust programs for the host and for the guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::step;

/// The checkout. Cargo says where it is now; the path at compile time is for a bare binary.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        here.parent().map_or_else(|| here.clone(), Path::to_owned)
    });
    &ROOT
}

/// Where everything made in this checkout goes.
pub fn target() -> PathBuf {
    root().join("target")
}

/// The target of programs for the guest: the host's own, so that no other has to be installed.
const GUEST_TARGET: &str = "x86_64-unknown-linux-gnu";

/// A cargo command on this checkout.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).current_dir(root());
    command
}

/// The files of the checkout as it is: those that git knows, and new ones that it does not ignore.
pub fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root());
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let names = step::output(&mut git).context("list the files of the checkout")?;
    let names = names.split_terminator('\0').map(PathBuf::from);
    // One that was deleted and not committed yet is known, too.
    Ok(names
        .filter(|name| root().join(name).symlink_metadata().is_ok())
        .collect())
}

/// When the newest commit was made, in seconds since 1970.
pub fn commit_time() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(root());
    let time = step::output(git.args(["log", "-1", "--format=%ct"]))
        .context("ask git when the newest commit was made")?;
    Ok(time.trim().to_owned())
}

/// A cargo command that makes programs for the guest: linked statically, since the libraries of the
/// host may be newer than the guest's.
fn guest_cargo(subcommand: &str) -> Command {
    let mut command = cargo(subcommand);
    // RUSTFLAGS of the calling shell would take the place of the setting below.
    command
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTDOCFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.args([
        "--target",
        GUEST_TARGET,
        "--quiet",
        "--message-format",
        "json-render-diagnostics",
    ]);
    for flags in ["rustflags", "rustdocflags"] {
        command.arg("--config").arg(format!(
            "target.{GUEST_TARGET}.{flags}=[\"-Ctarget-feature=+crt-static\"]"
        ));
    }
    command.arg("--target-dir").arg(target().join("guest"));
    command
}

/// The guest's first process.
pub fn guest_init() -> Result<PathBuf> {
    guest_program("mydevice-init")
}

/// The program that measures.
pub fn guest_bench() -> Result<PathBuf> {
    guest_program("mydevice-bench")
}

/// The plugin for QEMU's translator that counts instructions by address.
pub fn profiler() -> Result<PathBuf> {
    let name = "mydevice-profiler";
    let mut cargo = cargo("build");
    cargo.args(["--release", "--quiet", "--package", name]);
    step::output(&mut cargo).with_context(|| format!("build {name}"))?;
    Ok(target().join("release/libmydevice_profiler.so"))
}

/// The optimized program of the package with the same name.
fn guest_program(name: &str) -> Result<PathBuf> {
    let mut cargo = guest_cargo("build");
    cargo.args(["--release", "--package", name, "--bin", name]);
    let made = executables(&mut cargo).with_context(|| format!("build {name} for the guest"))?;
    made.into_iter()
        .next()
        .map(|e| e.path)
        .with_context(|| format!("cargo built no {name}"))
}

/// The tests that run in the guest, one program a test target.
pub fn guest_tests() -> Result<Vec<Executable>> {
    let mut cargo = guest_cargo("test");
    cargo.args(["--no-run", "--package", "mydevice-tests"]);
    cargo.args(["--package", "mydevice"]);
    let made = executables(&mut cargo).context("build the tests for the guest")?;
    Ok(made.into_iter().filter(|e| e.is_test).collect())
}

/// The examples in the documentation of the crate `mydevice`, as one program that runs them all as tests.
///
/// They need the device, so they are built here and run in the guest: where cargo would run the program that rustdoc
/// made, it copies it.
pub fn guest_doc_tests() -> Result<PathBuf> {
    let folder = target().join("guest").join("doc-tests");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut cargo = guest_cargo("test");
    cargo.args(["--doc", "--package", "mydevice", "--all-features"]);
    let runner = serde_json::to_string(&["cp", "--target-directory", &folder.to_string_lossy()])
        .context("write down the command that copies")?;
    cargo
        .arg("--config")
        .arg(format!("target.{GUEST_TARGET}.runner={runner}"));
    // They become part of the program. One example after the other, since all use the same devices.
    cargo.args(["--", "--test-threads=1", "--format=pretty"]);
    let output = cargo
        .output()
        .with_context(|| format!("start `{}`", step::show(&cargo)))?;
    let made: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("list {}", folder.display()))?
        .filter_map(Result::ok)
        .collect();
    match made.as_slice() {
        [program] if output.status.success() => Ok(program.path()),
        // rustdoc makes a program of each example if it cannot put all into one.
        _ => bail!(
            "build the examples of the crate mydevice: {} and {} programs, where one was expected\n{}{}",
            output.status,
            made.len(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// The tool.
pub fn guest_tool() -> Result<PathBuf> {
    guest_program("mydevicectl")
}

/// What the guest's PATH begins with: the folders of the tool and of the programs that come with the tests.
pub fn guest_path() -> Result<String> {
    let mut cargo = guest_cargo("build");
    cargo.args(["--package", "mydevice-tests", "--bins"]);
    executables(&mut cargo).context("build the programs for the guest")?;
    let made = target().join("guest").join(GUEST_TARGET);
    let tool = guest_tool()?;
    let tool = tool.parent().unwrap_or(&made);
    Ok(format!(
        "{}:{}",
        tool.display(),
        made.join("debug").display()
    ))
}

/// A program that cargo made.
#[derive(Debug, PartialEq, Eq)]
pub struct Executable {
    /// The name of the cargo target.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// True for a test program.
    pub is_test: bool,
}

fn executables(cargo: &mut Command) -> Result<Vec<Executable>> {
    let output = cargo
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("start `{}`", step::show(cargo)))?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}; its messages are above.\n\
             If the linker found no -lc: programs for the guest are static, and need the package libc6-dev.",
            step::show(cargo),
            output.status
        );
    }
    Ok(parse_executables(&String::from_utf8_lossy(&output.stdout)))
}

/// What cargo's JSON messages say about the programs made.
fn parse_executables(messages: &str) -> Vec<Executable> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
        target: Option<Target>,
        profile: Option<Profile>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }
    let executable = |line: &str| {
        let message: Message = serde_json::from_str(line).ok()?;
        Some(Executable {
            name: message.target?.name,
            path: message.executable?,
            is_test: message.profile?.test,
        })
    };
    messages.lines().filter_map(executable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"serde\"},\"profile\":{\"test\":false},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"data\"},\"profile\":{\"test\":true},\"executable\":\"/t/data-1\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        let expected = Executable {
            name: "data".into(),
            path: "/t/data-1".into(),
            is_test: true,
        };
        assert_eq!(parse_executables(messages), [expected]);
    }

    #[test]
    fn the_checkout_is_found() {
        assert!(root().join("xtask/Cargo.toml").is_file());
    }
}
