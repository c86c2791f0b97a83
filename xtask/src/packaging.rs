// SPDX-License-Identifier: GPL-2.0

//! Debian packages of this checkout, built in a tree of Debian 13 that nothing but this is done in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::debian::{Draft, apt};
use crate::kernels::Distribution;
use crate::privilege;
use crate::project;
use crate::step::{self, say};
use crate::tree::user_command_in;
use crate::vendor;

/// Counted up whenever the steps of [`tree`] come to mean something else.
const RECIPE: &str = "1";
/// Room for the tree and for what is built in it.
const ROOM: u64 = 4_000_000_000;

/// What packages are built and checked with. The kernel's suite is only there for its compilers.
const DISTRIBUTION: Distribution = Distribution {
    tree: "packaging",
    suite: "trixie",
    kernel_suite: "trixie-backports",
    dated_index: false,
    packages: &[
        "build-essential",
        "debhelper",
        "dh-dkms",
        "lintian",
        "mandoc",
        "pkgconf",
        "xz-utils",
    ],
};
/// What comes from the backports: crates of the tool need a newer compiler than Debian 13 has itself.
const BACKPORTS: &[&str] = &["cargo", "rustc"];

/// The version of everything here.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The folder in the tree in which packages are built: always the same, so that nothing depends on it.
const BUILD: &str = "/build";

/// The tree, made now if the cache has none.
pub fn tree(cache: &Cache) -> Result<PathBuf> {
    let mut ingredients = vec![RECIPE, DISTRIBUTION.suite, DISTRIBUTION.kernel_suite];
    ingredients.extend(DISTRIBUTION.packages);
    ingredients.extend(BACKPORTS);
    let entry = cache.entry(DISTRIBUTION.tree, &ingredients);
    let _lock = cache.lock(DISTRIBUTION.tree)?;
    if !entry.exists() {
        say!(
            "Setting up a tree to build packages in, {}: once, about 4 minutes on 2 cores.",
            entry.display()
        );
        cache.need_room(ROOM, "Building packages")?;
        let draft = Draft::new(&DISTRIBUTION, &entry)?;
        let (root, log) = (&draft.root, &draft.log);
        let mut install = apt(
            root,
            "apt-get",
            &["install", "-y", "--no-install-recommends"],
        )?;
        let suite = DISTRIBUTION.kernel_suite;
        install.args(BACKPORTS.iter().map(|p| format!("{p}/{suite}")));
        step::run("Installing the compilers", "1 min", log, &mut install)?;
        step::quiet(&mut apt(root, "apt-get", &["clean"])?)?;
        draft.finish(&entry)?;
    }
    Ok(entry.join("root"))
}

/// Builds the packages, looks at them with lintian, and returns the folder of the checkout that holds them.
pub fn build(cache: &Cache) -> Result<PathBuf> {
    check_changelog()?;
    let root = tree(cache)?;
    let _lock = cache.lock(DISTRIBUTION.tree)?;
    let build = root.join(BUILD.trim_start_matches('/'));
    privilege::remove(&build)?;
    privilege::make_own(&build)?;
    let result = build_in(&root, &build);
    // It is large, and the next build is from scratch anyway.
    privilege::remove(&build)?;
    result
}

fn build_in(root: &Path, build: &Path) -> Result<PathBuf> {
    let out = project::target().join("deb");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("empty {}", out.display()))?;
    }
    fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
    let epoch = format!("SOURCE_DATE_EPOCH={}", project::commit_time()?);
    let inside = |line: &str| -> Result<Command> {
        let mut command = user_command_in(root, "env")?;
        command.args([&epoch, "sh", "-ec", line, "sh", VERSION]);
        Ok(command)
    };
    let source = build.join(format!("mydevice-{VERSION}"));
    for file in project::files()? {
        copy(&project::root().join(&file), &source.join(&file))?;
    }
    let log = out.join("build.log");
    step::run(
        "Checking the manual pages",
        "1 s",
        &log,
        &mut inside(
            "cd /build/mydevice-$1; mandoc -T lint -W warning man/*.4 kernel-rust-metadata/*.8",
        )?,
    )?;
    vendor::fetch(&source.join("vendor"), "mydevicectl", &log)?;
    step::run("Packing the source", "20 s", &log, &mut inside(PACK)?)?;
    step::run(
        "Building the packages",
        "3 min on 2 cores",
        &log,
        &mut inside(
            "cd /build/mydevice-$1; dpkg-buildpackage --unsigned-source --unsigned-changes",
        )?,
    )?;
    for entry in fs::read_dir(build).context("list what was built")? {
        let entry = entry.context("list what was built")?;
        if entry.path().is_file() {
            fs::copy(entry.path(), out.join(entry.file_name()))
                .with_context(|| format!("copy {}", entry.path().display()))?;
        }
    }
    say!("==> lintian");
    let status = step::shown(&mut inside(
        "cd /build; lintian --version; lintian --fail-on error --tag-display-limit 0 mydevice_*.changes",
    )?)?;
    if !status.success() {
        bail!("lintian found errors ({status}), see above");
    }
    Ok(out)
}

/// Makes both archives of the source. The same files give the same archives: order, times and owners are fixed.
const PACK: &str = "
    cd /build
    pack() { tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --mode=u+rw,go=u-w \\
        --xz --create --file \"$@\"; }
    pack mydevice_$1.orig-vendor.tar.xz --directory mydevice-$1 vendor
    pack mydevice_$1.orig.tar.xz --exclude=mydevice-$1/debian --exclude=mydevice-$1/vendor mydevice-$1
";

/// Copies a file, with its mode, or a link.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("copy {} to {}", from.display(), to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(context)?;
    }
    if from.is_symlink() {
        let target = fs::read_link(from).with_context(context)?;
        return std::os::unix::fs::symlink(target, to).with_context(context);
    }
    fs::copy(from, to).map(drop).with_context(context)
}

/// The changelog names the version a second time.
pub fn check_changelog() -> Result<()> {
    let path = project::root().join("debian/changelog");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let first = text.lines().next().unwrap_or_default();
    if !first.starts_with(&format!("mydevice ({VERSION}-")) {
        bail!(
            "{} begins with `{first}`, and Cargo.toml says version {VERSION}: an entry for that version is missing",
            path.display()
        );
    }
    Ok(())
}
