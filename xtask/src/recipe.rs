// SPDX-License-Identifier: GPL-2.0

//! From an empty folder to a tree that boots and builds Rust modules for its own stock kernel.
//!
//! Debian's header packages lack the kernel's Rust metadata. It comes out the same when it is made
//! again from the same source with the same configuration and compiler, so that is what happens
//! here, and the result is put where the kernel's own build would have put it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::debian;
use crate::kernels::Kernel;
use crate::own::{self, put};
use crate::privilege::{self, root_command};
use crate::step::{self, say};
use crate::tree::{KernelRecord, Tree, root_command_in};

/// Counted up whenever the steps below come to mean something else: it is part of the entry's name.
const RECIPE: &str = "3";
/// Room for the tree with the kernel's source unpacked in it.
const ROOM: u64 = 6_000_000_000;

/// The tree of that kernel, made now if the cache has none.
pub fn tree(cache: &Cache, kernel: &Kernel) -> Result<Tree> {
    let base = packaged(cache, kernel)?;
    match &kernel.own {
        Some(own) => own::tree(cache, kernel, own, &base),
        None => Ok(base),
    }
}

/// The tree of that kernel, if it is there whole.
pub fn existing(cache: &Cache, kernel: &Kernel) -> Result<Option<Tree>> {
    let base = finished(&entry(cache, kernel))?;
    match (&kernel.own, base) {
        (Some(own), Some(base)) => own::finished(kernel, own, &base),
        (_, base) => Ok(base),
    }
}

/// Deletes what the cache has of that kernel: what was built here, or the tree of a packaged one.
pub fn remove(cache: &Cache, kernel: &Kernel) -> Result<()> {
    let entry = entry(cache, kernel);
    match &kernel.own {
        Some(own) => match finished(&entry)? {
            Some(base) => own::remove(kernel, own, &base),
            None => Ok(()),
        },
        None => {
            privilege::remove(&entry.with_extension("new"))?;
            privilege::remove(&entry)
        }
    }
}

/// The tree of the packaged kernel that this one is, or is built from.
fn packaged(cache: &Cache, kernel: &Kernel) -> Result<Tree> {
    let entry = entry(cache, kernel);
    if let Some(tree) = finished(&entry)? {
        return Ok(tree);
    }
    let _lock = cache.lock("setup")?;
    if let Some(tree) = finished(&entry)? {
        return Ok(tree);
    }
    say!(
        "Setting up Debian's kernel {} in {}: once, about 4 minutes on 2 cores.",
        kernel.flavour,
        entry.display()
    );
    make(cache, kernel, &entry)?;
    finished(&entry)?
        .context("set-up ended without a record of the kernel; this is a defect of xtask")
}

/// Where the tree of that kernel is or will be: kernels of one package share it.
fn entry(cache: &Cache, kernel: &Kernel) -> PathBuf {
    let distribution = kernel.distribution;
    let mut ingredients = vec![
        RECIPE,
        kernel.flavour,
        distribution.suite,
        distribution.kernel_suite,
    ];
    ingredients.extend(distribution.packages);
    cache.entry(distribution.tree, &ingredients)
}

/// The tree, if it is there whole.
fn finished(entry: &Path) -> Result<Option<Tree>> {
    let record = entry.join("kernel.json");
    if !entry.exists() {
        return Ok(None);
    }
    let text = fs::read(&record).with_context(|| {
        format!(
            "read {}: the cache is damaged, and `cargo xtask setup --refresh` makes it anew",
            record.display()
        )
    })?;
    let kernel = serde_json::from_slice(&text)
        .with_context(|| format!("understand {}", record.display()))?;
    Ok(Some(Tree {
        entry: entry.to_owned(),
        kernel,
        own: None,
        make: &[],
    }))
}

fn make(cache: &Cache, kernel: &Kernel, entry: &Path) -> Result<()> {
    let work = entry.with_extension("new");
    let root = work.join("root");
    // A stage that was finished before an interruption is kept; one that was not starts over.
    let packages_done = work.join("packages.done");
    if !packages_done.exists() {
        privilege::remove(&work)?;
    }
    cache.need_room(ROOM, "Setting up")?;
    fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
    let log = work.join("setup.log");
    if !packages_done.exists() {
        debian::install_host_packages(&log)?;
        debian::make_tree(kernel.distribution, &root, &log)?;
        fs::write(&packages_done, "").context("note that the packages are installed")?;
    }
    let record = install_kernel(kernel, &root, &log)?;
    add_rust_metadata(&root, &record, &log)?;
    finish(&root, &work, &record)?;
    fs::rename(&work, entry)
        .with_context(|| format!("rename {} to {}", work.display(), entry.display()))?;
    say!(
        "    Set up: Linux {} (Debian {}), {}",
        record.release,
        record.version,
        record.rustc
    );
    Ok(())
}

