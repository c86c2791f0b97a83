// SPDX-License-Identifier: GPL-2.0

//! The files as the kernel module takes them: one by one, by their path, into another crate, with
//! overflow checks on. And without optimization: with it, small functions would be left to the
//! crates that call them, and not be in the object file at all.

use std::path::Path;
use std::process::Command;

const MODULES: [&str; 6] = ["counters", "gate", "quota", "ring", "span", "text"];

/// The object code of a crate that holds the modules of `dir` as the driver does.
fn compile(dir: &Path) -> Vec<u8> {
    let out = tempfile::tempdir().expect("making a folder for the object file");
    let source = out.path().join("modules.rs");
    let object = out.path().join("modules.o");
    let modules = MODULES.map(|name| {
        let path = dir.join(name).with_extension("rs");
        format!("#[path = {path:?}] pub mod {name};\n")
    });
    std::fs::write(&source, format!("#![no_std]\n{}", modules.concat()))
        .unwrap_or_else(|error| panic!("writing {source:?}: {error}"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(&rustc)
        .args(["--edition=2021", "--crate-type=rlib", "-Dwarnings"])
        .args(["-Copt-level=0", "-Coverflow-checks=on", "-Cpanic=abort"])
        .arg(format!("--emit=obj={}", object.display()))
        .arg(&source)
        .status()
        .unwrap_or_else(|error| panic!("running {rustc:?}: {error}"));
    assert!(built.success(), "{rustc:?} {source:?}: {built}");
    std::fs::read(&object).unwrap_or_else(|error| panic!("reading {object:?}: {error}"))
}

/// The names in `object` of what panics: a call that does goes to a function in `core::panicking`,
/// or elsewhere in `core` to one such as `core::option::unwrap_failed`.
fn panics(object: &[u8]) -> Vec<String> {
    let strings = object.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let panics = strings.filter(|name| name.contains("panic") || name.contains("_fail"));
    panics.map(String::from).collect()
}

#[test]
fn the_modules_compile_as_the_driver_takes_them_and_have_no_path_to_a_panic() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(panics(&compile(&sources)), [""; 0]);
}

#[test]
fn a_path_to_a_panic_is_noticed() {
    let sources = tempfile::tempdir().expect("making a folder for the sources");
    for name in MODULES {
        let text = match name {
            "ring" => "pub fn add(a: usize, b: usize) -> usize {\n    a + b\n}\n",
            _ => "",
        };
        let path = sources.path().join(name).with_extension("rs");
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("writing {path:?}: {error}"));
    }
    assert_ne!(panics(&compile(sources.path())), [""; 0]);
}
