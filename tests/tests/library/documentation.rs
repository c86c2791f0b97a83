// SPDX-License-Identifier: GPL-2.0

//! The examples in the crate's documentation, which xtask has put into one program.

use std::process::Command;

use mydevice_tests::Module;

/// As many examples as there are at least: fewer mean that some were left out.
const EXAMPLES: usize = 20;

#[test]
fn every_example_does_what_it_says() {
    let _module = Module::load(&[]);
    let program = std::env::var_os("MYDEVICE_DOC_TESTS")
        .expect("MYDEVICE_DOC_TESTS is set by `cargo xtask test`");
    let output = Command::new(&program)
        // Each example in a process of its own, as cargo does.
        .env("RUSTDOC_DOCTEST_BIN_PATH", &program)
        .output()
        .expect("running the examples");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let passed = said
        .lines()
        .filter(|line| line.starts_with("test ") && line.ends_with("... ok"))
        .count();
    assert!(passed >= EXAMPLES, "{passed} examples in:\n{said}");
}
