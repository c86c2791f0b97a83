// SPDX-License-Identifier: GPL-2.0

//! A Debian tree in the cache, and working inside it.
//!
//! Nothing is mounted on the host, since a container may not: what is to be built is copied into
//! the tree, at the same absolute path, so that the compilers' messages name the real files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use mydevice_init::Sharing;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::privilege::{make_own, root_command};
use crate::step;

/// A finished tree and the kernel in it.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The cache's entry that holds it.
    pub entry: PathBuf,
    /// What set-up found in the archive.
    pub kernel: KernelRecord,
    /// The folder in `/usr/src` that the kernel was built in, if it is no packaged one.
    pub own: Option<String>,
    /// What make has to be told to build a module as the kernel was built.
    pub make: &'static [&'static str],
}

/// What set-up found in the archive; kept in the cache beside the tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KernelRecord {
    /// As `uname -r` prints it.
    pub release: String,
    /// The version of the packages of image, headers and source.
    pub version: String,
    /// The compiler that it was built with, and that its modules are built with.
    pub rustc: String,
}

impl Tree {
    /// The folder that is `/` in the guest.
    pub fn root(&self) -> PathBuf {
        self.entry.join("root")
    }

    /// Where in the tree a path of the host is found.
    pub fn inside(&self, path: &Path) -> PathBuf {
        inside(&self.root(), path)
    }

    /// The kernel, as set-up took it out of the packaged image, or as it was linked: QEMU starts it as it is, which
    /// saves the guest two seconds of unpacking at each boot.
    pub fn image(&self) -> PathBuf {
        match &self.own {
            Some(folder) => self.root().join("usr/src").join(folder).join("vmlinux"),
            None => self
                .root()
                .join("boot")
                .join(format!("vmlinux-{}", self.kernel.release)),
        }
    }

    /// What the kernel's build says about its Rust crates, for editors.
    pub fn crates(&self) -> PathBuf {
        self.root()
            .join("usr/src")
            .join(format!("linux-headers-{}", self.kernel.release))
            .join("rust/rust-project.json")
    }

    /// The kernel's build tree, as seen inside.
    pub fn kdir(&self) -> PathBuf {
        match &self.own {
            Some(folder) => Path::new("/usr/src").join(folder),
            None => Path::new("/lib/modules")
                .join(&self.kernel.release)
                .join("build"),
        }
    }

    /// How the VM reaches the host's folders. A kernel that was built here has 9P built in; those that are packaged have
    /// it as a module, and use their memory so much slower that what is wrong with virtiofs was never seen there.
    pub fn sharing(&self) -> Sharing {
        match &self.own {
            Some(_) => Sharing::NineP,
            None => Sharing::Virtiofs,
        }
    }

    /// A command that runs inside the tree as the calling user.
    pub fn command(&self, program: &str) -> Result<Command> {
        user_command_in(&self.root(), program)
    }

    /// A program of the tree that runs on the host, outside the tree: with the tree's own loader
    /// and libraries, whatever the host's are. It dies with this process.
    pub fn host_command(&self, program: &str) -> Command {
        let root = self.root();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(root.join("usr/lib64/ld-linux-x86-64.so.2"));
        command
            .arg("--library-path")
            .arg(root.join("usr/lib/x86_64-linux-gnu"));
        command.arg(root.join(program));
        command
    }

    /// Copies files and folders into the tree, and deletes there what is gone here.
    pub fn copy_in(&self, base: &Path, names: &[&str]) -> Result<()> {
        make_own(&self.inside(base))?;
        for name in names {
            let from = base.join(name);
            sync(&from, &self.inside(&from))
                .with_context(|| format!("copy {} into the tree", from.display()))?;
        }
        Ok(())
    }
}

/// The environment of what runs in a tree: nothing of the host's gets in.
const CLEAN_ENVIRONMENT: &[&str] = &[
    "/usr/bin/env",
    "-i",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/tmp",
    "LC_ALL=C.UTF-8",
];

/// A command that runs in a tree as the calling user.
pub fn user_command_in(root: &Path, program: &str) -> Result<Command> {
    let (user, group) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    let mut command = chroot(root, &[&format!("--userspec={user}:{group}")])?;
    command.args(CLEAN_ENVIRONMENT).arg(program);
    Ok(command)
}

/// A command that runs as root in a tree that is not finished yet.
pub fn root_command_in(root: &Path, program: &str) -> Result<Command> {
    let mut command = chroot(root, &[])?;
    command.args(CLEAN_ENVIRONMENT).arg(program);
    Ok(command)
}

