// SPDX-License-Identifier: GPL-2.0

//! L2 to L9: the modules come, take parameters, and go. (L1, every warning an error, is the build's.)

use std::{fs, os::unix::fs::PermissionsExt};

use mydevice_tests::{
    Module,
    guest::{Process, entries, sh, try_sh},
    klog::level,
    module::{file, traces},
};
use nix::errno::Errno;

const MODULES: [&str; 2] = ["hello", "mydevice"];

/// `modinfo` shows license `GPL`, author, description, version and every `parm:` with its description and
/// type.
#[test]
fn l2_modinfo_shows_what_a_module_is() {
    for (module, parameters) in [
        ("hello", [("buffer_size", "int")].as_slice()),
        (
            "mydevice",
            &[
                ("buffer_size", "int"),
                ("devices", "uint"),
                ("discipline", "string"),
                ("verbose", "uint"),
            ],
        ),
    ] {
        let field = |field: &str| sh(&format!("modinfo -F {field} {}", file(module).display()));
        assert_eq!(field("license").trim(), "GPL", "{module}");
        for other in ["author", "description", "version"] {
            assert!(!field(other).trim().is_empty(), "{module} has no {other}");
        }
        assert_eq!(field("depends").trim(), "", "a plain insmod loads {module}");

        let shown = field("parm");
        for (parameter, kind) in parameters {
            // The kernel's own tool calls a string that it allocates charp.
            let kinds = [
                format!("({kind})"),
                format!("({})", if *kind == "string" { "charp" } else { kind }),
            ];
            let line = shown
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{parameter}:")));
            let line = line.unwrap_or_else(|| panic!("{module}: no {parameter} in\n{shown}"));
            let description = kinds
                .iter()
                .find_map(|kind| line.strip_suffix(kind.as_str()));
            let description = description
                .unwrap_or_else(|| panic!("{module}: {parameter} is no {kind}: {line:?}"));
            assert!(
                !description.trim().is_empty(),
                "{module}: {parameter} has no description"
            );
        }
    }
}

/// `insmod` loads it, `lsmod` lists it, and it says so in the log.
#[test]
fn l3_loads_by_insmod_and_is_listed() {
    for module in MODULES {
        let loaded = Module::load_by(module, |file| {
            sh(&format!("insmod {}", file.display()));
            Ok(())
        });
        let loaded = loaded.expect("insmod said that it was loaded");

        let listed = sh("lsmod");
        assert!(
            listed
                .lines()
                .any(|line| line.split(' ').next() == Some(module)),
            "{listed}"
        );
        let line = match module {
            "hello" => "hello: module loaded, buffer_size=4096".to_owned(),
            _ => format!(
                "mydevice: registered major={} minor=0",
                mydevice_tests::module::major().unwrap()
            ),
        };
        let log = loaded.own_log();
        assert!(
            log.iter()
                .any(|record| record.text == line && record.level == level::INFO),
            "{line:?} in {log:#?}"
        );
    }
}

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
        refused("mydevice", "discipline", value, &["stream", "buffer"]);
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

/// Unloading says so in the log and leaves nothing.
#[test]
fn l7_unloads_and_says_so() {
    for module in MODULES {
        let mut loaded = Module::try_load(module, &[]).unwrap();
        sh(&format!("rmmod {module} && ! lsmod | grep -w ^{module}"));
        let line = format!("{module}: module unloaded");
        let log = loaded.own_log();
        assert_eq!(
            log.iter().filter(|record| record.text == line).count(),
            1,
            "{log:#?}"
        );
        assert_eq!(loaded.try_unload(), Err(Errno::ENOENT));
        loaded.was_unloaded();
    }
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

/// `rmmod` with a file open fails as in use, and everything works on.
#[test]
fn l9_is_not_unloaded_while_a_file_is_open() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    in_use();

    device.put("still here");
    assert_eq!(device.take(100), "still here");
    assert!(entries("/dev").contains(&"mydevice".to_owned()));
}

