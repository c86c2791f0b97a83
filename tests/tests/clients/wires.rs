// SPDX-License-Identifier: GPL-2.0

//! `socat`, and `splice` between pipes and devices.

use mydevice_tests::{
    Device, Instance, Module,
    guest::{Process, sh},
    instance::DISCIPLINES,
};
use nix::{
    fcntl::{SpliceFFlags, splice},
    unistd,
};

/// `socat` carries a file into a stream and out of it.
#[test]
fn socat_carries_a_file() {
    let module = Module::load(&[]);
    assert_eq!(
        module.instance().set_attribute("on_empty", "hangup"),
        Ok(())
    );
    let folder = tempfile::tempdir().unwrap();
    sh(&format!(
        "cd {}; seq 40000 > job; socat -u OPEN:/dev/mydevice,rdonly CREATE:got & \
         socat -u OPEN:job,rdonly OPEN:/dev/mydevice,wronly; wait; cmp job got",
        folder.path().display()
    ));
}

/// `socat` puts a socket in front of two devices: what is sent comes back through both.
#[test]
fn socat_serves_devices_on_a_socket() {
    let _module = Module::load(&["devices=2"]);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket").display().to_string();
    let server = Process::start(
        "socat",
        &[
            &format!("UNIX-LISTEN:{socket}"),
            "OPEN:/dev/mydevice1,rdonly!!OPEN:/dev/mydevice,wronly",
        ],
    );
    mydevice_tests::eventually("it listens", || std::path::Path::new(&socket).exists());
    let client = Process::start(
        "bash",
        &[
            "-c",
            &format!("(echo question; sleep 1000) | socat - UNIX-CONNECT:{socket}"),
        ],
    );
    let first = Instance::named("mydevice").reader();
    assert_eq!(first.take(100), "question\n");
    Instance::named("mydevice1").writer().put("answer\n");
    let mut client = client;
    client.said("answer");
    sh(&format!("pkill -P {}; true", client.pid()));
    drop((client, server));
}

fn splice_all(from: &impl std::os::fd::AsFd, to: &impl std::os::fd::AsFd, len: usize) {
    let mut moved = 0;
    while moved < len {
        let n = splice_some(from, to, len - moved);
        assert!(n > 0, "0 after {moved} of {len} bytes");
        moved += n;
    }
}

/// Each call of the write handler is one record, so with `splice` the boundaries are the pipe's: what one call finds in
/// it, cut where the caller says. Out of a device, each call takes one record.
#[test]
fn each_splice_is_a_record() {
    let _module = Module::load(&[]);
    for discipline in ["log", "stack"] {
        let instance = Instance::add(&format!("one discipline={discipline} capacity=100000"));
        let device = instance.both();
        let (from, to) = unistd::pipe().unwrap();
        let records = ["one", "two", "three and four", "fi", "ve"];
        // Into the pipe in these pieces, and out of it by calls of this length.
        for (pieces, lens) in [
            (&["one"][..], &[100][..]),
            (&["two"], &[3]),
            (&["three", " and ", "four"], &[100]),
            (&["five"], &[2, 2]),
        ] {
            for piece in pieces {
                unistd::write(&to, piece.as_bytes()).unwrap();
            }
            for len in lens {
                splice_some(&from, &device, *len);
            }
        }
        assert_eq!(device.status().write_count, 5, "{discipline}");
        let mut got: Vec<_> = records
            .iter()
            .map(|_| {
                let n = splice_some(&device, &to, 1000);
                let mut record = [0; 100];
                assert_eq!(unistd::read(&from, &mut record), Ok(n));
                String::from_utf8_lossy(&record[..n]).into_owned()
            })
            .collect();
        if discipline == "stack" {
            got.reverse();
        }
        assert_eq!(got, records, "{discipline}");
        assert_eq!(device.status().read_count, 5, "{discipline}");
        drop(device);
        assert_eq!(instance.remove(), Ok(()));
    }
}

fn splice_some(from: &impl std::os::fd::AsFd, to: &impl std::os::fd::AsFd, len: usize) -> usize {
    splice(from, None, to, None, len, SpliceFFlags::empty()).expect("splice")
}

/// `splice` from a pipe into a device of every discipline, and from there into a pipe.
#[test]
fn splice_goes_through_every_discipline() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!("one discipline={discipline}"));
        let [(in_out, in_in), (out_out, out_in)] = [(); 2].map(|()| unistd::pipe().unwrap());
        let device: Device = instance.both();
        unistd::write(&in_in, b"spliced").unwrap();
        splice_all(&in_out, &device, 7);
        assert_eq!(instance.attribute("bytes_used"), "7");
        splice_all(&device, &out_in, 7);
        let mut got = [0; 10];
        assert_eq!(
            (unistd::read(&out_out, &mut got), &got[..7]),
            (Ok(7), &b"spliced"[..]),
            "{discipline}"
        );
        drop(device);
        assert_eq!(instance.remove(), Ok(()));
    }
}
