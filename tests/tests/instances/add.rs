// SPDX-License-Identifier: GPL-2.0

//! `add` and `remove`: names, keys and values, and what is refused.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use mydevice_tests::{
    Instance, Module,
    guest::{entries, sh, try_sh, write_once},
    instance::CLASS,
};
use nix::errno::Errno;

fn command(file: &str, text: &str) -> nix::Result<()> {
    write_once(&PathBuf::from(CLASS).join(file), text)
}

/// Every name that there is of the driver's.
fn world() -> Vec<Vec<String>> {
    let ours = |folder| {
        let names = entries(folder).into_iter();
        names.filter(|name| name.starts_with("mydevice")).collect()
    };
    ["/dev", "/proc", CLASS].map(ours).into()
}

/// `echo 'jobs discipline=buffer capacity=65536' > …/add` makes `/dev/mydevice-jobs`, class entry and `/proc`
/// entry; `echo jobs > …/remove` takes them away.
#[test]
fn echo_adds_and_removes_an_instance() {
    let _module = Module::load(&[]);
    let before = world();
    sh("echo 'jobs discipline=buffer capacity=65536' > /sys/class/mydevice_class/add");
    let jobs = Instance::named("mydevice-jobs");
    assert_eq!(
        jobs.names(),
        [jobs.node(), jobs.class_entry(), jobs.proc_file()]
    );
    assert_eq!(
        fs::metadata(jobs.node()).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(
        (jobs.proc().discipline, jobs.proc().buffer_size),
        ("buffer".into(), 65536)
    );
    sh("echo text > /dev/mydevice-jobs");
    assert_eq!(sh("cat /dev/mydevice-jobs"), "text\n");

    sh("echo jobs > /sys/class/mydevice_class/remove");
    assert_eq!(world(), before);
}

/// Both files have mode 0200: root alone may write, and nobody reads.
#[test]
fn the_command_files_are_for_root_to_write() {
    let _module = Module::load(&[]);
    for file in ["add", "remove"] {
        let path = format!("{CLASS}/{file}");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o200,
            "{path}"
        );
        assert!(fs::read(&path).is_err());
        let as_nobody = format!("setpriv --reuid=65534 --clear-groups bash -c 'echo x > {path}'");
        assert!(!try_sh(&as_nobody).status.success());
    }
}

/// A name is 1 to 32 of `a-z 0-9 _ -`, not beginning with `mydevice`.
#[test]
fn good_names_are_taken() {
    let module = Module::load(&[]);
    let longest = "a".repeat(32);
    for name in [
        "a",
        "0",
        "_",
        "-",
        "a-b_c-9",
        "x_w",
        "x_r",
        "mydevic",
        "amydevice",
        &longest,
    ] {
        let instance = Instance::add(name);
        assert_eq!(instance.name(), format!("mydevice-{name}"));
        instance.both().put("x");
        let uevent = fs::read_to_string(instance.class_entry().join("uevent")).unwrap();
        assert!(
            uevent.contains(&format!("DEVNAME=mydevice-{name}\n")),
            "{uevent}"
        );
    }
    // Removed by unloading.
    module.unload();
}

/// A bad name, key or value: EINVAL, and nothing changes.
#[test]
fn what_is_not_understood_is_refused() {
    let module = Module::load(&[]);
    let before = world();
    let too_long = "a".repeat(33);
    let names = [
        "",
        " ",
        "A",
        "a.b",
        "a/b",
        "..",
        "mydevice",
        "mydevice-a",
        "mydevice1",
        "ä",
        "a\0b",
        &too_long,
    ];
    for name in names {
        assert_eq!(
            command("add", &format!("{name}\n")),
            Err(Errno::EINVAL),
            "add {name:?}"
        );
    }
    for rest in [
        "discipline",
        "discipline=",
        "discipline=queue",
        "discipline=STREAM",
        "size=5",
        "capacity=",
        "capacity=0",
        "capacity=-1",
        "capacity=5k",
        "capacity=1048577",
        "capacity=99999999999999999999",
        "capacity=100 capacity=100",
        "max_capacity=0",
        "discipline=log capacity=0",
        "discipline=log max_capacity=0",
        "discipline=spool capacity=0",
        "discipline=stack capacity=0",
        "discipline=stack max_capacity=0",
        "max_capacity=2147483648",
        "max_capacity=100 capacity=101",
        "on_empty=",
        "on_empty=wait",
        "on_empty=eof on_empty=eof",
        "read_timeout_ms=-1",
        "read_timeout_ms=1s",
        "read_timeout_ms=4294967296",
        "split=2",
        "split=maybe",
        "split=",
        "split=10",
        "split=0x1",
        "split=nonsense",
        "split=1 split=1",
        "Discipline=stream",
        "=stream",
        "other",
    ] {
        assert_eq!(
            command("add", &format!("victim {rest}\n")),
            Err(Errno::EINVAL),
            "{rest:?}"
        );
    }
    for name in ["", "A", "a b", &too_long, "mydevice-a"] {
        assert_eq!(
            command("remove", &format!("{name}\n")),
            Err(Errno::EINVAL),
            "remove {name:?}"
        );
    }
    assert_eq!(world(), before);
    // As root alone can ask, and is told by the error, the log stays as it is.
    module.unload();
}

