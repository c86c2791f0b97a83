// SPDX-License-Identifier: GPL-2.0

//! L4 to L6 and L8: parameters, at load and in sysfs.

use std::{fs, os::unix::fs::PermissionsExt};

use mydevice_tests::{Module, instance::DISCIPLINES, klog::level, module::traces};
use nix::errno::Errno;

use super::MODULES;

/// The parameter reads 4096; the others read their defaults.
#[test]
fn l4_parameters_read_their_defaults() {
    let hello = Module::try_load("hello", &[]).unwrap();
    assert_eq!(hello.parameter("buffer_size"), "4096");

    let mydevice = Module::load(&[]);
    for (parameter, value, mode) in [
        ("buffer_size", "4096", 0o644),
        ("devices", "1", 0o444),
        ("discipline", "stream", 0o644),
        ("verbose", "0", 0o644),
    ] {
        assert_eq!(mydevice.parameter(parameter), value, "{parameter}");
        let metadata = fs::metadata(mydevice.parameter_file(parameter)).unwrap();
        assert_eq!(
            metadata.permissions().mode() & 0o7777,
            mode,
            "the mode of {parameter}"
        );
    }
    let mode = fs::metadata(hello.parameter_file("buffer_size"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o644);
}

/// `buffer_size=8192` shows 8192, and is the capacity.
#[test]
fn l5_a_parameter_given_at_load_is_shown() {
    let hello = Module::try_load("hello", &["buffer_size=8192"]).unwrap();
    assert_eq!(hello.parameter("buffer_size"), "8192");
    let log = hello.own_log();
    assert!(
        log.iter()
            .any(|record| record.text == "hello: module loaded, buffer_size=8192"),
        "{log:#?}"
    );

    let mydevice = Module::load(&["buffer_size=8192"]);
    assert_eq!(mydevice.parameter("buffer_size"), "8192");
    assert_eq!(mydevice.instance().reader().status().buffer_size, 8192);
}

/// `buffer_size=-1`, 0, 1048577 refused with EINVAL; 1048576 taken. One error line names the parameter, the
/// value and the valid range, and nothing is left behind.
#[test]
fn l6_a_buffer_size_out_of_range_is_refused() {
    for module in MODULES {
        for value in ["-1", "0", "1048577"] {
            refused(module, "buffer_size", value, &["1", "1048576"]);
        }
        let loaded = Module::try_load(module, &["buffer_size=1048576"]).unwrap();
        assert_eq!(loaded.parameter("buffer_size"), "1048576");
    }
}

/// As L6, for every other parameter, and for what is no number.
#[test]
fn l6_any_other_invalid_parameter_is_refused() {
    for value in ["0", "257", "-1", "x", "4294967297"] {
        refused("mydevice", "devices", value, &["1", "256"]);
    }
    for value in ["3", "-1", "loud"] {
        refused("mydevice", "verbose", value, &["0", "2"]);
    }
    for value in ["queue", "", "streams", "STREAM"] {
        refused("mydevice", "discipline", value, &DISCIPLINES);
    }
    for value in ["4096x", "", "99999999999999999999"] {
        refused("mydevice", "buffer_size", value, &["1", "1048576"]);
    }
}

#[track_caller]
fn refused(module: &'static str, parameter: &str, value: &str, range: &[&str]) {
    let refusal = Module::try_load(module, &[&format!("{parameter}={value}")])
        .expect_err(&format!("{module} was loaded with {parameter}={value}"));
    assert_eq!(refusal.errno, Errno::EINVAL, "{parameter}={value}");

    // The kernel's own line about the parameter begins with the module's name and a colon, and a tick.
    let ours = |text: &str| {
        text.starts_with(&format!("{module}: "))
            && !text.contains(&format!("`{value}' invalid for parameter"))
    };
    let errors: Vec<_> = refusal
        .log
        .iter()
        .filter(|record| record.level == level::ERR && ours(&record.text))
        .collect();
    let [error] = errors[..] else {
        panic!("{parameter}={value}: one error line, not {errors:#?}");
    };
    for word in [parameter, value].iter().chain(range) {
        assert!(error.text.contains(word), "{word:?} in {:?}", error.text);
    }
    assert_eq!(traces(module), Vec::<String>::new());
}

/// A valid value written in sysfs is taken, for what is made from now on; an invalid one gives EINVAL and
/// the old value stays.
#[test]
fn l8_parameters_can_be_set_in_sysfs() {
    let hello = Module::try_load("hello", &[]).unwrap();
    let mydevice = Module::load(&[]);
    for module in [&hello, &mydevice] {
        assert_eq!(module.set_parameter("buffer_size", "8192\n"), Ok(()));
        assert_eq!(module.parameter("buffer_size"), "8192");
        for invalid in ["0\n", "-1\n", "1048577\n", "many\n", "\n"] {
            assert_eq!(
                module.set_parameter("buffer_size", invalid),
                Err(Errno::EINVAL),
                "{invalid:?}"
            );
            assert_eq!(module.parameter("buffer_size"), "8192", "after {invalid:?}");
        }
    }
    assert_eq!(
        mydevice.instance().attribute("capacity"),
        "4096",
        "what was made before stays as it is"
    );

    assert_eq!(mydevice.set_parameter("verbose", "2"), Ok(()));
    assert_eq!(mydevice.set_parameter("verbose", "3"), Err(Errno::EINVAL));
    assert_eq!(mydevice.parameter("verbose"), "2");
    assert_eq!(mydevice.set_parameter("discipline", "buffer\n"), Ok(()));
    assert_eq!(
        mydevice.set_parameter("discipline", "queue\n"),
        Err(Errno::EINVAL)
    );
    assert_eq!(mydevice.parameter("discipline"), "buffer");
    assert_eq!(mydevice.instance().attribute("discipline"), "stream");
}

/// A switch that is named without a value is on, as those of the kernel's own modules are; a number needs one.
#[test]
fn a_switch_needs_no_value() {
    let module = Module::load(&["split"]);
    assert_eq!(module.parameter("split"), "Y");
    module.unload();
    let refused = Module::try_load("mydevice", &["devices"]).map(drop);
    assert_eq!(refused.map_err(|refusal| refusal.errno), Err(Errno::EINVAL));
}