/// Installs image, headers and source of one version, the newest.
fn install_kernel(kernel: &Kernel, root: &Path, log: &Path) -> Result<KernelRecord> {
    let suite = kernel.distribution.kernel_suite;
    debian::copy_resolver(root)?;
    let apt = |program: &str, arguments: &[&str]| debian::apt(root, program, arguments);
    let update = &mut apt("apt-get", &["update", "-o", "APT::Update::Error-Mode=any"])?;
    step::run(
        "Asking the archive for its newest kernel",
        "10 s",
        log,
        update,
    )?;

    let image = format!("linux-image-{}", kernel.flavour);
    let madison = step::output(&mut apt("apt-cache", &["madison", &image])?)?;
    let Some(version) = debian::versions_in_suite(&madison, &image, suite)
        .into_iter()
        .next()
    else {
        bail!("the archive has no {image} in {suite}. It offers:\n{madison}");
    };
    let show = step::output(&mut apt(
        "apt-cache",
        &["show", &format!("{image}={version}")],
    )?)?;
    let release = debian::kernel_release(&show, kernel.flavour)?;
    let source = debian::source_package(&release)?;
    let headers = format!("linux-headers-{}", kernel.flavour);
    for package in [&headers, &source] {
        let madison = step::output(&mut apt("apt-cache", &["madison", package])?)?;
        let offered = debian::versions_in_suite(&madison, package, suite);
        if !offered.contains(&version) {
            bail!(
                "the archive is in the middle of an update: {image} is at {version} and {package} at {}.\n\
                 Try again in a few hours, or name another mirror with MYDEVICE_MIRROR.",
                if offered.is_empty() {
                    "no version yet".to_owned()
                } else {
                    offered.join(", ")
                }
            );
        }
    }
    let packages: Vec<_> = [&image, &headers, &source]
        .iter()
        .map(|p| format!("{p}/{suite}"))
        .collect();
    let mut install = apt("apt-get", &["install", "-y", "--no-install-recommends"])?;
    step::run(
        &format!("Installing Linux {release}, its headers and its source"),
        "15 s",
        log,
        install.args(packages),
    )?;
    step::quiet(&mut apt("apt-get", &["clean"])?)?;

    let config = config_of(root, &release)?;
    let Some(rustc) = setting(&config, "CONFIG_RUSTC_VERSION_TEXT") else {
        bail!(
            "Linux {release} was built without Rust: its configuration has no CONFIG_RUSTC_VERSION_TEXT"
        );
    };
    Ok(KernelRecord {
        rustc: rustc.to_owned(),
        release,
        version,
    })
}

fn headers_dir(root: &Path, release: &str) -> PathBuf {
    root.join("usr/src")
        .join(format!("linux-headers-{release}"))
}

fn config_of(root: &Path, release: &str) -> Result<String> {
    let path = headers_dir(root, release).join(".config");
    fs::read_to_string(&path)
        .with_context(|| format!("read the kernel's configuration {}", path.display()))
}

/// The value of a text setting in a kernel configuration.
fn setting<'a>(config: &'a str, name: &str) -> Option<&'a str> {
    config
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix('='))
        .map(|v| v.trim_matches('"'))
}

/// The program of the package kernel-rust-metadata, which has the recipe for everybody's headers.
pub const METADATA_PROGRAM: &str = include_str!("../../kernel-rust-metadata/kernel-rust-metadata");

/// Makes the metadata from the kernel's source and puts it into the header tree, with what lints and editors want. The
/// program checks that compiler and configuration are those of the packaged kernel.
fn add_rust_metadata(root: &Path, record: &KernelRecord, log: &Path) -> Result<()> {
    privilege::remove(&root.join("build"))?;
    privilege::make_own(&root.join("build"))?;
    put(root, "build/program", METADATA_PROGRAM.as_bytes())?;
    let script = |text: &str| -> Result<Command> {
        let mut command = root_command_in(root, "sh")?;
        command.args(["-ec", text, "sh", &record.release]);
        Ok(command)
    };
    step::run(
        "Making the kernel's Rust metadata",
        "3 min on 2 cores",
        log,
        &mut script("sh /build/program add --lints --keep --work /build $1")?,
    )?;
    step::run(
        "Unpacking the kernel for QEMU",
        "2 s",
        log,
        &mut script(
            "/build/*/linux/scripts/extract-vmlinux /boot/vmlinuz-$1 > /boot/vmlinux-$1; rm -rf /build",
        )?,
    )
}

/// Records what is in the tree, and lets the calling user read all of it.
fn finish(root: &Path, work: &Path, record: &KernelRecord) -> Result<()> {
    let mut query = root_command_in(root, "dpkg-query")?;
    let versions =
        step::output(query.args(["--show", "--showformat", "${Package} ${Version}\\n"]))?;
    fs::write(work.join("packages.txt"), versions).context("record the packages' versions")?;
    let record = serde_json::to_vec_pretty(record).context("encode the record")?;
    fs::write(work.join("kernel.json"), record).context("record the kernel's version")?;
    let mut lists = root_command("sh")?;
    lists.args([
        "-ec",
        "rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/apt/*.bin; chmod -R a+rX \"$1\"",
        "sh",
    ]);
    // The guest reads the tree through a helper that runs as the calling user. It holds no secret.
    step::quiet(lists.arg(root)).context("make the tree readable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_whole_name() {
        let config =
            "CONFIG_RUSTC_VERSION=108501\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (x)\"\n";
        assert_eq!(
            setting(config, "CONFIG_RUSTC_VERSION_TEXT"),
            Some("rustc 1.85.1 (x)")
        );
        assert_eq!(setting(config, "CONFIG_RUSTC"), None);
    }

    #[test]
    fn the_entry_follows_its_ingredients() {
        let folder = tempfile::tempdir().expect("a folder");
        let record = KernelRecord {
            release: "1".into(),
            version: "2".into(),
            rustc: "3".into(),
        };
        let entry = folder.path().join("stock-x");
        assert!(finished(&entry).expect("looking works").is_none());
        fs::create_dir(&entry).expect("the entry");
        fs::write(
            entry.join("kernel.json"),
            serde_json::to_vec(&record).expect("json"),
        )
        .expect("the record");
        let tree = finished(&entry)
            .expect("looking works")
            .expect("it is there");
        assert_eq!(tree.image(), entry.join("root/boot/vmlinux-1"));
    }
}