/// One command a write, of 255 bytes at most; one trailing newline is dropped.
#[test]
fn one_command_a_write() {
    let _module = Module::load(&[]);
    let before = world();
    for two in ["a\nb", "a\nb\n", "a\n\n", "\na"] {
        assert_eq!(command("add", two), Err(Errno::EINVAL), "{two:?}");
    }
    assert_eq!(world(), before);
    Instance::add("a\n").remove().unwrap();
    assert_eq!(command("remove", "a\n\n"), Err(Errno::EINVAL));

    // Blanks make a command long without changing it.
    let padded = |len: usize| format!("{:<1$}", "long capacity=100", len - 1) + " ";
    assert_eq!(command("add", &padded(256)), Err(Errno::EINVAL));
    assert_eq!(command("add", &padded(5000)[..4000]), Err(Errno::EINVAL));
    assert_eq!(world(), before);
    assert_eq!(command("add", &padded(255)), Ok(()));
    assert_eq!(Instance::named("mydevice-long").proc().buffer_size, 100);
}

/// Each key does what it says.
#[test]
fn each_key_is_honoured() {
    let _module = Module::load(&["buffer_size=300"]);
    let all =
        "all discipline=buffer capacity=100 max_capacity=5000000 on_empty=hangup read_timeout_ms=7";
    let cases = [
        ("plain", ["stream", "300", "1048576", "block", "0"]),
        (
            "d discipline=buffer",
            ["buffer", "300", "1048576", "eof", "0"],
        ),
        ("l discipline=log", ["log", "300", "1048576", "block", "0"]),
        (
            "p discipline=spool",
            ["spool", "409600000", "409600000", "block", "0"],
        ),
        (
            "s discipline=stack",
            ["stack", "1", "2147483647", "eof", "0"],
        ),
        (
            "c capacity=1048576",
            ["stream", "1048576", "1048576", "block", "0"],
        ),
        ("m max_capacity=300", ["stream", "300", "300", "block", "0"]),
        ("e on_empty=eof", ["stream", "300", "1048576", "eof", "0"]),
        (
            "t read_timeout_ms=4294967295",
            ["stream", "300", "1048576", "block", "4294967295"],
        ),
        (all, ["buffer", "100", "5000000", "hangup", "7"]),
    ];
    for (text, expected) in cases {
        let instance = Instance::add(text);
        let attributes = [
            "discipline",
            "capacity",
            "max_capacity",
            "on_empty",
            "read_timeout_ms",
        ];
        assert_eq!(
            attributes.map(|name| instance.attribute(name)),
            expected,
            "{text}"
        );
    }
}

/// `buffer_size` and `discipline` are for instances made from now on.
#[test]
fn the_parameters_are_for_instances_made_from_now_on() {
    let module = Module::load(&[]);
    assert_eq!(module.set_parameter("buffer_size", "500"), Ok(()));
    assert_eq!(module.set_parameter("discipline", "log"), Ok(()));
    let new = Instance::add("new").proc();
    assert_eq!((new.discipline.as_str(), new.buffer_size), ("log", 500));
    let old = module.instance().proc();
    assert_eq!((old.discipline.as_str(), old.buffer_size), ("stream", 4096));
}

/// A name that is taken: EEXIST; an unknown one: ENODEV; and nothing changes.
#[test]
fn taken_and_unknown_names() {
    let _module = Module::load(&["devices=2"]);
    Instance::add("a capacity=100").writer().put("kept");
    let before = world();
    assert_eq!(command("add", "a capacity=200"), Err(Errno::EEXIST));
    for unknown in ["b", "mydevice2", "a_w", "1"] {
        assert_eq!(command("remove", unknown), Err(Errno::ENODEV), "{unknown}");
    }
    assert_eq!(world(), before);
    assert_eq!(Instance::named("mydevice-a").reader().take(10), "kept");
    assert_eq!(
        (command("remove", "a"), command("remove", "a")),
        (Ok(()), Err(Errno::ENODEV))
    );
}

/// The capacity of a spool starts at its `max_capacity`, also at one that is more than the default. (The model
/// found that.)
#[test]
fn a_spool_starts_with_all_it_may_have() {
    let _module = Module::load(&[]);
    for most in [10, 409600000, 409600001, 2147483647] {
        let spool = Instance::add(&format!("s discipline=spool max_capacity={most}"));
        assert_eq!(spool.proc().buffer_size, most);
        assert_eq!(spool.remove(), Ok(()));
    }
    let log = Instance::add("l discipline=log max_capacity=2147483647");
    assert_eq!(log.proc().buffer_size, 4096);
}
