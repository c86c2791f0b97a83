// SPDX-License-Identifier: GPL-2.0

//! `split`: one node per direction, so that producers may only put in and consumers only take out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mydevice_tests::{
    Device, Instance, Module,
    device::{READABLE, WRITABLE},
    guest::{entries, sh, try_sh},
    instance::{CLASS, DISCIPLINES},
    sleeping_read,
};
use nix::{errno::Errno, fcntl::OFlag, poll::PollFlags};

fn writer(instance: &Instance) -> Device {
    Device::open(&instance.write_node(), OFlag::O_WRONLY).expect("the node for writing")
}

fn reader(instance: &Instance) -> Device {
    Device::open(&instance.read_node(), OFlag::O_RDONLY).expect("the node for reading")
}

/// `<name>_w` can only be written, `<name>_r` only be read: opening one in any other mode gives EACCES, root
/// included.
#[test]
fn each_node_serves_one_direction() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let pair = Instance::add(&format!("pair split=1 discipline={discipline}"));
        for (node, ways) in [
            (pair.write_node(), [OFlag::O_RDONLY, OFlag::O_RDWR]),
            (pair.read_node(), [OFlag::O_WRONLY, OFlag::O_RDWR]),
        ] {
            for way in ways {
                let opened = Device::open(&node, way);
                assert_eq!(
                    opened.err(),
                    Some(Errno::EACCES),
                    "{} {way:?}",
                    node.display()
                );
            }
        }
        assert_eq!(pair.proc().open_count, 0, "what was refused is not open");
        let (writer, reader) = (writer(&pair), reader(&pair));
        assert_eq!(
            (writer.read(1), reader.write(b"x")),
            (Err(Errno::EBADF), Err(Errno::EBADF))
        );
        writer.put("through");
        assert_eq!(reader.take(100), "through", "{discipline}");
        assert_eq!(pair.remove(), Ok(()));
    }
}

/// `/proc/<name>` and the attributes keep the plain name; nodes, their class entries and uevents have the
/// suffix.
#[test]
fn proc_and_attributes_keep_the_plain_name() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1 capacity=100");
    assert!(!pair.node().exists(), "there is no node for both");
    assert_eq!(pair.attribute("capacity"), "100");
    assert_eq!(pair.set_attribute("capacity", "200"), Ok(()));
    let _writer = writer(&pair);
    assert_eq!((pair.proc().buffer_size, pair.proc().open_count), (200, 1));
    for suffix in ["_w", "_r"] {
        let entry = Path::new(CLASS).join(format!("mydevice-pair{suffix}"));
        assert!(entry.join("dev").exists());
        assert!(
            !entry.join("capacity").exists(),
            "the attributes are in one place"
        );
        assert!(
            !Path::new("/proc")
                .join(format!("mydevice-pair{suffix}"))
                .exists()
        );
    }
    assert_eq!(pair.remove(), Ok(()));
    assert_eq!(pair.names(), Vec::<PathBuf>::new());
}

/// The parameter `split`: instances made at load have one node per direction.
#[test]
fn the_parameter_splits_what_is_made_at_load() {
    let module = Module::load(&["devices=2", "split=Y"]);
    assert_eq!(module.parameter("split"), "Y");
    let nodes: Vec<_> = entries("/dev")
        .into_iter()
        .filter(|name| name.starts_with("mydevice"))
        .collect();
    assert_eq!(
        nodes,
        ["mydevice1_r", "mydevice1_w", "mydevice_r", "mydevice_w"]
    );
    let (first, second) = (Instance::named("mydevice"), Instance::named("mydevice1"));
    let sleeper = sleeping_read(&reader(&first), 100);
    writer(&second).put("for the second");
    writer(&first).put("for the first");
    assert_eq!(sleeper.join(), Ok(b"for the first".to_vec()));
    assert_eq!(reader(&second).take(100), "for the second");

    // It says nothing about what is added.
    assert!(Instance::add("both").node().exists());
    module.unload();
}

/// A name that is taken, `x_w` beside a split `x` included: EEXIST, whichever is first.
#[test]
fn the_names_of_both_nodes_are_taken() {
    let _module = Module::load(&[]);
    let pair = Instance::add("x split=1");
    for taken in ["x", "x split=1", "x_w", "x_r", "x_r split=1"] {
        assert_eq!(
            Instance::try_add(taken).err(),
            Some(Errno::EEXIST),
            "{taken}"
        );
    }
    assert_eq!(
        Instance::named("mydevice-x_w").remove(),
        Err(Errno::ENODEV),
        "that is half of one"
    );
    assert_eq!(pair.remove(), Ok(()));

    for name in ["x_w", "x_r"] {
        let plain = Instance::add(name);
        assert_eq!(
            Instance::try_add("x split=1").err(),
            Some(Errno::EEXIST),
            "beside {name}"
        );
        let there = Instance::named("mydevice-x").names().len();
        assert_eq!(
            there, 3,
            "node, class entry and /proc entry of {name} alone"
        );
        // One that is not split has no nodes of such names.
        assert_eq!(Instance::add("x").remove(), Ok(()));
        assert_eq!(plain.remove(), Ok(()));
    }
    assert_eq!(
        Instance::add("x split=1").remove(),
        Ok(()),
        "all names are free again"
    );
}

