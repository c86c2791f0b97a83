// SPDX-License-Identifier: GPL-2.0

//! The package `mydevice` for Python: its own tests, and the examples in its documentation.

use std::{path::PathBuf, process::Command};

use mydevice_tests::Module;

/// As many tests, and as many docstrings and pages with examples, as there are at least: fewer mean that some were
/// left out.
const TESTS: usize = 110;
const DOCSTRINGS: usize = 19;

/// The folder of the package in the checkout.
fn package() -> PathBuf {
    let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    checkout.join("lib/python").canonicalize().unwrap()
}

/// Python in the package's folder, to which it writes nothing.
fn python() -> Command {
    let mut command = Command::new("timeout");
    // A test that hangs fails by itself: this is for when Python does.
    command.args(["--kill-after=5", "600", "python3", "-B"]);
    command
        .current_dir(package())
        .env("PYTHONPATH", package().join("src"));
    command
}

/// Runs pytest with `arguments`. Every test must pass, and there must be as many as `expected` at least.
#[track_caller]
fn pytest(arguments: &[&str], expected: usize) {
    let _module = Module::load(&[]);
    let mut command = python();
    command.args(["-m", "pytest", "-p", "no:cacheprovider"]);
    let output = command.args(arguments).output().expect("running pytest");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // "===== 117 passed in 12.34s ====="; what was skipped or failed as expected would stand there, too.
    let sum = said.lines().last().unwrap_or_default();
    let words: Vec<_> = sum.trim_matches(['=', ' ']).split(' ').collect();
    let [passed, "passed", "in", ..] = words[..] else {
        panic!("pytest's last line is {sum:?}, in:\n{said}")
    };
    let passed: usize = passed.parse().expect("a number of tests");
    assert!(passed >= expected, "{passed} tests in:\n{said}");
}

#[test]
fn pytest_passes() {
    pytest(&["tests"], TESTS);
}

#[test]
fn every_example_in_the_docstrings_does_what_it_says() {
    pytest(&["src"], DOCSTRINGS);
}

#[test]
fn every_example_on_the_pages_does_what_it_says() {
    let pages = ["--doctest-glob=*.md", "README.md", "../../docs/python.md"];
    pytest(&pages, 2);
}

/// Without the module, everything that asks for it says ENOENT.
#[test]
fn without_the_module_all_is_enoent() {
    let module = Module::load(&[]);
    module.unload();
    let script = "
import mydevice
for call in (
    mydevice.Instance.all,
    lambda: mydevice.Instance.add('jobs'),
    lambda: mydevice.Instance('mydevice').remove(),
    lambda: mydevice.Device.open('mydevice'),
    mydevice.Instance('mydevice').figures,
):
    try:
        call()
    except OSError as error:
        print(error.errno)
";
    let output = python().args(["-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2\n".repeat(5));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
