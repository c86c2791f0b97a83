// SPDX-License-Identifier: GPL-2.0

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use clap::Args;
use mydevice::{CLASS, Instance};
use nix::{
    errno::Errno,
    sys::utsname::uname,
    unistd::{AccessFlags, access, geteuid},
};
use serde::Serialize;

use crate::{
    failure::{Code, Result},
    output::{self, BAD, Format, GOOD, WARNING, count},
};

/// Looks for what keeps the device from working here, and says what to do.
///
/// Exits with 1 if something is wrong; what only limits what can be done is a note and no fault.
#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    format: Format,
}

/// What was found about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Note,
    Bad,
}

impl Doctor {
    pub fn run(self) -> Result<ExitCode> {
        let release = uname()
            .map(|names| names.release().to_string_lossy().into_owned())
            .unwrap_or_default();
        let loaded = Path::new(CLASS).exists();
        let mut findings = vec![
            kernel(&release, config(&release).as_deref(), loaded),
            module(&release, loaded),
        ];
        if loaded {
            findings.push(version());
            findings.extend(nodes());
        } else {
            findings.push(signatures());
        }
        findings.push(root());
        findings.push(headers(&release));
        if self.format.json {
            output::json(&findings)?;
        } else {
            let lines: Vec<_> = findings.iter().map(Finding::line).collect();
            output::lines(&lines)?;
        }
        let bad = findings
            .iter()
            .any(|finding| finding.verdict == Verdict::Bad);
        Ok(if bad {
            ExitCode::from(Code::Failed as u8)
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl Finding {
    fn good(about: &'static str, found: impl Into<String>) -> Self {
        Self {
            about,
            verdict: Verdict::Good,
            found: found.into(),
            remedy: None,
        }
    }

    fn note(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            about,
            verdict: Verdict::Note,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn bad(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Bad,
            ..Self::note(about, found, remedy)
        }
    }

    fn line(&self) -> String {
        let (style, mark) = match self.verdict {
            Verdict::Good => (GOOD, "good"),
            Verdict::Note => (WARNING, "note"),
            Verdict::Bad => (BAD, "bad "),
        };
        let line = format!("{style}{mark}{style:#}  {}: {}", self.about, self.found);
        match &self.remedy {
            Some(remedy) => format!("{line}\n      {}", remedy.replace('\n', "\n      ")),
            None => line,
        }
    }
}

/// The oldest kernel that the driver builds for, as DKMS knows from `packaging/dkms.conf`.
const OLDEST: (u32, u32) = (7, 2);

/// Where there is a kernel that can have the module.
const ANOTHER_KERNEL: &str = "boot one from 7.2 on that has CONFIG_RUST=y, such as that of Debian 13's backports:\n\
     sudo apt-get install -t trixie-backports linux-image-amd64 linux-headers-amd64";

/// Whether this kernel can have the module.
fn kernel(release: &str, config: Option<&str>, loaded: bool) -> Finding {
    const ABOUT: &str = "kernel";
    let rust = config.map(|config| config.lines().any(|line| line == "CONFIG_RUST=y"));
    match (rust, version_of(release)) {
        (Some(false), _) => Finding::bad(
            ABOUT,
            format!("{release} is built without CONFIG_RUST, so it loads no module in Rust"),
            ANOTHER_KERNEL,
        ),
        (_, Some(found)) if !loaded && found < OLDEST => Finding::bad(
            ABOUT,
            format!(
                "{release} is older than {}.{}, the oldest that the driver builds for",
                OLDEST.0, OLDEST.1
            ),
            ANOTHER_KERNEL,
        ),
        (Some(true), _) => Finding::good(ABOUT, format!("{release} supports modules in Rust")),
        (None, _) if loaded => {
            Finding::good(ABOUT, format!("{release}, which has loaded the module"))
        }
        (None, _) => Finding::note(
            ABOUT,
            format!("{release}, whose configuration is not in /boot or beside its modules"),
            "modules in Rust need CONFIG_RUST=y",
        ),
    }
}

/// The first two numbers of a kernel's release.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

/// How the kernel was configured, where distributions leave that.
fn config(release: &str) -> Option<String> {
    let places = [
        format!("/boot/config-{release}"),
        format!("/lib/modules/{release}/config"),
        format!("/lib/modules/{release}/build/.config"),
    ];
    places
        .iter()
        .find_map(|place| fs::read_to_string(place).ok())
}

/// Where a module comes from. On Debian the headers have to be completed first, which DKMS does by itself.
const BUILD_IT: &str = "install the package mydevice-dkms, or build it for this kernel in a checkout:\n\
     sudo kernel-rust-metadata/kernel-rust-metadata add    # on Debian, whose headers lack the Rust metadata\n\
     make KDIR=/lib/modules/$(uname -r)/build && sudo insmod target/kmod/kdir/mydevice.ko";

fn module(release: &str, loaded: bool) -> Finding {
    const ABOUT: &str = "module";
    if loaded {
        return Finding::good(ABOUT, "mydevice is loaded");
    }
    let missing = "mydevice is not loaded";
    match installed(Path::new("/lib/modules").join(release)) {
        Some(file) => Finding::bad(
            ABOUT,
            format!("{missing}; {} is there", file.display()),
            "sudo modprobe mydevice; if that fails, the last lines of `sudo dmesg` say why",
        ),
        None => Finding::bad(
            ABOUT,
            format!("{missing}, and not installed for {release}"),
            BUILD_IT,
        ),
    }
}

/// The file of the module under a folder, however it is compressed.
fn installed(folder: PathBuf) -> Option<PathBuf> {
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == "mydevice.ko" || name.starts_with("mydevice.ko.") {
                return Some(entry.path());
            }
            // Links lead to headers and sources, which are large.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    None
}

/// Whether the tool and the module are of one version.
fn version() -> Finding {
    const ABOUT: &str = "version";
    let tool = env!("CARGO_PKG_VERSION");
    let module = fs::read_to_string("/sys/module/mydevice/version").unwrap_or_default();
    match module.trim() {
        "" => Finding::note(
            ABOUT,
            format!("the tool is {tool}; the module does not say"),
            "nothing to do",
        ),
        module if module == tool => Finding::good(ABOUT, format!("tool and module are {tool}")),
        module => Finding::note(
            ABOUT,
            format!("the tool is {tool}, the module {module}"),
            "install both from the same release, if something does not work",
        ),
    }
}

/// What may keep the kernel from loading it.
fn signatures() -> Finding {
    const ABOUT: &str = "signatures";
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let locked = read("/sys/kernel/security/lockdown");
    let enforced = read("/sys/module/module/parameters/sig_enforce").trim() == "Y";
    let locked = locked.contains('[') && !locked.contains("[none]");
    if enforced || locked {
        Finding::bad(
            ABOUT,
            "this kernel loads signed modules only (Secure Boot, lockdown or module.sig_enforce)",
            "sign the module with a key that is enrolled (`mokutil --import`), or switch Secure Boot off",
        )
    } else {
        Finding::good(ABOUT, "unsigned modules may be loaded")
    }
}

/// Whether each instance has its nodes, and whether we may open them.
fn nodes() -> Vec<Finding> {
    const ABOUT: &str = "nodes";
    let instances = Instance::all().unwrap_or_default();
    let mut wrong = Vec::new();
    let mut closed = Vec::new();
    for node in instances.iter().flat_map(Instance::nodes) {
        let name = node
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match fs::metadata(&node) {
            Ok(found) if number(found.rdev()) == device_number(&name) => {}
            Ok(_) => wrong.push(format!("{} leads elsewhere", node.display())),
            Err(error) => wrong.push(format!("{}: {error}", node.display())),
        }
        if may_not_open(&node) {
            closed.push(node.display().to_string());
        }
    }
    let mut findings = Vec::new();
    if !wrong.is_empty() {
        findings.push(Finding::bad(
            ABOUT,
            wrong.join(", "),
            "/dev must be a devtmpfs, and nothing else may make or delete nodes there; `udevadm trigger` makes links anew",
        ));
    } else if instances.is_empty() {
        findings.push(Finding::note(
            ABOUT,
            "there are no instances",
            "sudo mydevicectl add NAME",
        ));
    } else {
        findings.push(Finding::good(
            ABOUT,
            format!("there, for {}", count(instances.len(), "instance")),
        ));
    }
    if !closed.is_empty() {
        findings.push(Finding::note(
            "permissions",
            format!("you may not open {}", closed.join(", ")),
            "be root, or be in the group that has them: where the package mydevice-tools is installed, `sudo adduser $USER mydevice`,\n\
             then log in again, or `newgrp mydevice`: groups count from the next login",
        ));
    }
    findings
}

/// Whether neither direction is permitted. Nothing is opened: an open for writing would be noticed.
fn may_not_open(node: &Path) -> bool {
    let denied = |how| access(node, how) == Err(Errno::EACCES);
    denied(AccessFlags::R_OK) && denied(AccessFlags::W_OK)
}

/// A device number, as sysfs writes it.
fn number(rdev: u64) -> Option<String> {
    let (major, minor) = (nix::sys::stat::major(rdev), nix::sys::stat::minor(rdev));
    Some(format!("{major}:{minor}"))
}

fn device_number(name: &str) -> Option<String> {
    let dev = fs::read_to_string(Path::new(CLASS).join(name).join("dev")).ok()?;
    Some(dev.trim().to_owned())
}

fn root() -> Finding {
    const ABOUT: &str = "you";
    if geteuid().is_root() {
        Finding::good(ABOUT, "are root, who may add, remove and set")
    } else {
        Finding::note(
            ABOUT,
            "are not root",
            "adding, removing and setting attributes need root: sudo mydevicectl ...",
        )
    }
}

/// What building the module needs. Nothing of it is needed to use it.
fn headers(release: &str) -> Finding {
    const ABOUT: &str = "headers";
    let build = Path::new("/lib/modules").join(release).join("build");
    if !build.join("Makefile").exists() {
        return Finding::note(
            ABOUT,
            format!(
                "those of {release} are not installed, which only matters for building the module"
            ),
            format!("sudo apt-get install linux-headers-{release}"),
        );
    }
    if !build.join("rust/libkernel.rmeta").exists() {
        return Finding::note(
            ABOUT,
            format!(
                "{} has no metadata of the kernel's Rust crates, without which no module in Rust can be built",
                build.display()
            ),
            "Debian's headers do not contain them: `sudo kernel-rust-metadata add` makes them, and dkms calls it by itself",
        );
    }
    match (compiler_of_the_kernel(&build), compiler_here()) {
        (Some(kernel), Ok(here)) if kernel == here => Finding::good(
            ABOUT,
            format!("they have the Rust metadata, and {here} is the kernel's compiler"),
        ),
        (Some(kernel), Ok(here)) => Finding::note(
            ABOUT,
            format!("the kernel was built with {kernel}, and here is {here}"),
            "a module must be built with the kernel's own compiler: install the distribution's rustc, and put it first in PATH",
        ),
        (Some(kernel), Err(error)) => Finding::note(
            ABOUT,
            format!("the kernel was built with {kernel}, and no rustc can be run here: {error}"),
            "sudo apt-get install rustc",
        ),
        (None, _) => Finding::note(
            ABOUT,
            "they do not say which compiler the kernel was built with",
            "nothing to do",
        ),
    }
}

fn compiler_of_the_kernel(build: &Path) -> Option<String> {
    let config = fs::read_to_string(build.join(".config")).ok()?;
    let text = config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_RUSTC_VERSION_TEXT="))?;
    Some(text.trim_matches('"').to_owned())
}

fn compiler_here() -> io::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: Option<&str> = Some("CONFIG_SMP=y\nCONFIG_RUST=y\n");

    #[test]
    fn a_kernel_is_good_that_dkms_would_build_for() {
        for (release, config, loaded, verdict, found) in [
            (
                "7.2.12+deb13-cloud-amd64",
                RUST,
                false,
                Verdict::Good,
                "supports",
            ),
            ("7.10.0", RUST, false, Verdict::Good, "supports"),
            ("10.0-rc1", RUST, false, Verdict::Good, "supports"),
            (
                "7.1.3-amd64",
                RUST,
                false,
                Verdict::Bad,
                "7.1.3-amd64 is older than 7.2",
            ),
            ("6.19.1", RUST, false, Verdict::Bad, "older than 7.2"),
            ("6.12.1", None, false, Verdict::Bad, "older than 7.2"),
            ("7.1.3", RUST, true, Verdict::Good, "supports"),
            ("7.1.3", None, true, Verdict::Good, "has loaded"),
            (
                "7.3.4",
                Some("CONFIG_RUST_IS_AVAILABLE=y"),
                false,
                Verdict::Bad,
                "CONFIG_RUST",
            ),
            ("7.3.4", None, false, Verdict::Note, "not in /boot"),
            ("odd", RUST, false, Verdict::Good, "supports"),
        ] {
            let finding = kernel(release, config, loaded);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
        }
    }

    #[test]
    fn the_oldest_kernel_is_that_of_dkms() {
        let (major, minor) = OLDEST;
        let rule = format!("BUILD_EXCLUSIVE_KERNEL_MIN=\"{major}.{minor}\"");
        let dkms = include_str!("../../../packaging/dkms.conf");
        assert!(dkms.lines().any(|line| line == rule), "{rule}");
    }

    #[test]
    fn remedies_say_all_that_it_takes() {
        let old = kernel("7.1.0", RUST, false).remedy.expect("a remedy");
        assert!(old.contains("linux-headers-amd64"), "{old}");
        let build = module("none", false).remedy.expect("a remedy");
        for part in ["kernel-rust-metadata add", "target/kmod/kdir/mydevice.ko"] {
            assert!(build.contains(part), "{part:?} is missing in {build}");
        }
    }
}
