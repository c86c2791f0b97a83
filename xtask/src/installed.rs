// SPDX-License-Identifier: GPL-2.0

//! A Debian 13 as it is installed on a machine, with systemd, Debian's own initramfs and two stock kernels, as a tree that an
//! image of a disk is made of.
//!
//! What the packages depend on is installed here and not in the VM, which has no network. The kernels' Rust metadata is made
//! here, too, by the program of the package kernel-rust-metadata, since a VM without KVM would need half an hour for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::debian::{self, Draft, apt};
use crate::kernels::Distribution;
use crate::own::put;
use crate::recipe::METADATA_PROGRAM;
use crate::step::{self, say};
use crate::tree::root_command_in;

/// Counted up whenever the steps below come to mean something else.
const RECIPE: &str = "1";
/// Room for the tree with the source of a kernel unpacked in it, and for images.
const ROOM: u64 = 12_000_000_000;
/// The file beside the tree with [`Releases`].
const RELEASES: &str = "kernels.json";
/// The kernels' packages end in this.
const FLAVOUR: &str = "cloud-amd64";

const DISTRIBUTION: Distribution = Distribution {
    tree: "installed",
    suite: "trixie",
    kernel_suite: "trixie-backports",
    dated_index: false,
    packages: &[
        "adduser",
        "ca-certificates",
        "dbus",
        "initramfs-tools",
        "kmod",
        "procps",
        "sudo",
        "systemd-sysv",
        "udev",
        // What the packages depend on.
        "bc",
        "bindgen",
        "bison",
        "dkms",
        "dwarves",
        "flex",
        "gcc",
        "libc6-dev",
        "libelf-dev",
        "libssl-dev",
        "linux-libc-dev",
        "make",
        "python3",
        "rust-src",
        "rustc",
        "rustfmt",
        "xz-utils",
    ],
};

/// The tree, and the kernels in it.
#[derive(Debug)]
pub struct Installed {
    /// The folder of the tree.
    pub root: PathBuf,
    /// The releases of the kernels.
    pub kernels: Releases,
}

/// The releases of the kernels, as `uname -r` prints them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Releases {
    /// The one that is installed: the second newest line of kernels that has Rust.
    pub first: String,
    /// The newest: its headers are installed, and its image lies in /srv/archive, for an upgrade.
    pub upgrade: String,
    /// Debian 13's own, which was built without Rust: its headers alone are installed.
    pub without_rust: String,
}

/// The tree, made now if the cache has none.
pub fn tree(cache: &Cache) -> Result<Installed> {
    let mut ingredients = vec![
        RECIPE,
        FLAVOUR,
        DISTRIBUTION.suite,
        DISTRIBUTION.kernel_suite,
    ];
    ingredients.extend(DISTRIBUTION.packages);
    // What it makes lies in the tree.
    ingredients.push(METADATA_PROGRAM);
    let entry = cache.entry(DISTRIBUTION.tree, &ingredients);
    let record = entry.join(RELEASES);
    let _lock = cache.lock(DISTRIBUTION.tree)?;
    if !entry.exists() {
        say!(
            "Setting up an installed Debian in {}: once, about 12 minutes on 2 cores.",
            entry.display()
        );
        cache.need_room(ROOM, "Setting up")?;
        make(&entry)?;
    }
    let text = fs::read(&record).with_context(|| format!("read {}", record.display()))?;
    let kernels = serde_json::from_slice(&text)
        .with_context(|| format!("understand {}", record.display()))?;
    let root = entry.join("root");
    Ok(Installed { root, kernels })
}