/// The beginning of a command in the tree, up to the tree itself.
///
/// The kernel's objtool and rustfmt want `/proc`. Where mounting is allowed it gets one, in a mount
/// namespace that ends with the command. Elsewhere a plain file has to do, see [`PLAIN_MAPS`].
fn chroot(root: &Path, options: &[&str]) -> Result<Command> {
    if may_mount(root) {
        let mut command = root_command("unshare")?;
        let script = "mount --bind /proc \"$1/proc\"; shift; exec chroot \"$@\"";
        command
            .args(["--mount", "--", "sh", "-ec", script, "sh"])
            .arg(root)
            .args(options)
            .arg(root);
        return Ok(command);
    }
    let mut plain = root_command("sh")?;
    step::quiet(plain.args(["-ec", PLAIN_MAPS, "sh"]).arg(root))
        .context("give the tree a /proc/self/maps")?;
    let mut command = root_command("chroot")?;
    command.args(options).arg(root);
    Ok(command)
}

/// Makes the file that tells a program where its stack lies, which objtool and, for rustfmt, the C
/// library ask. The answer is rough and true: in the upper half of the addresses, as anybody's.
const PLAIN_MAPS: &str = "
    test -e \"$1/proc/self/maps\" && exit
    mkdir -p \"$1/proc/self\"
    printf '%s rw-p 00000000 00:00 0 %s\\n' 000000010000-700000000000 '' \\
        700000000000-7ffffffff000 '[stack]' > \"$1/proc/self/maps\"
";

/// True if root may mount here: on a machine yes, in a container by default no. Only trying tells.
pub fn may_mount(root: &Path) -> bool {
    let script = "mount --bind /proc \"$1\"";
    let tried = root_command("unshare").and_then(|mut unshare| {
        step::quiet(
            unshare
                .args(["--mount", "--", "sh", "-ec", script, "sh"])
                .arg(root),
        )
    });
    tried.is_ok()
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Makes `to` a copy of `from`. Files that look the same by size and time are left alone, so that
/// make sees what changed and nothing else.
fn sync(from: &Path, to: &Path) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for entry in WalkDir::new(from)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|e| e.file_name() != "target")
    {
        let entry = entry.with_context(|| format!("list {}", from.display()))?;
        let relative = entry.path().strip_prefix(from).unwrap_or(entry.path());
        let target = if relative.as_os_str().is_empty() {
            to.to_owned()
        } else {
            to.join(relative)
        };
        wanted.insert(target.clone());
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).with_context(|| format!("make {}", target.display()))?;
        } else {
            copy_if_changed(entry.path(), &target)?;
        }
    }
    for entry in WalkDir::new(to).contents_first(true) {
        let Ok(entry) = entry else { continue };
        if wanted.contains(entry.path()) {
            continue;
        }
        let path = entry.path();
        let gone = if entry.file_type().is_dir() {
            fs::remove_dir(path)
        } else {
            fs::remove_file(path)
        };
        gone.with_context(|| format!("delete {}", path.display()))?;
    }
    Ok(())
}

fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let source = fs::metadata(from).with_context(|| format!("look at {}", from.display()))?;
    let time = source.modified().context("read a file's time")?;
    if let Ok(target) = fs::metadata(to)
        && target.len() == source.len()
        && target.modified().is_ok_and(|t| t == time)
    {
        return Ok(());
    }
    fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    let file = File::options()
        .write(true)
        .open(to)
        .with_context(|| format!("open {}", to.display()))?;
    file.set_modified(time)
        .with_context(|| format!("set the time of {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_changes_and_deletions() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("sub")).expect("a folder");
        fs::write(from.join("sub/a"), "one").expect("a file");
        fs::write(from.join("b"), "two").expect("a file");
        sync(&from, &to).expect("the first copy");
        assert_eq!(fs::read_to_string(to.join("sub/a")).expect("copied"), "one");

        fs::write(from.join("b"), "three").expect("a change");
        fs::remove_dir_all(from.join("sub")).expect("a deletion");
        sync(&from, &to).expect("the second copy");
        assert_eq!(fs::read_to_string(to.join("b")).expect("copied"), "three");
        assert!(!to.join("sub").exists());
    }

    #[test]
    fn an_unchanged_file_keeps_its_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "same").expect("a file");
        sync(&from, &to).expect("the first copy");
        let same = |path: &Path| {
            fs::metadata(path)
                .and_then(|m| m.modified())
                .expect("a time")
        };
        assert_eq!(same(&from), same(&to));
        fs::write(&to, "SAME").expect("a change of the copy");
        File::options()
            .write(true)
            .open(&to)
            .and_then(|f| f.set_modified(same(&from)))
            .expect("its time put back");
        sync(&from, &to).expect("the second copy");
        assert_eq!(fs::read_to_string(&to).expect("the copy"), "SAME");
    }

    #[test]
    fn a_path_of_the_host_is_the_same_inside() {
        assert_eq!(
            inside(Path::new("/cache/root"), Path::new("/home/me/x")),
            Path::new("/cache/root/home/me/x")
        );
    }
}
