// SPDX-License-Identifier: GPL-2.0

//! Debian's packages: those that the host lacks, the tree made of them, and the archive to ask.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::kernels::Distribution;
use crate::privilege::{self, find_program, root_command};
use crate::step::{self, say};
use crate::tree::{may_mount, root_command_in};

/// A mirror of Debian's archive, and one of its security archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Mirrors {
    /// The archive itself.
    pub main: String,
    /// The archive of security updates.
    pub security: String,
}

impl Mirrors {
    /// What the environment says, else what the host uses if it is a Debian, else Debian's own.
    pub fn find() -> Self {
        let host = host_mirrors();
        let pick = |variable, label: &str, own: &str| {
            std::env::var(variable)
                .ok()
                .filter(|v| !v.is_empty())
                .or_else(|| {
                    host.iter()
                        .find(|(l, _)| l == label)
                        .map(|(_, uri)| uri.clone())
                })
                .unwrap_or_else(|| own.to_owned())
        };
        Self {
            main: pick("MYDEVICE_MIRROR", "Debian", "http://deb.debian.org/debian"),
            security: pick(
                "MYDEVICE_SECURITY_MIRROR",
                "Debian-Security",
                "http://security.debian.org/debian-security",
            ),
        }
    }

    fn sources(&self, distribution: &Distribution) -> Vec<String> {
        let suite = distribution.suite;
        let deb = if distribution.dated_index {
            "deb [check-valid-until=no]"
        } else {
            "deb"
        };
        let mut sources = vec![
            format!("{deb} {} {suite} main", self.main),
            format!("{deb} {} {suite}-updates main", self.main),
            format!("{deb} {} {suite}-security main", self.security),
        ];
        if distribution.kernel_suite != suite {
            sources.push(format!(
                "{deb} {} {} main",
                self.main, distribution.kernel_suite
            ));
        }
        sources
    }
}

/// The archives that the host's apt uses, with their labels.
fn host_mirrors() -> Vec<(String, String)> {
    let mut apt = Command::new("apt-get");
    apt.args([
        "indextargets",
        "--format",
        "$(LABEL)\t$(REPO_URI)",
        "Created-By: Packages",
    ]);
    // No apt, no Debian: then the defaults do.
    parse_mirrors(&step::output(&mut apt).unwrap_or_default())
}

fn parse_mirrors(targets: &str) -> Vec<(String, String)> {
    targets
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, uri)| uri.starts_with("http://") || uri.starts_with("https://"))
        .map(|(label, uri)| (label.to_owned(), uri.trim_end_matches('/').to_owned()))
        .collect()
}

/// Installs what the host lacks for making a tree.
pub fn install_host_packages(log: &Path) -> Result<()> {
    let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    let mut missing = Vec::new();
    if find_program("mmdebstrap").is_none() {
        missing.push("mmdebstrap");
    }
    if !keyring.exists() {
        missing.push("debian-archive-keyring");
    }
    install_on_host(&missing, log)
}

/// Installs these packages on the host.
pub fn install_on_host(missing: &[&str], log: &Path) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    if find_program("apt-get").is_none() {
        bail!(
            "cannot install {}: this system has no apt-get.\n\
             Use Debian or Ubuntu (a container will do), or install {} by hand and run this again.",
            missing.join(" and "),
            missing.join(" and ")
        );
    }
    let apt = |arguments: &[&str]| -> Result<Command> {
        let mut command = root_command("env")?;
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(arguments);
        Ok(command)
    };
    step::run(
        "Refreshing the host's package lists",
        "10 s",
        log,
        &mut apt(&["update"])?,
    )?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"])?;
    step::run(
        &format!("Installing {} on the host", missing.join(" and ")),
        "20 s",
        log,
        install.args(missing),
    )
}

/// A tree that is being made for an entry of the cache, under another name as long as it is not complete.
#[derive(Debug)]
pub struct Draft {
    work: PathBuf,
    /// The folder of the tree.
    pub root: PathBuf,
    /// What the steps print.
    pub log: PathBuf,
}

impl Draft {
    /// Makes a tree of the distribution with its packages, whose apt knows what the archive has. What is left of an
    /// earlier attempt goes.
    pub fn new(distribution: &Distribution, entry: &Path) -> Result<Self> {
        let work = entry.with_extension("new");
        privilege::remove(&work)?;
        fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
        let (root, log) = (work.join("root"), work.join("setup.log"));
        install_host_packages(&log)?;
        make_tree(distribution, &root, &log)?;
        copy_resolver(&root)?;
        let update = &mut apt(&root, "apt-get", &["update"])?;
        step::run("Asking the archive for its packages", "10 s", &log, update)?;
        Ok(Self { work, root, log })
    }

    /// Puts a file beside the tree.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.work.join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))
    }

    /// It is complete, and the entry from now on.
    pub fn finish(self, entry: &Path) -> Result<()> {
        fs::rename(&self.work, entry)
            .with_context(|| format!("rename {} to {}", self.work.display(), entry.display()))
    }
}

