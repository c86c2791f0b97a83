// SPDX-License-Identifier: GPL-2.0

//! The kernels that the VM can boot. A new one is a new entry of [`KERNELS`].
//!
//! No kernel version is written here: set-up takes what the archive offers and records it.

use anyhow::{Result, bail};

/// A release of Debian from which a tree is made: the user land of the guest, and the place where
/// modules are built with exactly the compilers that the kernel was built with.
#[derive(Debug)]
pub struct Distribution {
    /// What its tree is called in the cache.
    pub tree: &'static str,
    /// Its code name.
    pub suite: &'static str,
    /// Where its kernel comes from.
    pub kernel_suite: &'static str,
    /// Whether an index of the archive that is past its date will do.
    pub dated_index: bool,
    /// What is installed besides the essential packages and the kernel.
    pub packages: &'static [&'static str],
}

/// A kernel by the name that `--kernel` takes.
#[derive(Debug)]
pub struct Kernel {
    /// The name.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// The tree that it lives in.
    pub distribution: &'static Distribution,
    /// Which of Debian's kernels: the end of the names of its packages.
    pub flavour: &'static str,
    /// Built here, from the source of that kernel and in its tree; none for the packaged kernel itself.
    pub own: Option<OwnBuild>,
    /// The memory that its VM has unless told otherwise.
    pub memory: &'static str,
}

/// How a kernel is built here.
#[derive(Debug)]
pub struct OwnBuild {
    /// Its configuration, beside that of `make tinyconfig`.
    pub config: &'static str,
    /// What make is told: the compilers, or the architecture.
    pub make: &'static [&'static str],
    /// What has to be installed to build it.
    pub packages: &'static [&'static str],
    /// How long that usually takes.
    pub usual: &'static str,
}

/// Debian 13 with the kernel of its backports, the newest that was built with its own compilers.
const TRIXIE: Distribution = Distribution {
    tree: "stock",
    suite: "trixie",
    kernel_suite: "trixie-backports",
    dated_index: false,
    packages: PACKAGES,
};

/// The Debian to come with its own kernel: another line of the kernel, and newer compilers.
const FORKY: Distribution = Distribution {
    tree: "next",
    suite: "forky",
    kernel_suite: "forky",
    // Mirrors that stand still for a while keep the suites that are released. An index of this one is signed for a
    // week, and an older one is as good here: nothing in the tree faces a network.
    dated_index: true,
    packages: PACKAGES,
};

/// All kernels; the first is the default.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        name: "stock",
        about: "Debian's own signed cloud kernel, as it is in the backports of Debian 13",
        distribution: &TRIXIE,
        flavour: "cloud-amd64",
        own: None,
        memory: "2G",
    },
    Kernel {
        name: "debug",
        about: "built from the same source with clang, to find bugs: KASAN, lockdep, kmemleak, fault injection, ...",
        distribution: &TRIXIE,
        flavour: "cloud-amd64",
        own: Some(OwnBuild {
            config: include_str!("../debug.config"),
            make: &["LLVM=1"],
            packages: &["lld", "llvm"],
            usual: "12 min",
        }),
        memory: "4G",
    },
    Kernel {
        name: "next",
        about: "Debian's own signed cloud kernel, as it is in the Debian to come",
        distribution: &FORKY,
        flavour: "cloud-amd64",
        own: None,
        memory: "2G",
    },
];

/// A kernel that is a program of the host. No VM boots it, so it is none of the kernels above: copies go at native speed
/// there, and that is measured.
pub const UML: Kernel = Kernel {
    name: "uml",
    about: "User Mode Linux from the same source: copies at native speed",
    distribution: &TRIXIE,
    flavour: "cloud-amd64",
    own: Some(OwnBuild {
        config: include_str!("../uml.config"),
        make: &["ARCH=um"],
        packages: &[],
        usual: "5 min",
    }),
    memory: "1G",
};

/// The kernel of that name.
pub fn find(name: &str) -> Result<&'static Kernel> {
    match KERNELS.iter().find(|k| k.name == name) {
        Some(kernel) => Ok(kernel),
        None => {
            let known: Vec<_> = KERNELS
                .iter()
                .map(|k| format!("  {}: {}", k.name, k.about))
                .collect();
            bail!(
                "there is no kernel named {name:?}. Those that there are:\n{}",
                known.join("\n")
            )
        }
    }
}

const PACKAGES: &[&str] = &[
    // To build modules, and the kernel's Rust metadata for them.
    "bc",
    "bindgen",
    "bison",
    "clang",
    "cpio",
    "dwarves",
    "flex",
    "g++",
    "g++-multilib",
    "gcc",
    "gcc-multilib",
    "libelf-dev",
    "libssl-dev",
    "make",
    "rust-clippy",
    "rust-src",
    "rustc",
    "rustfmt",
    "xz-utils",
    "zstd",
    // To look at sources.
    "shellcheck",
    "sparse",
    // To run the guest.
    "qemu-system-x86",
    "seabios",
    "virtiofsd",
    // What tests and people use in it.
    "bsdextrautils",
    "ca-certificates",
    "file",
    "fio",
    "iproute2",
    "jq",
    "kmod",
    "less",
    "lsof",
    "procps",
    "psmisc",
    "python3",
    "python3-pytest",
    "socat",
    "strace",
    "stress-ng",
    "time",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kernel_lists_the_known_ones() {
        let error = find("nonesuch").expect_err("unknown").to_string();
        assert!(
            error.contains("\"nonesuch\"") && error.contains("stock:"),
            "{error}"
        );
        for kernel in KERNELS {
            assert_eq!(find(kernel.name).expect("known").name, kernel.name);
        }
    }
}
