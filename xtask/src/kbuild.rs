// SPDX-License-Identifier: GPL-2.0

//! Building the modules: the kernel's own make, run inside the tree on a copy of the sources.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::cache::{Cache, hash};
use crate::interrupt;
use crate::privilege::make_own;
use crate::project;
use crate::step::{self, say};
use crate::tree::{Tree, root_command_in};

/// What the modules are made of.
pub const SOURCES: &[&str] = &["Kbuild", "driver", "queue", "uapi"];

/// Builds the modules for the tree's kernel, unless nothing has changed, and returns the folder
/// that holds them.
pub fn modules(cache: &Cache, tree: &Tree, kernel_name: &str) -> Result<PathBuf> {
    let out = output_folder(kernel_name);
    let stamp = out.join(".built");
    let wanted = fingerprint(tree)?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(out);
    }
    let _lock = cache.lock("build")?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(out);
    }
    say!(
        "==> Building the modules for Linux {} (usually 20 s, less when little changed)",
        tree.kernel.release
    );
    run(tree, project::root(), kernel_name, &["modules"])?;
    take_results(&tree.inside(&out), &out)?;
    fs::write(&stamp, wanted).with_context(|| format!("write {}", stamp.display()))?;
    Ok(out)
}

/// Runs make on a copy of the sources in the tree, into the folder of that name under `target/kmod`, and returns
/// what was said. The caller holds the lock.
fn run(tree: &Tree, sources: &Path, name: &str, arguments: &[&str]) -> Result<String> {
    tree.copy_in(sources, SOURCES)?;
    let out = output_folder(name);
    let inside = tree.inside(&out);
    make_own(&inside)?;
    let mut command = tree.command("make")?;
    make_arguments(&mut command, &tree.kdir(), sources, &out);
    // Both outputs in one, in order, and on to stderr: stdout belongs to xtask's own results.
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    command.args(tree.make).args(arguments).stdin(Stdio::null());
    command
        .stdout(writer.try_clone().context("share a pipe")?)
        .stderr(writer);
    let mut child = command.spawn().context("start make in the tree")?;
    // It holds the writing end, and the pipe ends when the last one is closed.
    drop(command);
    let mut said = String::new();
    for line in BufReader::new(reader).lines() {
        let line = line.context("read the output of make")?;
        say!("{line}");
        said = said + &line + "\n";
    }
    let status = child.wait().context("wait for make")?;
    interrupt::check()?;
    if !status.success() {
        bail!(
            "the modules do not build for Linux {} ({status}); the compiler's messages are above",
            tree.kernel.release
        );
    }
    Ok(said)
}

/// Has rustdoc describe the driver, private items too; returns the folder with the pages. It is called as the compiler
/// was when it built the module.
pub fn rustdoc(cache: &Cache, tree: &Tree, kernel_name: &str) -> Result<PathBuf> {
    let built = modules(cache, tree, kernel_name)?;
    let _lock = cache.lock("build")?;
    let folder = output_folder(&format!("{kernel_name}-rustdoc"));
    make_own(&tree.inside(&folder))?;
    let script = "cd \"$1\"
        export RUSTC_BOOTSTRAP=1 MYDEVICE_BINDINGS=\"$1/driver/kapi/bindings_generated.rs\"
        compiler=$(sed -n 's/^savedcmd_[^ ]* := //p' driver/.mydevice.o.cmd)
        eval \"$(echo \"$compiler\" | sed -e 's/ rustc / rustdoc --document-private-items /' \\
            -e 's/ --out-dir [^ ]*/ -o \"$2\"/' -e 's/ --emit=[^ ]*//g' -e 's/ -Zbinary_dep_depinfo=y//')\"";
    let mut command = tree.command("sh")?;
    command.args(["-ec", script, "sh"]).arg(&built).arg(&folder);
    step::quiet(&mut command).context("have rustdoc describe the driver")?;
    Ok(tree.inside(&folder))
}

