// SPDX-License-Identifier: GPL-2.0

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use walkdir::WalkDir;

use crate::cache::Cache;
use crate::kbuild;
use crate::step::{self, say};
use crate::tree::Tree;
use crate::{kernels, project, recipe};

/// Looks over all sources: formatting, lints, documentation, the discipline of the manual, the C header, shell scripts.
#[derive(Args)]
pub struct Lint {
    /// The kernel to check the driver against.
    #[arg(long, value_name = "NAME", default_value = "stock")]
    kernel: String,
}

impl Lint {
    pub fn run(self) -> Result<ExitCode> {
        let kernel = kernels::find(&self.kernel)?;
        let cache = Cache::open()?;
        let tree = recipe::tree(&cache, kernel)?;
        let clippy = format!("{}-clippy", kernel.name);
        let sparse = format!("{}-sparse", kernel.name);
        let mut failed = Vec::new();
        let mut check = |title: &'static str, result: Result<()>| {
            if let Err(error) = result {
                say!("error: {error:#}");
                failed.push(title);
            }
        };
        let mut step = |title: &'static str, work: &dyn Fn() -> Result<()>| {
            say!("==> {title}");
            check(title, work());
        };
        step("rustfmt", &rustfmt);
        step("clippy on the host's code", &|| {
            passes(project::cargo("clippy").args([
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        });
        step("clippy on the fuzz targets", &|| {
            let mut clippy = project::cargo("clippy");
            clippy.args(["--quiet", "--manifest-path", FUZZ, "--target-dir"]);
            clippy.arg(project::target().join("fuzz-clippy"));
            // Nothing is linked, so libFuzzer need not be compiled, nor a C++ compiler be there.
            clippy.env("CUSTOM_LIBFUZZER_PATH", "/none/libfuzzer.a");
            passes(clippy.args(["--", "-D", "warnings"]))
        });
        // Private items are documented here, too, so links to them lead somewhere.
        step("rustdoc", &|| {
            let mut doc = project::cargo("doc");
            passes(
                doc.env(
                    "RUSTDOCFLAGS",
                    "-D warnings -A rustdoc::private_intra_doc_links",
                )
                .args([
                    "--quiet",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                ]),
            )
        });
        step("clippy on the kernel's code (usually 30 s)", &|| {
            let arguments = ["CLIPPY=1", "W=e", "modules"];
            kbuild::without_warnings(&cache, &tree, project::root(), &clippy, &arguments)
        });
        step("sparse on the C that there is (usually 20 s)", &|| {
            kbuild::without_warnings(
                &cache,
                &tree,
                project::root(),
                &sparse,
                // Debian 13's sparse is older than this spelling, which the kernel's headers use.
                &[
                    "C=2",
                    "CF=-D__typeof_unqual__=__typeof__ -Wsparse-error",
                    "modules",
                ],
            )
        });
        step("the discipline of the manual (usually 30 s)", &|| {
            letters(&cache, &tree, kernel.name)
        });
        step("the header in C and C++, 64 and 32 bits", &|| header(&tree));
        step("shellcheck", &|| shell_scripts(&tree));
        if failed.is_empty() {
            say!("lint: nothing found");
            return Ok(ExitCode::SUCCESS);
        }
        say!("lint: failed: {}", failed.join("; "));
        Ok(ExitCode::FAILURE)
    }
}

/// The fuzz targets, which are a workspace of their own.
const FUZZ: &str = "queue/fuzz/Cargo.toml";

fn passes(command: &mut Command) -> Result<()> {
    let status = step::shown(command)?;
    if !status.success() {
        bail!(
            "`{}` found something ({status}), see above",
            step::show(command)
        );
    }
    Ok(())
}

/// Cargo knows the host's crates; the driver is the kernel build's.
fn rustfmt() -> Result<()> {
    let all = passes(project::cargo("fmt").args(["--all", "--check"]));
    let fuzz = passes(project::cargo("fmt").args(["--check", "--manifest-path", FUZZ]));
    let config = project::root().join("rustfmt.toml");
    let mut rustfmt = Command::new("rustfmt");
    rustfmt
        .arg("--check")
        .arg("--config-path")
        .arg(config)
        .args(files(Path::new("driver"), "rs")?);
    all.and(fuzz).and(passes(&mut rustfmt))
}

/// Builds the driver with the discipline that a page of the manual adds, by that page's own commands, in a copy.
fn letters(cache: &Cache, tree: &Tree, kernel_name: &str) -> Result<()> {
    const PAGE: &str = "docs/kernel/discipline.md";
    let page = fs::read_to_string(project::root().join(PAGE)).context("read the page")?;
    let steps: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .filter(|command| *command != "make shell")
        .collect();
    let copy = project::target().join("letters");
    let script = "rm -rf \"$1\"; mkdir -p \"$1\"; cp -R --parents docs/kernel/letters.rs $2 \"$1\"
        cd \"$1\"; cp driver/discipline.rs before; eval \"$3\"
        ! cmp -s driver/discipline.rs before || { echo 'the list is as it was' >&2; exit 1; }";
    let mut command = Command::new("sh");
    command.current_dir(project::root());
    command.args(["-ec", script, "sh"]).arg(&copy);
    command.args([kbuild::SOURCES.join(" "), steps.join("\n")]);
    step::quiet(&mut command).with_context(|| format!("do the steps of {PAGE}"))?;
    let name = format!("{kernel_name}-letters");
    kbuild::without_warnings(cache, tree, &copy, &name, &["W=e", "mydevice.ko"])
        .with_context(|| format!("what {PAGE} shows"))
}

fn header(tree: &Tree) -> Result<()> {
    tree.copy_in(project::root(), &["uapi"])?;
    let header = project::root().join("uapi/mydevice_ioctl.h");
    for (compiler, language, standard) in [("gcc", "c", "-std=gnu11"), ("g++", "c++", "-std=c++11")]
    {
        for width in ["-m64", "-m32"] {
            let mut command = tree.command(compiler)?;
            command.args([
                "-fsyntax-only",
                "-Wall",
                "-Wextra",
                "-Werror",
                width,
                standard,
                "-x",
                language,
            ]);
            passes(command.arg(&header))
                .with_context(|| format!("the header as {language} with {width}"))?;
        }
    }
    Ok(())
}

/// Scripts that are not called *.sh, with the shell that they are for.
const SCRIPTS: &[(&str, &str)] = &[
    (".ci/run", "bash"),
    ("kernel-rust-metadata/kernel-rust-metadata", "sh"),
    ("packaging/pre-build", "sh"),
    ("debian/kernel-rust-metadata.postinst", "sh"),
    ("debian/kernel-rust-metadata.prerm", "sh"),
    ("debian/mydevice-tools.postinst", "sh"),
];

fn shell_scripts(tree: &Tree) -> Result<()> {
    let mut scripts: Vec<_> = files(Path::new("."), "sh")?
        .into_iter()
        .map(|script| (script, "bash"))
        .collect();
    scripts.extend(
        SCRIPTS
            .iter()
            .map(|(path, shell)| (project::root().join(path), *shell)),
    );
    for (script, shell) in scripts {
        // Through standard input: the scripts are not in the tree.
        let file = File::open(&script).with_context(|| format!("open {}", script.display()))?;
        let mut command = tree.command("shellcheck")?;
        let status = command
            .arg(format!("--shell={shell}"))
            .arg("-")
            .stdin(file)
            .status()
            .context("start shellcheck")?;
        if !status.success() {
            bail!(
                "shellcheck found something in {} ({status}), see above",
                script.display()
            );
        }
    }
    Ok(())
}

/// The files of the checkout with that ending, without what was made.
fn files(under: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let root = project::root().join(under);
    let made = |name: &std::ffi::OsStr| name == "target" || name == ".git";
    let mut found = Vec::new();
    for entry in WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|e| !made(e.file_name()))
    {
        let entry = entry.with_context(|| format!("list {}", root.display()))?;
        if entry.path().extension().is_some_and(|e| e == ending) {
            found.push(fs::canonicalize(entry.path()).context("find a file")?);
        }
    }
    Ok(found)
}