fn make(entry: &Path) -> Result<()> {
    let draft = Draft::new(&DISTRIBUTION, entry)?;
    let (root, log) = (&draft.root, &draft.log);
    let kernels = releases(root)?;
    let script = |text: &str, arguments: &[&str]| -> Result<Command> {
        let mut command = root_command_in(root, "env")?;
        command.args(debian::proxies());
        command.args(["DEBIAN_FRONTEND=noninteractive", "sh", "-ec", text, "sh"]);
        command.args(arguments);
        Ok(command)
    };
    step::run(
        "Installing kernels and headers",
        "2 min",
        log,
        &mut script(
            // Manuals and documents of packages are to be there, as on a real machine; those of the tree itself are not.
            "rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap
             get() { apt-get install -y --no-install-recommends \"$@\"; }
             get linux-base/$4 linux-image-$1 linux-headers-$1 linux-headers-$2 linux-headers-$3
             mkdir -p /srv/archive; cd /srv/archive
             apt-get -o APT::Sandbox::User=root download linux-image-$2 linux-binary-$2 linux-modules-$2 linux-base-$2
             apt-get clean
             update-initramfs -c -k $1 || update-initramfs -u -k $1
             test -s /boot/initrd.img-$1",
            &[
                &kernels.first,
                &kernels.upgrade,
                &kernels.without_rust,
                DISTRIBUTION.kernel_suite,
            ],
        )?,
    )?;
    put(
        root,
        "srv/kernel-rust-metadata",
        METADATA_PROGRAM.as_bytes(),
    )?;
    for release in [&kernels.first, &kernels.upgrade] {
        step::run(
            &format!("Making the Rust metadata of Linux {release}"),
            "3 min on 2 cores",
            log,
            &mut script("sh /srv/kernel-rust-metadata add $1", &[release])?,
        )?;
    }
    step::quiet(&mut script(
        "rm -rf /srv/kernel-rust-metadata /var/lib/apt/lists/* /var/cache/apt/*.bin
         echo mydevice > /etc/hostname
         passwd --quiet --delete root
         : > /etc/apt/sources.list",
        &[],
    )?)?;
    let text = serde_json::to_vec_pretty(&kernels).context("encode the releases")?;
    draft.put(RELEASES, &text)?;
    draft.finish(entry)
}

/// Which kernels the archive has.
fn releases(root: &Path) -> Result<Releases> {
    let cache = |arguments: &[&str]| step::output(&mut apt(root, "apt-cache", arguments)?);
    let suite = DISTRIBUTION.kernel_suite;
    let image = format!("linux-image-{FLAVOUR}");
    let madison = cache(&["madison", &image])?;
    let newest = |suite: &str| -> Result<(String, String)> {
        let versions = debian::versions_in_suite(&madison, &image, suite);
        let Some(version) = versions.into_iter().next() else {
            bail!("the archive has no {image} in {suite}. It offers:\n{madison}");
        };
        let show = cache(&["show", &format!("{image}={version}")])?;
        Ok((debian::kernel_release(&show, FLAVOUR)?, upstream(&version)))
    };
    let (upgrade, newest_version) = newest(suite)?;
    let (without_rust, _) = newest(DISTRIBUTION.suite)?;
    // The archive keeps the source of the line before the newest for a while.
    let sources = cache(&["search", "--names-only", "^linux-source-[0-9]"])?;
    let mut lines: Vec<Vec<u32>> = Vec::new();
    for name in sources.lines().filter_map(|l| l.split_whitespace().next()) {
        let offered = debian::versions_in_suite(&cache(&["madison", name])?, name, suite);
        if let Some(version) = offered.first() {
            lines.push(numbers(&upstream(version)));
        }
    }
    lines.retain(|line| *line < numbers(&newest_version));
    lines.sort();
    let Some(line) = lines.pop() else {
        bail!(
            "{suite} has the source of one line of kernels alone, {newest_version}: there is nothing to upgrade from"
        );
    };
    let version: Vec<_> = line.iter().map(u32::to_string).collect();
    let first = upgrade.replacen(&newest_version, &version.join("."), 1);
    Ok(Releases {
        first,
        upgrade,
        without_rust,
    })
}

/// The part of a package's version that is the kernel's own.
fn upstream(version: &str) -> String {
    version.split('-').next().unwrap_or(version).to_owned()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(upstream("9.10.4-1~bpo13+1"), "9.10.4");
        assert!(numbers("9.10.4") > numbers("9.9.12"));
        assert!(numbers("9.10") < numbers("9.10.1"));
    }
}
