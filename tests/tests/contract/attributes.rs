// SPDX-License-Identifier: GPL-2.0

//! The attributes in sysfs, the instances made at load, and the mode of the `/proc` entry.

use std::{fs, os::unix::fs::PermissionsExt};

use mydevice_tests::{
    Instance, Module,
    guest::{sh, try_sh},
    sleeping_write,
};
use nix::errno::Errno;

/// An instance's attributes, with the modes that say which can be written, and their defaults.
#[test]
fn an_instance_has_its_attributes() {
    for (discipline, on_empty) in [("stream", "block"), ("buffer", "eof"), ("log", "block")] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        for (attribute, value, mode) in [
            ("discipline", discipline, 0o644),
            ("capacity", "4096", 0o644),
            ("max_capacity", "1048576", 0o644),
            ("on_empty", on_empty, 0o644),
            ("read_timeout_ms", "0", 0o644),
            ("bytes_used", "0", 0o444),
            ("high_water", "0", 0o444),
            ("readers", "0", 0o444),
            ("writers", "0", 0o444),
            ("waiting_readers", "0", 0o444),
            ("waiting_writers", "0", 0o444),
        ] {
            assert_eq!(
                module.instance().attribute(attribute),
                value,
                "{attribute} of a {discipline}"
            );
            let file = module.instance().class_entry().join(attribute);
            let permissions = fs::metadata(file).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o7777, mode, "the mode of {attribute}");
            if mode == 0o444 {
                let set = module.instance().set_attribute(attribute, "1");
                assert!(set.is_err(), "{attribute} can be set");
            }
        }
    }
}

/// An invalid value: EINVAL, and the old one stays.
#[test]
fn an_invalid_value_is_refused() {
    let module = Module::load(&[]);
    let instance = module.instance();
    for (attribute, invalid) in [
        ("discipline", ["queue", "", "BUFFER", "streambuffer"]),
        ("capacity", ["0", "-1", "1048577", "some"]),
        ("max_capacity", ["4095", "0", "2147483648", "-1"]),
        ("on_empty", ["wait", "", "EOF", "blocked"]),
        ("read_timeout_ms", ["-1", "", "1s", "99999999999999999999"]),
    ] {
        let before = instance.attribute(attribute);
        for value in invalid {
            // An empty write does not reach the driver at all; an empty line does.
            let line = format!("{value}\n");
            assert_eq!(
                instance.set_attribute(attribute, &line),
                Err(Errno::EINVAL),
                "{attribute}: {value:?}"
            );
            assert_eq!(
                instance.attribute(attribute),
                before,
                "{attribute} after {value:?}"
            );
        }
    }
}

/// One trailing newline is dropped, as `echo` writes it.
#[test]
fn a_value_may_end_its_line() {
    let module = Module::load(&[]);
    let entry = module.instance().class_entry();
    for (attribute, value) in [
        ("capacity", "100"),
        ("on_empty", "hangup"),
        ("read_timeout_ms", "7"),
        ("discipline", "buffer"),
    ] {
        sh(&format!("echo {value} > {}/{attribute}", entry.display()));
        assert_eq!(module.instance().attribute(attribute), value);
    }
}

/// `discipline` can be changed only while the instance is empty and nothing has it open (EBUSY).
#[test]
fn the_discipline_changes_only_at_rest() {
    let module = Module::load(&[]);
    let instance = module.instance();
    let device = instance.both();
    assert_eq!(
        instance.set_attribute("discipline", "buffer"),
        Err(Errno::EBUSY),
        "open"
    );
    device.put("data");
    drop(device);
    assert_eq!(
        instance.set_attribute("discipline", "buffer"),
        Err(Errno::EBUSY),
        "not empty"
    );
    assert_eq!(instance.attribute("discipline"), "stream");
    assert_eq!(instance.reader().take(100), "data");
    assert_eq!(instance.set_attribute("discipline", "buffer"), Ok(()));

    instance.writer().put("text");
    assert_eq!(
        (instance.reader().take(100), instance.reader().take(100)),
        ("text".into(), "text".into())
    );
    assert_eq!(instance.proc().discipline, "buffer");
    assert_eq!(
        instance.set_attribute("discipline", "stream"),
        Err(Errno::EBUSY),
        "not empty"
    );
}

/// The change sets `capacity`, `max_capacity` and `on_empty` to the new discipline's defaults.
#[test]
fn a_new_discipline_brings_its_defaults() {
    let module = Module::load(&[]);
    let instance = module.instance();
    for (attribute, value) in [
        ("max_capacity", "2000000"),
        ("capacity", "1500000"),
        ("on_empty", "hangup"),
    ] {
        assert_eq!(instance.set_attribute(attribute, value), Ok(()));
    }
    for (discipline, on_empty) in [("buffer", "eof"), ("stream", "block")] {
        assert_eq!(instance.set_attribute("discipline", discipline), Ok(()));
        assert_eq!(
            ["capacity", "max_capacity", "on_empty"].map(|attribute| instance.attribute(attribute)),
            ["4096", "1048576", on_empty],
            "{discipline}"
        );
        assert_eq!(instance.reader().status().buffer_size, 4096);
    }
}