/// The same with a process that sleeps in `poll`.
#[test]
fn l9_is_not_unloaded_while_a_file_is_polled() {
    let module = Module::load(&[]);
    let poller = Process::start(
        "python3",
        &[
            "-c",
            "import select, os\n\
             fd = os.open('/dev/mydevice', os.O_RDONLY)\n\
             poll = select.poll()\n\
             poll.register(fd, select.POLLIN)\n\
             print(poll.poll() == [(fd, select.POLLIN)], os.read(fd, 100))",
        ],
    );
    poller.asleep_in(libc::SYS_poll);
    in_use();

    poller.asleep_in(libc::SYS_poll);
    module.instance().writer().put("wake up");
    assert_eq!(
        String::from_utf8_lossy(&poller.join().stdout),
        "True b'wake up'\n"
    );
}

#[track_caller]
fn in_use() {
    let rmmod = try_sh("rmmod mydevice");
    let said = String::from_utf8_lossy(&rmmod.stderr);
    assert!(
        !rmmod.status.success() && said.contains("in use"),
        "rmmod: {} {said:?}",
        rmmod.status
    );
}

/// Neither module taints the kernel as proprietary: out of tree, unsigned loading sets O and E and no other.
#[test]
fn a_module_taints_as_out_of_tree_and_unsigned_and_no_more() {
    for module in MODULES {
        let _loaded = Module::try_load(module, &[]).unwrap();
        let taint = fs::read_to_string(format!("/sys/module/{module}/taint")).unwrap();
        assert_eq!(taint.trim(), "OE", "{module}");
    }
    let kernel: u64 = fs::read_to_string("/proc/sys/kernel/tainted")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(
        kernel & !(1 << 12 | 1 << 13 | 1 << 18),
        0,
        "taints other than O, E and a test kernel's N: {kernel}"
    );
}

/// Unload leaves no node, no `/proc` or sysfs entry, no memory: after 50 cycles (`MYDEVICE_LOAD_CYCLES` sets
/// another number) the kernel holds what it held before.
#[test]
fn a_thousand_loads_and_unloads_leave_nothing() {
    let cycles = std::env::var("MYDEVICE_LOAD_CYCLES")
        .map_or(50, |n| n.parse().expect("MYDEVICE_LOAD_CYCLES: a number"));
    let cycle = || {
        let module = Module::load(&["devices=4", "buffer_size=65536"]);
        let device = module.instance().both();
        device.put([b'x'; 65536]);
        drop(device);
    };
    // What is allocated once and kept, by whatever part of the kernel, is not ours to count.
    (0..5).for_each(|_| cycle());
    let before = kernel_memory();
    (0..cycles).for_each(|_| cycle());
    let after = kernel_memory();

    let grown = after.saturating_sub(before);
    println!("{cycles} cycles: {grown} KiB more than before");
    // A page lost in each cycle would be 4 KiB each; the rest of the kernel breathes by less than a MiB.
    assert!(
        grown < 1024 + 2 * cycles,
        "{grown} KiB are gone after {cycles} cycles"
    );
    for folder in [
        "/dev",
        "/proc",
        "/sys/class",
        "/sys/module",
        "/sys/kernel/debug",
    ] {
        let left: Vec<_> = entries(folder)
            .into_iter()
            .filter(|name| name.contains("mydevice"))
            .collect();
        assert!(left.is_empty(), "{left:?} in {folder}");
    }
}

/// KiB that the kernel has taken for itself and cannot give back.
fn kernel_memory() -> u64 {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").expect("dropping caches");
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    ["SUnreclaim:", "VmallocUsed:", "Percpu:"]
        .iter()
        .map(|key| {
            let line = meminfo
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_else(|| panic!("{key} in /proc/meminfo"));
            line.trim()
                .trim_end_matches(" kB")
                .parse::<u64>()
                .expect("a number of KiB")
        })
        .sum()
}
