// SPDX-License-Identifier: GPL-2.0

//! Help, completions and manual pages.

use mydevice_tests::guest::{entries, sh};

use crate::tool::{ok, program};

const COMMANDS: [&str; 15] = [
    "list", "add", "apply", "remove", "status", "get", "set", "resize", "clear", "watch", "dump",
    "load", "bench", "stress", "doctor",
];

#[test]
fn every_command_has_help() {
    for command in COMMANDS {
        let help = ok(&format!("{command} --help"));
        assert!(
            help.contains(&format!("Usage: mydevicectl {command}")),
            "{help}"
        );
    }
    assert!(!ok("--help").contains("generate"), "for packagers alone");
}

#[test]
fn completions_are_good_shell() {
    let tool = program().display().to_string();
    for shell in ["bash", "zsh", "fish"] {
        let script = ok(&format!("generate completions {shell}"));
        for command in COMMANDS {
            assert!(
                script.contains(command),
                "{command} in the completions of {shell}"
            );
        }
    }
    // As bash would ask for them.
    let words = sh(&format!(
        "source <({tool} generate completions bash); COMP_WORDS=(mydevicectl re); COMP_CWORD=1; \
         _mydevicectl mydevicectl re mydevicectl; echo ${{COMPREPLY[*]}}"
    ));
    assert_eq!(words, "remove resize\n");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    ok(&format!("generate man {at}"));
    let mut expected: Vec<_> = COMMANDS
        .map(|command| format!("mydevicectl-{command}.1"))
        .into();
    expected.push("mydevicectl.1".to_owned());
    expected.sort();
    assert_eq!(entries(&at), expected);
    let page = sh(&format!("cat {at}/mydevicectl.1"));
    assert!(
        page.contains(".TH mydevicectl 1") && page.contains("module is not loaded"),
        "{page}"
    );
}
