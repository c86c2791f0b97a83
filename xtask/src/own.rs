// SPDX-License-Identifier: GPL-2.0

//! A kernel that is built here, from the packaged source, in the tree of a packaged one.
//!
//! It shares that one's user land and compilers. Its build tree lies in `/usr/src` of the tree, and is what modules
//! for it are built in.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{Cache, hash};
use crate::debian::{self, apt};
use crate::kernels::{Kernel, OwnBuild};
use crate::privilege::{self, root_command};
use crate::step::{self, say};
use crate::tree::{KernelRecord, Tree, root_command_in};

/// Counted up whenever the steps below come to mean something else.
const RECIPE: &str = "1";
/// Room for a build tree.
const ROOM: u64 = 8_000_000_000;

/// The build tree's folder in `/usr/src`: named after all that it is made of. What make is told goes with the name.
fn folder(kernel: &Kernel, own: &OwnBuild, base: &Tree) -> String {
    let mut ingredients = vec![RECIPE, own.config, &base.kernel.version];
    ingredients.extend(own.packages);
    format!("linux-{}-{}", kernel.name, &hash(&ingredients)[..12])
}

/// The kernel in the tree of `base`, if it is there whole.
pub fn finished(kernel: &Kernel, own: &OwnBuild, base: &Tree) -> Result<Option<Tree>> {
    let folder = folder(kernel, own, base);
    let record = base
        .root()
        .join("usr/src")
        .join(&folder)
        .join("mydevice.json");
    if !record.exists() {
        return Ok(None);
    }
    let text = fs::read(&record).with_context(|| format!("read {}", record.display()))?;
    let record = serde_json::from_slice(&text)
        .with_context(|| format!("understand {}", record.display()))?;
    Ok(Some(Tree {
        entry: base.entry.clone(),
        kernel: record,
        own: Some(folder),
        make: own.make,
    }))
}

/// The kernel in the tree of `base`, built now if it is not there.
pub fn tree(cache: &Cache, kernel: &Kernel, own: &OwnBuild, base: &Tree) -> Result<Tree> {
    if let Some(tree) = finished(kernel, own, base)? {
        return Ok(tree);
    }
    let _lock = cache.lock("setup")?;
    if let Some(tree) = finished(kernel, own, base)? {
        return Ok(tree);
    }
    say!(
        "Building the kernel {:?} in {}: once, about {} on 2 cores.",
        kernel.name,
        base.root().join("usr/src").display(),
        own.usual
    );
    cache.need_room(ROOM, "Building a kernel")?;
    make(kernel, own, base)?;
    finished(kernel, own, base)?
        .context("the build ended without a record of the kernel; this is a defect of xtask")
}

fn make(kernel: &Kernel, own: &OwnBuild, base: &Tree) -> Result<()> {
    let root = base.root();
    let log = base.entry.join(format!("{}.log", kernel.name));
    let folder = folder(kernel, own, base);
    let source = debian::source_package(&base.kernel.release)?;
    let script = |text: &str| -> Result<Command> {
        let mut command = root_command_in(&root, "sh")?;
        command.args(["-ec", text, "sh", &source, &folder, &own.make.join(" ")]);
        Ok(command)
    };
    if !own.packages.is_empty() {
        install(own, &root, &log)?;
    }
    step::run(
        "Unpacking the kernel's source",
        "30 s",
        &log,
        &mut script(
            "cd /usr/src; rm -rf $2; mkdir $2
         tar --extract --file $1.tar.xz --directory $2 --strip-components=1 \
             --anchored --exclude \"$1/Documentation/*/*\" --exclude \"$1/sound/*.c\"",
        )?,
    )?;
    put(
        &root,
        &format!("usr/src/{folder}/mydevice.config"),
        own.config.as_bytes(),
    )?;
    step::run(
        "Configuring it",
        "20 s",
        &log,
        &mut script(
            "cd /usr/src/$2
         make $3 tinyconfig
         scripts/kconfig/merge_config.sh -m .config mydevice.config
         make $3 olddefconfig
         grep '^CONFIG' mydevice.config | while read -r line; do
             grep -qxF \"$line\" .config || { echo \"this setting cannot be had: $line\"; exit 1; }
         done",
        )?,
    )?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    step::run(
        "Building it",
        own.usual,
        &log,
        &mut script(&format!(
            "cd /usr/src/$2; make -s -j{jobs} $3 vmlinux modules"
        ))?,
    )?;
    let release = step::output(&mut script("cd /usr/src/$2; make -s $3 kernelrelease")?)?;
    let record = KernelRecord {
        release: release.trim().to_owned(),
        version: base.kernel.version.clone(),
        rustc: base.kernel.rustc.clone(),
    };
    let record = serde_json::to_vec_pretty(&record).context("encode the record")?;
    put(&root, &format!("usr/src/{folder}/mydevice.json"), &record)
}

/// Installs what the kernel is built with.
fn install(own: &OwnBuild, root: &Path, log: &Path) -> Result<()> {
    let mut update = apt(root, "apt-get", &["update"])?;
    step::run(
        "Asking the archive for its packages",
        "10 s",
        log,
        &mut update,
    )?;
    let mut install = apt(
        root,
        "apt-get",
        &["install", "-y", "--no-install-recommends"],
    )?;
    step::run(
        "Installing what the kernel is built with",
        "20 s",
        log,
        install.args(own.packages),
    )?;
    step::quiet(&mut apt(root, "apt-get", &["clean"])?)
}

/// Puts a file into the tree, as root.
pub fn put(root: &Path, path: &str, content: &[u8]) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new().context("make a temporary file")?;
    std::io::Write::write_all(&mut file, content).context("write a temporary file")?;
    let mut install = root_command("install")?;
    install
        .args(["-m", "0644"])
        .arg(file.path())
        .arg(root.join(path));
    step::quiet(&mut install).with_context(|| format!("put {path} into the tree"))
}

/// Deletes the build trees of this kernel from the tree of `base`.
pub fn remove(kernel: &Kernel, own: &OwnBuild, base: &Tree) -> Result<()> {
    let folder = folder(kernel, own, base);
    privilege::remove(&base.root().join("usr/src").join(folder))
}
