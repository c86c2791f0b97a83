// SPDX-License-Identifier: GPL-2.0

//! L2, L3, L7 and L9: what a module says of itself, loading, unloading, and when it cannot be unloaded.

use std::{fs, path::Path};

use mydevice_tests::{
    Module,
    guest::{Process, entries, sh, try_sh},
    instance::DISCIPLINES,
    klog::level,
    module::file,
};
use nix::errno::Errno;

use super::MODULES;

/// `modinfo` names every discipline in the text of its parameter, which is written by hand.
#[test]
fn l2_modinfo_names_every_discipline() {
    let shown = sh(&format!("modinfo -F parm {}", file("mydevice").display()));
    let [first @ .., last] = DISCIPLINES;
    let list = format!(": {} or {last} (default {})", first.join(", "), first[0]);
    assert!(shown.contains(&list), "no {list:?} in\n{shown}");
}

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

/// Prints the first four uevents of the class.
const UEVENT_LISTENER: &str = r"
import socket
NETLINK_KOBJECT_UEVENT = 15
events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_KOBJECT_UEVENT)
events.bind((0, 1))
events.settimeout(60)
print('listening', flush=True)
seen = []
while len(seen) < 4:
    event = events.recv(8192).decode().split('\0')
    if 'SUBSYSTEM=mydevice_class' in event:
        assert any(line.startswith('DEVNAME=mydevice') for line in event), event
        seen.append(event[0])
print(*sorted(seen), sep='\n')
";

/// Node, class entry, `/proc` entry and uevents appear and go together.
#[test]
fn uevents_tell_of_each_instance() {
    let mut listener = Process::start("python3", &["-c", UEVENT_LISTENER]);
    let rest = listener.said("listening");
    Module::load(&["devices=2"]).unload();
    let expected = ["add", "remove"].map(|action| {
        ["mydevice", "mydevice1"]
            .map(|name| format!("{action}@/devices/virtual/mydevice_class/{name}\n"))
    });
    assert_eq!(
        std::io::read_to_string(rest).unwrap(),
        expected.concat().concat()
    );
    assert!(listener.join().status.success());
}

/// Neither module taints the kernel as proprietary: out of tree, unsigned loading sets O and E and no other.
#[test]
fn a_module_taints_as_out_of_tree_and_unsigned_and_no_more() {
    // A kernel that was built to look at no signatures misses none: there O alone is right.
    let looks_at_signatures = Path::new("/sys/module/module/parameters/sig_enforce").exists();
    let expected = if looks_at_signatures { "OE" } else { "O" };
    for module in MODULES {
        let _loaded = Module::try_load(module, &[]).unwrap();
        let taint = fs::read_to_string(format!("/sys/module/{module}/taint")).unwrap();
        assert_eq!(taint.trim(), expected, "{module}");
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