/// Makes a tree of the distribution with its packages, without a kernel.
pub fn make_tree(distribution: &Distribution, root: &Path, log: &Path) -> Result<()> {
    let mirrors = Mirrors::find();
    say!("    from {} and {}", mirrors.main, mirrors.security);
    let mut command = root_command("env")?;
    // The tree boots with an initramfs of ours: building Debian's own would be time for nothing.
    command.args([
        "DEBIAN_FRONTEND=noninteractive",
        "LC_ALL=C.UTF-8",
        "INITRD=No",
    ]);
    command.args(proxies()).arg("mmdebstrap").args([
        "--mode=root",
        "--variant=minbase",
        "--architectures=amd64",
    ]);
    fs::create_dir_all(root).with_context(|| format!("make {}", root.display()))?;
    if !may_mount(root) {
        // A container's default. Nothing in the packages above needs /proc to be installed.
        command.args(["--skip=chroot/mount", "--skip=check/canmount"]);
    }
    command.args([
        "--aptopt=Acquire::Languages \"none\"",
        "--aptopt=Acquire::Retries \"3\"",
        // Manuals and translations: a fifth of the files.
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    ]);
    command.arg(format!("--include={}", distribution.packages.join(",")));
    command
        .arg(distribution.suite)
        .arg(root)
        .args(mirrors.sources(distribution));
    step::run(
        &format!("Making a Debian {} tree", distribution.suite),
        "2 min",
        log,
        &mut command,
    )
}

/// Gives the tree the host's name servers, for apt in it.
pub fn copy_resolver(root: &Path) -> Result<()> {
    let mut copy = root_command("cp")?;
    let to = root.join("etc/resolv.conf");
    step::quiet(copy.args(["--dereference", "/etc/resolv.conf"]).arg(to))
        .context("copy the host's name servers")
}

/// One of the programs of apt, in the tree.
pub fn apt(root: &Path, program: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = root_command_in(root, "env")?;
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "INITRD=No"])
        .args(proxies());
    command.arg(program).args(arguments);
    Ok(command)
}

/// The host's proxy, as apt on it is told to use it.
pub fn proxies() -> Vec<String> {
    let mut config = Command::new("apt-config");
    config.args([
        "shell",
        "http_proxy",
        "Acquire::http::Proxy",
        "https_proxy",
        "Acquire::https::Proxy",
    ]);
    let mut found: Vec<String> = ["http_proxy", "https_proxy", "no_proxy"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)))
        .collect();
    for line in step::output(&mut config).unwrap_or_default().lines() {
        // The format is name='value'.
        if let Some((name, value)) = line.split_once('=')
            && !found.iter().any(|f| f.starts_with(&format!("{name}=")))
        {
            found.push(format!("{name}={}", value.trim_matches('\'')));
        }
    }
    found
}

/// The versions of a package that `apt-cache madison` lists for a suite, in its order: newest first.
pub fn versions_in_suite(madison: &str, package: &str, suite: &str) -> Vec<String> {
    madison
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('|').map(str::trim);
            let (name, version, source) = (fields.next()?, fields.next()?, fields.next()?);
            let in_suite = source
                .split_whitespace()
                .any(|w| w.split('/').next() == Some(suite));
            (name == package && in_suite && !source.ends_with("Sources"))
                .then(|| version.to_owned())
        })
        .collect()
}

/// The release of the kernel behind a metapackage, out of its `Depends` line.
pub fn kernel_release(show: &str, flavour: &str) -> Result<String> {
    let depends = show
        .lines()
        .find_map(|l| l.strip_prefix("Depends:"))
        .unwrap_or("");
    depends
        .split(',')
        .filter_map(|d| d.trim().split(' ').next()?.strip_prefix("linux-image-"))
        .find(|release| {
            release.ends_with(flavour) && release.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(str::to_owned)
        .with_context(|| {
            format!("find the kernel's release: no linux-image-VERSION-{flavour} among `{depends}`")
        })
}

/// The package with the source of that release: `7.3.4+deb13-cloud-amd64` gives `linux-source-7.3`.
pub fn source_package(release: &str) -> Result<String> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if !major.is_empty() && !minor.is_empty() => {
            Ok(format!("linux-source-{major}.{minor}"))
        }
        _ => bail!("cannot tell the kernel's version from its release {release:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADISON: &str = "\
        linux-image-cloud-amd64 | 9.3.4-1~bpo13+1 | http://deb.example/debian trixie-backports/main amd64 Packages\n\
        linux-image-cloud-amd64 | 6.12.117-1 | http://deb.example/debian-security trixie-security/main amd64 Packages\n\
        linux-image-cloud-amd64 | 6.12.107-1 | http://deb.example/debian trixie/main amd64 Packages\n";

    #[test]
    fn only_the_suite_asked_for_counts() {
        let of = |suite| versions_in_suite(MADISON, "linux-image-cloud-amd64", suite);
        assert_eq!(of("trixie-backports"), ["9.3.4-1~bpo13+1"]);
        assert_eq!(of("trixie"), ["6.12.107-1"]);
        assert!(of("forky").is_empty());
        assert!(versions_in_suite(MADISON, "linux-image", "trixie").is_empty());
    }

    #[test]
    fn the_release_is_taken_from_what_the_metapackage_depends_on() {
        let show = "Package: linux-image-cloud-amd64\nDepends: linux-base-cloud-amd64 (= 9.3.4-1), \
                    linux-image-9.3.4+deb13-cloud-amd64 (= 9.3.4-1), linux-modules-cloud-amd64 (= 9.3.4-1)\n";
        let release = kernel_release(show, "cloud-amd64").expect("a release");
        assert_eq!(release, "9.3.4+deb13-cloud-amd64");
        assert_eq!(
            source_package(&release).expect("a package"),
            "linux-source-9.3"
        );
        assert!(kernel_release("Depends: linux-base", "cloud-amd64").is_err());
        assert!(source_package("next").is_err());
    }

    #[test]
    fn mirrors_are_taken_from_apt_by_label() {
        let targets =
            "Debian\thttp://deb.example/debian/\ngoogle\thttps://x/apt\nDebian\tcdrom://disc\n";
        let expected = [
            ("Debian", "http://deb.example/debian"),
            ("google", "https://x/apt"),
        ];
        let found = parse_mirrors(targets);
        assert_eq!(found, expected.map(|(l, u)| (l.to_owned(), u.to_owned())));
    }
}