/// Builds the modules as part of the kernel, in the source tree of a kernel that was built here; returns the folder
/// that holds them.
pub fn in_tree(cache: &Cache, tree: &Tree, kernel_name: &str) -> Result<PathBuf> {
    let _lock = cache.lock("build")?;
    tree.copy_in(project::root(), SOURCES)?;
    let name = format!("{kernel_name}-in-tree");
    let mut command = root_command_in(&tree.root(), "sh")?;
    let script = "cd \"$1\"
        rm -rf drivers/mydevice; mkdir drivers/mydevice
        for part in $3; do cp -a \"$2/$part\" drivers/mydevice/; done
        grep -qx 'obj-m += mydevice/' drivers/Makefile || echo 'obj-m += mydevice/' >> drivers/Makefile
        shift 3; make -s \"$@\" drivers/mydevice/hello.ko \
            drivers/mydevice/mydevice.ko drivers/mydevice/toolbox.ko";
    command
        .args(["-ec", script, "sh"])
        .arg(tree.kdir())
        .arg(project::root())
        .arg(SOURCES.join(" "))
        .args(tree.make);
    step::quiet(&mut command).context("build the modules in the kernel's tree")?;
    let out = output_folder(&name);
    take_results(&tree.inside(&tree.kdir().join("drivers/mydevice")), &out)?;
    Ok(out)
}

/// Compiles everything from scratch, into a folder of its own, and takes every warning for an
/// error: also those of the tools around the compilers, which know no such setting.
pub fn without_warnings(
    cache: &Cache,
    tree: &Tree,
    sources: &Path,
    name: &str,
    arguments: &[&str],
) -> Result<()> {
    let _lock = cache.lock("build")?;
    let inside = tree.inside(&output_folder(name));
    if inside.exists() {
        fs::remove_dir_all(&inside).with_context(|| format!("empty {}", inside.display()))?;
    }
    let said = run(tree, sources, name, arguments)?;
    match first_warning(&said) {
        Some(line) => bail!("the build is not free of warnings: {line}"),
        None => Ok(()),
    }
}

/// How long it takes to compile the smallest module from scratch, into a folder of its own.
pub fn time_hello(cache: &Cache, tree: &Tree) -> Result<Duration> {
    let _lock = cache.lock("build")?;
    let name = "hello-timed";
    let inside = tree.inside(&output_folder(name));
    if inside.exists() {
        fs::remove_dir_all(&inside).with_context(|| format!("empty {}", inside.display()))?;
    }
    let start = Instant::now();
    run(tree, project::root(), name, &["hello.ko"])?;
    Ok(start.elapsed())
}

fn first_warning(said: &str) -> Option<&str> {
    // The second is how the kernel says that it goes on without the checker asked for.
    let words = ["warning", "is not available or not up to date"];
    said.lines()
        .find(|l| words.iter().any(|w| l.to_lowercase().contains(w)))
}

/// Builds straight on the host, against a kernel build tree that the user names.
pub fn with_kdir(kdir: &Path) -> Result<PathBuf> {
    let kdir = kdir.canonicalize().with_context(|| {
        format!(
            "find the kernel build tree {}: KDIR names a folder with a kernel's Makefile",
            kdir.display()
        )
    })?;
    check_kdir(&kdir)?;
    let out = output_folder("kdir");
    fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
    let mut command = Command::new("make");
    make_arguments(&mut command, &kdir, project::root(), &out);
    let status = step::shown(command.arg("modules"))?;
    if !status.success() {
        bail!(
            "the modules do not build against {} ({status}); the messages are above",
            kdir.display()
        );
    }
    Ok(out)
}

fn make_arguments(command: &mut Command, kdir: &Path, sources: &Path, out: &Path) {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let setting = |name: &str, path: &Path| format!("{name}={}", path.display());
    command
        .arg("--no-print-directory")
        .arg("-s")
        .arg(format!("-j{jobs}"))
        .arg("-C")
        .arg(kdir);
    command.arg(setting("M", sources)).arg(setting("MO", out));
}

