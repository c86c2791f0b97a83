// SPDX-License-Identifier: GPL-2.0

//! C7 and C9 to C11: STATUS, STATS and `/proc`.

use std::path::Path;

use mydevice_tests::{Module, guest::sh};
use mydevice_uapi::ioctl::Status;

/// STATUS after 5 reads and 3 writes.
#[test]
fn c7_status_counts() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let other = module.instance().reader();
    for _ in 0..3 {
        device.put("1234567890");
    }
    for _ in 0..5 {
        assert_eq!(other.take(4).len(), 4);
    }
    let expected = Status {
        buffer_size: 4096,
        bytes_used: 10,
        open_count: 2,
        read_count: 5,
        write_count: 3,
        _reserved: 0,
    };
    assert_eq!(device.status(), expected);
    assert_eq!(other.status(), expected);

    let stats = device.stats();
    assert_eq!(
        (
            stats.bytes_written,
            stats.bytes_read,
            stats.writes,
            stats.reads
        ),
        (30, 20, 3, 5)
    );
    assert_eq!(
        (
            stats.bytes_truncated,
            stats.bytes_cleared,
            stats.bytes_evicted,
            stats.bytes_missed
        ),
        (0, 0, 0, 0)
    );
    assert_eq!((stats.high_water, stats._spare), (30, [0; 5]));
}

/// `/proc` shows every field, twice alike, equal to STATUS and STATS.
#[test]
fn c9_proc_shows_what_status_says() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}"), "buffer_size=100"]);
        let device = module.instance().both();
        device.put("1234567890");
        assert_eq!(device.take(4), "1234");

        let text = module.instance().proc_text();
        assert_eq!(text, module.instance().proc_text(), "twice alike");
        assert_eq!(
            text,
            sh("dd if=/proc/mydevice bs=1 status=none"),
            "byte by byte"
        );
        let used = if discipline == "stream" { 6 } else { 10 };
        assert_eq!(
            text,
            format!(
                "buffer_size: 100\nbytes_used: {used}\nopen_count: 1\nread_count: 1\nwrite_count: 1\n\
                 bytes_read: 4\nbytes_written: 10\ndiscipline: {discipline}\n"
            )
        );

        let (proc, status, stats) = (module.instance().proc(), device.status(), device.stats());
        assert_eq!(
            [
                proc.buffer_size,
                proc.bytes_used,
                proc.open_count,
                proc.read_count,
                proc.write_count
            ],
            [
                status.buffer_size,
                status.bytes_used,
                status.open_count,
                status.read_count,
                status.write_count
            ]
            .map(u64::from)
        );
        assert_eq!(
            [proc.bytes_read, proc.bytes_written],
            [stats.bytes_read, stats.bytes_written]
        );
    }
}

/// The `/proc` entry goes at unload.
#[test]
fn c10_the_proc_entry_goes_at_unload() {
    let module = Module::load(&[]);
    assert!(Path::new("/proc/mydevice").exists());
    module.unload();
    assert!(!Path::new("/proc/mydevice").exists());
}

/// After close: `open_count` 0, the other counters stay.
#[test]
fn c11_the_counters_survive_close() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("1234567890");
    assert_eq!(device.take(4), "1234");
    let before = module.instance().proc();
    assert_eq!(before.open_count, 1);
    // A dup'ed descriptor is the same open.
    let other_descriptor = nix::unistd::dup(&device).unwrap();
    drop(device);
    assert_eq!(module.instance().proc(), before);

    drop(other_descriptor);
    let mut after = before;
    after.open_count = 0;
    assert_eq!(module.instance().proc(), after);
    assert_eq!(module.instance().reader().status().open_count, 1);
}
