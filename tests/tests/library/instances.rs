// SPDX-License-Identifier: GPL-2.0

//! Finding, listing, adding and removing, and the attributes.

use std::io::Read;

use mydevice::{Add, Attribute, Device, Discipline, Instance, OnEmpty};
use mydevice_tests::{Module, Sleeper, guest::sh, signals};
use nix::errno::Errno;

use crate::devices::errno;

fn names() -> Vec<String> {
    let all = Instance::all().unwrap();
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn a_list_has_every_instance_once() {
    let module = Module::load(&["devices=11"]);
    Add::new("in").split(true).add().unwrap();
    Add::new("x_w").add().unwrap();
    let mut expected = vec!["mydevice".to_owned()];
    expected.extend((1..11).map(|n| format!("mydevice{n}")));
    expected.extend(["mydevice-in", "mydevice-x_w"].map(str::to_owned));
    assert_eq!(names(), expected);
    module.unload();
    assert_eq!(errno(Instance::all()), Errno::ENOENT);
    assert_eq!(errno(Add::new("jobs").add()), Errno::ENOENT);
}

#[test]
fn an_instance_is_found_by_each_of_its_names() {
    let _module = Module::load(&[]);
    Add::new("jobs").add().unwrap();
    Add::new("in").split(true).add().unwrap();
    Add::new("x_w").add().unwrap();
    sh("ln -sf /dev/mydevice-jobs /tmp/link; ln -sf /dev/mydevice-in_r /tmp/reading");
    for (target, name) in [
        ("mydevice", "mydevice"),
        ("/dev/mydevice", "mydevice"),
        ("jobs", "mydevice-jobs"),
        ("mydevice-jobs", "mydevice-jobs"),
        ("/dev/mydevice-jobs", "mydevice-jobs"),
        ("/tmp/link", "mydevice-jobs"),
        ("in", "mydevice-in"),
        ("in_w", "mydevice-in"),
        ("/dev/mydevice-in_w", "mydevice-in"),
        ("/tmp/reading", "mydevice-in"),
        ("x_w", "mydevice-x_w"),
        ("/dev/mydevice-x_w", "mydevice-x_w"),
    ] {
        let found = Instance::find(target);
        assert_eq!(found.expect(target).name(), name, "{target}");
    }
    for target in ["nothing", "/dev/null", "/tmp", "x", ""] {
        assert_eq!(errno(Instance::find(target)), Errno::ENODEV, "{target:?}");
    }
    assert_eq!(errno(Instance::find("/dev/nothing")), Errno::ENOENT);
    sh("rm /tmp/link /tmp/reading");
}

#[test]
fn nodes_are_one_or_two() {
    let _module = Module::load(&[]);
    let split = Add::new("in").split(true).add().unwrap();
    for (instance, nodes) in [
        (Instance::find("mydevice").unwrap(), vec!["/dev/mydevice"]),
        (split, vec!["/dev/mydevice-in_w", "/dev/mydevice-in_r"]),
    ] {
        let found: Vec<_> = instance.nodes();
        assert_eq!(
            found,
            nodes
                .iter()
                .map(Into::into)
                .collect::<Vec<std::path::PathBuf>>()
        );
        assert!(found.iter().all(|node| node.exists()));
    }
}

#[test]
fn attributes_are_read_and_set() {
    let _module = Module::load(&[]);
    let instance = Instance::find("mydevice").unwrap();
    assert_eq!(instance.capacity().unwrap(), 4096);
    assert_eq!(instance.max_capacity().unwrap(), 1 << 20);
    assert_eq!(instance.on_empty().unwrap(), OnEmpty::Block);
    for (attribute, value) in [
        (Attribute::Discipline, "stack"),
        (Attribute::Capacity, "100"),
        (Attribute::MaxCapacity, "1000"),
        (Attribute::OnEmpty, "hangup"),
        (Attribute::ReadTimeoutMs, "7"),
    ] {
        assert!(attribute.is_writable());
        instance.set_attribute(attribute, value).unwrap();
        assert_eq!(instance.attribute(attribute).unwrap(), value);
    }
    assert_eq!(instance.discipline().unwrap(), Discipline::Stack);
    assert_eq!(instance.read_timeout_ms().unwrap(), 7);
    assert_eq!(
        (
            instance.bytes_used().unwrap(),
            instance.high_water().unwrap()
        ),
        (0, 0)
    );

    for value in ["0", "1001", "many", ""] {
        let set = instance.set_attribute(Attribute::Capacity, value);
        assert_eq!(errno(set), Errno::EINVAL, "{value:?}");
    }
    let _open = Device::open("mydevice").unwrap();
    let reader = Device::reader("mydevice").unwrap();
    assert_eq!(
        (instance.readers().unwrap(), instance.writers().unwrap()),
        (2, 1)
    );
    let waiting = || {
        (
            instance.waiting_readers().unwrap(),
            instance.waiting_writers().unwrap(),
        )
    };
    assert_eq!(waiting(), (0, 0));
    instance
        .set_attribute(Attribute::ReadTimeoutMs, "0")
        .unwrap();
    let sleeper = Sleeper::asleep_in(libc::SYS_read, move || (&reader).read(&mut [0; 10]));
    assert_eq!(waiting(), (1, 0));
    sleeper.signal(signals::INTERRUPTING);
    assert!(sleeper.join().is_err());
    assert_eq!(waiting(), (0, 0));
    let set = instance.set_attribute(Attribute::Discipline, Discipline::Log);
    assert_eq!(errno(set), Errno::EBUSY);
}

#[test]
fn adding_and_removing_say_what_echo_would_be_told() {
    let _module = Module::load(&[]);
    for name in ["", "Jobs", "mydevice-jobs", "a/b", "grün"] {
        assert_eq!(errno(Add::new(name).add()), Errno::EINVAL, "{name:?}");
    }
    // What a command cannot say.
    for name in ["a b", "a\n", "a discipline=heap", "a\tdiscipline=log"] {
        let error = Add::new(name).add().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
    assert_eq!(errno(Add::new("a").capacity(0).add()), Errno::EINVAL);
    assert_eq!(names(), ["mydevice"]);
    let jobs = Add::new("jobs").add().unwrap();
    assert_eq!(errno(Add::new("jobs").add()), Errno::EEXIST);
    jobs.remove().unwrap();
    assert_eq!(errno(jobs.remove()), Errno::ENODEV);
    assert_eq!(errno(jobs.figures()), Errno::ENOENT);
}