/// `capacity` is RESIZE: it keeps the first bytes and wakes who waits for room.
#[test]
fn capacity_resizes() {
    let module = Module::load(&["buffer_size=10"]);
    let instance = module.instance();
    let device = instance.both();
    device.put("1234567890");
    assert_eq!(instance.set_attribute("capacity", "5"), Ok(()));
    assert_eq!(
        (device.status().buffer_size, device.stats().bytes_truncated),
        (5, 5)
    );
    assert_eq!(instance.attribute("bytes_used"), "5");

    let writer = sleeping_write(&device, b"abc");
    assert_eq!(instance.set_attribute("capacity", "8"), Ok(()));
    assert_eq!(writer.join(), Ok(3));
    assert_eq!(device.take(100), "12345abc");
    assert_eq!(
        (
            instance.attribute("bytes_used"),
            instance.attribute("high_water")
        ),
        ("0".into(), "10".into())
    );
}

/// Root may raise `max_capacity` to 2147483647 at most, never below `capacity`; RESIZE follows it.
#[test]
fn max_capacity_bounds_resize() {
    let module = Module::load(&[]);
    let instance = module.instance();
    let device = instance.both();
    assert_eq!(device.resize(3_000_000), Err(Errno::EINVAL));
    assert_eq!(instance.set_attribute("max_capacity", "3000000"), Ok(()));
    assert_eq!(device.resize(3_000_000), Ok(()));
    device.put(vec![b'x'; 3_000_000]);
    assert_eq!(device.read(4_000_000).unwrap().len(), 3_000_000);
    assert_eq!(
        instance.set_attribute("max_capacity", "2999999"),
        Err(Errno::EINVAL)
    );
    assert_eq!(instance.set_attribute("max_capacity", "2147483647"), Ok(()));
    assert_eq!(device.resize(4096), Ok(()));
    assert_eq!(instance.set_attribute("max_capacity", "4096"), Ok(()));
    assert_eq!(device.resize(4097), Err(Errno::EINVAL));
}

/// Instances from `devices=N` are `mydevice`, `mydevice1`, … with data of their own.
#[test]
fn devices_makes_instances_that_share_nothing() {
    let module = Module::load(&["devices=3", "buffer_size=100"]);
    let instances = ["mydevice", "mydevice1", "mydevice2"].map(Instance::named);
    for (minor, instance) in instances.iter().enumerate() {
        let device = fs::read_to_string(instance.class_entry().join("dev")).unwrap();
        let major = mydevice_tests::module::major().unwrap();
        assert_eq!(device.trim(), format!("{major}:{minor}"));
        instance.writer().put(format!("for {minor}"));
    }
    assert_eq!(instances[1].set_attribute("capacity", "50"), Ok(()));
    assert_eq!(
        instances
            .each_ref()
            .map(|instance| instance.proc().buffer_size),
        [100, 50, 100]
    );
    for (minor, instance) in instances.iter().enumerate() {
        assert_eq!(instance.reader().take(100), format!("for {minor}"));
    }
    drop(module);
}

/// 256 of them are the most, and they all go.
#[test]
fn there_can_be_256_devices() {
    let module = Module::load(&["devices=256"]);
    let last = Instance::named("mydevice255");
    last.writer().put("last");
    assert_eq!(last.reader().take(100), "last");
    assert_eq!(last.proc().write_count, 1);
    module.unload();
}

/// The `/proc` entry has mode 0444, and root's `chmod` is honoured.
#[test]
fn the_proc_entry_can_be_hidden() {
    let module = Module::load(&[]);
    let file = module.instance().proc_file();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
        0o444
    );
    let as_nobody = format!(
        "setpriv --reuid=65534 --clear-groups cat {}",
        file.display()
    );
    assert_eq!(sh(&as_nobody), module.instance().proc_text());

    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(!try_sh(&as_nobody).status.success());
    assert!(module.instance().proc_text().starts_with("buffer_size: "));
}

/// A node can be used by its owner alone, until root says otherwise.
#[test]
fn a_node_is_roots_until_root_says_otherwise() {
    let module = Module::load(&[]);
    module.instance().writer().put("for all");
    let as_nobody = "setpriv --reuid=65534 --clear-groups head -c 7 /dev/mydevice";
    assert!(!try_sh(as_nobody).status.success());
    sh("chmod 0666 /dev/mydevice");
    assert_eq!(sh(as_nobody), "for all");
}
