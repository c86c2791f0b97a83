// SPDX-License-Identifier: GPL-2.0

//! The package for Python carries the text of the licence in its own folder, since its archives have nothing else.

use std::fs;
use std::path::Path;

#[test]
fn the_package_for_python_has_the_licence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = |path| fs::read_to_string(root.join(path)).expect(path);
    assert!(
        text("lib/python/LICENSE") == text("LICENSE"),
        "lib/python/LICENSE is no copy of LICENSE"
    );
}