/// CLEAR and RESIZE need CAP_SYS_ADMIN on a split instance (EPERM), since a producer must not take out. They
/// still need a file open for writing (EBADF, first).
#[test]
fn a_producer_may_not_clear_or_resize() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1 capacity=100");
    let writer = writer(&pair);
    writer.put("kept");
    assert_eq!(
        (reader(&pair).clear(), reader(&pair).resize(10)),
        (Err(Errno::EBADF), Err(Errno::EBADF))
    );

    sh("chmod 0222 /dev/mydevice-pair_w; chmod 0444 /dev/mydevice-pair_r");
    let attempts = "import errno, fcntl, os, struct\n\
        fd = os.open('/dev/mydevice-pair_w', os.O_WRONLY)\n\
        for command, argument in ((0x4d00, 0), (0x40044d01, struct.pack('I', 10)), (0x40044d01, 0)):\n \
        try: fcntl.ioctl(fd, command, argument)\n \
        except OSError as error: print(errno.errorcode[error.errno])\n \
        else: print('done')";
    let as_producer = format!("setpriv --reuid=65534 --clear-groups python3 -c \"{attempts}\"");
    // The third has a bad argument, which is looked at later.
    assert_eq!(sh(&as_producer), "EPERM\nEPERM\nEPERM\n");
    assert_eq!((pair.proc().bytes_used, pair.proc().buffer_size), (4, 100));
    assert_eq!(
        (writer.resize(50), writer.clear()),
        (Ok(()), Ok(())),
        "root may"
    );

    // Where there is one node for both directions, who may write may do it.
    let both = Instance::add("both");
    both.writer().put("dropped");
    sh("chmod 0222 /dev/mydevice-both");
    let as_writer = as_producer.replace("mydevice-pair_w", "mydevice-both");
    assert_eq!(sh(&as_writer), "done\ndone\nEFAULT\n");
}

/// Each direction's permission is set by itself.
#[test]
fn producers_and_consumers_have_their_own_permissions() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1");
    let as_nobody = |command: &str| {
        try_sh(&format!(
            "setpriv --reuid=65534 --clear-groups bash -c '{command}'"
        ))
        .status
        .success()
    };
    sh("chmod 0222 /dev/mydevice-pair_w");
    assert!(as_nobody("echo job > /dev/mydevice-pair_w"));
    assert!(!as_nobody("head -n 1 /dev/mydevice-pair_r"));
    assert_eq!(reader(&pair).take(100), "job\n");
    assert_eq!(
        fs::read_to_string("/dev/mydevice-pair_w").map_err(|error| error.kind()),
        Err(std::io::ErrorKind::PermissionDenied)
    );
}

/// Many pairs from one module, each direction with an owner, a group and a mode of its own, as udev sets them:
/// a producer can put into its own pair and into no other, a consumer take out of its own and of no other.
#[test]
fn many_pairs_have_their_own_producers_and_consumers() {
    let _module = Module::load(&["devices=16", "split=Y"]);
    sh("for n in $(seq 0 15); do \
            name=/dev/mydevice${n#0}; \
            chown $((1000 + n)) ${name}_w && chmod 0200 ${name}_w || exit 1; \
            chgrp $((2000 + n)) ${name}_r && chmod 0040 ${name}_r || exit 1; \
        done");
    let said = sh(r#"exec python3 - << 'END'
import os
names = ["/dev/mydevice" + (str(n) if n else "") for n in range(16)]
os.setgroups([])

def opened(user, group, suffix, way):
    os.setegid(group)
    os.seteuid(user)
    files = {}
    for n, name in enumerate(names):
        try:
            files[n] = os.open(name + suffix, way)
        except PermissionError:
            pass
    os.seteuid(0)
    os.setegid(0)
    return files

for n in range(16):
    producer = opened(1000 + n, 999, "_w", os.O_WRONLY)
    assert list(producer) == [n], producer
    assert not opened(1000 + n, 999, "_r", os.O_RDONLY), "a producer can read"
    os.write(producer[n], b"job for %d" % n)
for n in range(16):
    consumer = opened(3000, 2000 + n, "_r", os.O_RDONLY)
    assert list(consumer) == [n], consumer
    assert not opened(3000, 2000 + n, "_w", os.O_WRONLY), "a consumer can write"
    print(os.read(consumer[n], 100).decode())
END"#);
    let jobs: String = (0..16).map(|n| format!("job for {n}\n")).collect();
    assert_eq!(said, jobs);
}

/// poll tells of the direction that is there.
#[test]
fn poll_tells_of_one_direction() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1");
    let (writer, reader) = (writer(&pair), reader(&pair));
    assert_eq!(
        (writer.ready(), reader.ready()),
        (WRITABLE, PollFlags::empty())
    );
    writer.put("x");
    assert_eq!((writer.ready(), reader.ready()), (WRITABLE, READABLE));
}

/// Opens of both nodes are counted on the instance, and a writer is a writer to `hangup`.
#[test]
fn hangup_works_across_the_nodes() {
    let _module = Module::load(&[]);
    let pair = Instance::add("pair split=1 on_empty=hangup");
    let reader = reader(&pair);
    let writer = writer(&pair);
    assert_eq!(pair.proc().open_count, 2);
    writer.put("last");
    drop(writer);
    assert_eq!(
        (reader.take(10), reader.take(10)),
        ("last".into(), "".into())
    );
    assert_eq!(reader.ready(), READABLE | PollFlags::POLLHUP);
}