/// Says in words what make would say in a hundred lines.
fn check_kdir(kdir: &Path) -> Result<()> {
    let config = kdir.join(".config");
    let text = fs::read_to_string(&config).with_context(|| {
        format!(
            "read {}: {} is no configured kernel build tree",
            config.display(),
            kdir.display()
        )
    })?;
    let setting = |name: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix('='))
            .map(|v| v.trim_matches('"'))
    };
    if setting("CONFIG_RUST") != Some("y") {
        bail!(
            "{} has no CONFIG_RUST=y: configure that kernel with Rust, or name another KDIR",
            config.display()
        );
    }
    if !kdir.join("rust/libkernel.rmeta").exists() {
        bail!(
            "{} has no rust/libkernel.rmeta. In a kernel's own build tree, `make prepare` makes it; for the headers of a Debian\n\
             package, `sudo kernel-rust-metadata/kernel-rust-metadata add` does. Plain `make` prepares a tree for Debian's kernel by itself.",
            kdir.display()
        );
    }
    let installed = step::output(Command::new("rustc").arg("--version"))?;
    match setting("CONFIG_RUSTC_VERSION_TEXT") {
        Some(built) if built != installed.trim() => bail!(
            "the kernel in {} was built with\n    {built}\nand the rustc here is\n    {}\n\
             Modules built so would not load. Put the kernel's own rustc first in PATH (rustup: `rustup run VERSION make KDIR=...`).",
            kdir.display(),
            installed.trim()
        ),
        _ => Ok(()),
    }
}

fn output_folder(name: &str) -> PathBuf {
    project::target().join("kmod").join(name)
}

/// A hash over everything that the modules depend on.
fn fingerprint(tree: &Tree) -> Result<String> {
    let mut parts = vec![
        tree.entry.to_string_lossy().into_owned(),
        tree.kernel.version.clone(),
        tree.kdir().to_string_lossy().into_owned(),
    ];
    for name in SOURCES {
        let from = project::root().join(name);
        for entry in WalkDir::new(&from)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|e| e.file_name() != "target")
        {
            let entry = entry
                .with_context(|| format!("list {}: is the checkout whole?", from.display()))?;
            if entry.file_type().is_file() {
                let content = match fs::read(entry.path()) {
                    Ok(content) => content,
                    // An editor's passing file.
                    Err(e) if e.kind() == ErrorKind::NotFound => continue,
                    Err(e) => {
                        return Err(e).with_context(|| format!("read {}", entry.path().display()));
                    }
                };
                parts.push(entry.path().to_string_lossy().into_owned());
                parts.push(String::from_utf8_lossy(&content).into_owned());
            }
        }
    }
    Ok(hash(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Copies the modules out. Each takes its place at once: a VM may be reading the old one.
fn take_results(inside: &Path, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    let mut found = 0;
    for entry in fs::read_dir(inside).with_context(|| format!("list {}", inside.display()))? {
        let name = entry.context("list the results")?.file_name();
        if Path::new(&name).extension().is_none_or(|e| e != "ko") {
            continue;
        }
        let mut new = name.clone();
        new.push(".new");
        fs::copy(inside.join(&name), out.join(&new))
            .and_then(|_| fs::rename(out.join(&new), out.join(&name)))
            .with_context(|| format!("copy {} to {}", name.to_string_lossy(), out.display()))?;
        found += 1;
    }
    if found == 0 {
        bail!(
            "make was content and made no module in {}: does Kbuild name any?",
            inside.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_of_any_tool_is_seen() {
        assert_eq!(first_warning("  CC [M]  x.o\n  LD [M]  x.ko\n"), None);
        for line in [
            "x.c:3:1: warning: unused variable",
            "WARNING: modpost: missing MODULE_DESCRIPTION() in x.o",
            "Makefile:1311: C=2 specified, but sparse is not available or not up to date",
        ] {
            assert_eq!(
                first_warning(&format!("  CC [M]  x.o\n{line}\n")),
                Some(line)
            );
        }
    }

    #[test]
    fn a_folder_that_is_no_build_tree_is_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = || format!("{:#}", check_kdir(folder.path()).expect_err("refused"));
        assert!(refused().contains("no configured kernel build tree"));
        let config = folder.path().join(".config");
        fs::write(&config, "# CONFIG_RUST is not set\n").expect("a configuration");
        assert!(refused().contains("has no CONFIG_RUST=y"));
        fs::write(
            &config,
            "CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.2.3 (x)\"\n",
        )
        .expect("a configuration");
        for way_out in ["make prepare", "kernel-rust-metadata add"] {
            assert!(refused().contains(way_out), "{way_out}");
        }
        fs::create_dir(folder.path().join("rust")).expect("a folder");
        fs::write(folder.path().join("rust/libkernel.rmeta"), "").expect("a file");
        assert!(refused().contains("rustc 1.2.3 (x)"));
    }
}
