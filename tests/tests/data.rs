// SPDX-License-Identifier: GPL-2.0

//! D1 to D12: the names appear, and data goes in and comes out.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
};

use mydevice_tests::{
    Module,
    guest::{entries, sh},
    instance::DISCIPLINES,
    klog::level,
    memory::Fence,
    module::major,
};
use nix::{errno::Errno, sys::stat};

/// A log line with the major.
#[test]
fn d1_the_log_tells_the_major() {
    let module = Module::load(&[]);
    let line = format!(
        "mydevice: registered major={} minor=0",
        major().expect("a major in /proc/devices")
    );
    let log = module.own_log();
    assert_eq!(
        log.iter().filter(|record| record.text == line).count(),
        1,
        "{log:#?}"
    );
}

/// `/proc/devices` lists `mydevice`, among the character devices.
#[test]
fn d2_proc_devices_lists_the_driver() {
    let _module = Module::load(&[]);
    let devices = fs::read_to_string("/proc/devices").unwrap();
    let (characters, _) = devices
        .split_once("Block devices:")
        .expect("both parts of /proc/devices");
    assert!(
        characters.lines().any(|line| line.ends_with(" mydevice")),
        "{characters}"
    );
}

/// The node is made without `mknod`: a character special file, mode 0600, owner root.
#[test]
fn d3_the_node_is_there_with_mode_0600() {
    let module = Module::load(&[]);
    let metadata = fs::metadata(module.instance().node()).unwrap();
    assert!(metadata.file_type().is_char_device());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    assert_eq!(
        (stat::major(metadata.rdev()), stat::minor(metadata.rdev())),
        (major().unwrap(), 0)
    );
}

/// `/sys/class/mydevice_class/<name>/` is there, with the number of the node.
#[test]
fn d4_the_class_has_an_entry() {
    let module = Module::load(&[]);
    let entry = module.instance().class_entry();
    assert_eq!(
        fs::read_to_string(entry.join("dev")).unwrap().trim(),
        format!("{}:0", major().unwrap())
    );
    let uevent = fs::read_to_string(entry.join("uevent")).unwrap();
    assert!(
        uevent.lines().any(|line| line == "DEVNAME=mydevice"),
        "{uevent}"
    );
}

/// `echo hello > /dev/mydevice`, then a read gives `hello`.
#[test]
fn d5_what_is_echoed_in_is_read() {
    let _module = Module::load(&[]);
    sh("echo hello > /dev/mydevice");
    assert_eq!(sh("head -n 1 /dev/mydevice"), "hello\n");
}

/// In `buffer`, `cat` prints it and ends, and a second `cat` prints it again.
#[test]
fn d6_in_buffer_cat_prints_it_twice() {
    let _module = Module::load_buffer();
    sh("echo hello > /dev/mydevice");
    assert_eq!(sh("cat /dev/mydevice"), "hello\n");
    assert_eq!(sh("cat /dev/mydevice"), "hello\n");
}

/// With `verbose=1`, the kernel log shows the open count go up and down for each `tee` and `cat`.
#[test]
fn d7_verbose_shows_the_open_count() {
    let module = Module::load(&["discipline=buffer", "verbose=1"]);
    sh("echo hello | tee /dev/mydevice && cat /dev/mydevice && cat /dev/mydevice");

    let counts: Vec<_> = module
        .own_log()
        .into_iter()
        .filter(|record| record.text.contains("count now"))
        .map(|record| {
            assert_eq!(record.level, level::INFO, "{record:?}");
            let what = record
                .text
                .split(" (count now ")
                .next()
                .unwrap()
                .rsplit(' ')
                .next()
                .unwrap();
            let count = record
                .text
                .split(" (count now ")
                .nth(1)
                .unwrap()
                .trim_end_matches(')');
            format!("{what} {count}")
        })
        .collect();
    assert_eq!(counts, ["open 1", "release 0"].repeat(3));
}

/// A wild pointer gives EFAULT and the kernel is unharmed.
#[test]
fn d8_a_wild_pointer_gives_efault() {
    for discipline in DISCIPLINES {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let device = module.instance().both();
        let fence = Fence::new();
        let unmapped = fence.before(0);
        let wild = [
            std::ptr::null_mut(),
            8 as *mut u8,
            unmapped,
            0xffff_8880_0000_0000_u64 as *mut u8,
            !0 as *mut u8,
        ];

        for address in wild {
            assert_eq!(
                device.write_from_address(address, 100),
                Err(Errno::EFAULT),
                "write from {address:p}"
            );
        }
        assert_eq!(device.status().bytes_used, 0, "nothing came in");

        device.put("unharmed");
        for address in wild {
            assert_eq!(
                device.read_at_address(address, 100),
                Err(Errno::EFAULT),
                "read to {address:p}"
            );
        }
        assert_eq!(device.take(100), "unharmed", "nothing went out");
        assert_eq!(
            (device.status().read_count, device.status().write_count),
            (1, 1)
        );
    }
}

/// The node goes at unload, and so does the class.
#[test]
fn d9_the_node_goes_at_unload() {
    let module = Module::load(&["devices=3"]);
    let nodes = || {
        entries("/dev")
            .into_iter()
            .filter(|name| name.starts_with("mydevice"))
            .collect::<Vec<_>>()
    };
    assert_eq!(nodes(), ["mydevice", "mydevice1", "mydevice2"]);
    module.unload();
    assert_eq!(nodes(), Vec::<String>::new());
    assert!(!entries("/sys/class").contains(&"mydevice_class".to_owned()));
}

/// In `buffer`, 5000 bytes into 4096: 4096 taken, then ENOSPC.
#[test]
fn d10_a_full_buffer_takes_no_more() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    assert_eq!(device.write(&[b'x'; 5000]), Ok(4096));
    assert_eq!(device.write(b"x"), Err(Errno::ENOSPC));
    assert_eq!(device.read(5000), Ok(vec![b'x'; 4096]));
    assert_eq!(
        device.write(b"x"),
        Err(Errno::ENOSPC),
        "reading takes nothing out"
    );
}

/// In `buffer`, `dd bs=1 skip=4` of `12345678` gives `5678`.
#[test]
fn d11_dd_can_skip_in_a_buffer() {
    let _module = Module::load_buffer();
    sh("echo -n 12345678 > /dev/mydevice");
    assert_eq!(sh("dd if=/dev/mydevice bs=1 skip=4 status=none"), "5678");
}

/// In `buffer`, two opens have two positions; `pread` does not move one.
#[test]
fn d12_two_opens_of_a_buffer_have_two_positions() {
    let module = Module::load_buffer();
    module.instance().writer().put("12345678");
    let (one, other) = (module.instance().reader(), module.instance().reader());
    assert_eq!(one.take(3), "123");
    assert_eq!(other.take(2), "12");
    assert_eq!(one.take(3), "456");

    let mut buffer = [0; 4];
    assert_eq!(nix::sys::uio::pread(&one, &mut buffer, 2), Ok(4));
    assert_eq!(&buffer, b"3456");
    assert_eq!(one.take(3), "78");
    assert_eq!(other.take(100), "345678");
}
