// SPDX-License-Identifier: GPL-2.0

//! Becoming root for the few steps that need it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// True if this process is root already.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that runs as root: as it is for root, else through sudo.
pub fn root_command(program: impl AsRef<OsStr>) -> Result<Command> {
    let program = program.as_ref();
    if is_root() {
        return Ok(Command::new(program));
    }
    let Some(sudo) = find_program("sudo") else {
        bail!(
            "this step has to run as root (it starts {}), and this user is not root and has no sudo.\n\
             Run it as root, or install sudo and allow this user to use it.",
            program.to_string_lossy()
        );
    };
    let mut command = Command::new(sudo);
    command.arg("--").arg(program);
    Ok(command)
}

/// Removes a folder that root owns, without leaving its file system.
pub fn remove(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut command = root_command("rm")?;
    command.args(["-rf", "--one-file-system", "--"]).arg(path);
    crate::step::quiet(&mut command).with_context(|| format!("remove {}", path.display()))
}

/// Makes a folder inside a tree that root owns, and gives it to the calling user.
pub fn make_own(path: &Path) -> Result<()> {
    if std::fs::create_dir_all(path).is_ok()
        && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
    {
        return Ok(());
    }
    let owner = format!(
        "{}:{}",
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw()
    );
    let mut mkdir = root_command("mkdir")?;
    crate::step::quiet(mkdir.arg("-p").arg(path))
        .with_context(|| format!("make {}", path.display()))?;
    let mut chown = root_command("chown")?;
    crate::step::quiet(chown.arg(owner).arg(path))
        .with_context(|| format!("take over {}", path.display()))
}

/// Where a program is, looked up in PATH and in the folders for root's programs.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| {
            file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
        })
}
