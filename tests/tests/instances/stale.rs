// SPDX-License-Identifier: GPL-2.0

//! What is left of a removed instance: stale nodes, memory that goes with the last close.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mydevice_tests::{
    Device, Instance, Module,
    device::GONE,
    eventually,
    group::MemoryGroup,
    guest::sh,
    stalled::{Stalled, WHOLE},
};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::stat::{Mode, SFlag, mknod, stat},
};

/// A node for the same device as another, made by hand; gone when dropped.
struct Copy(PathBuf);

impl Copy {
    fn of(node: &Path) -> Self {
        let path = PathBuf::from("/dev/stale-copy");
        let number = stat(node).expect("the node's number").st_rdev;
        mknod(&path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, number).expect("mknod");
        Self(path)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn says_it_is_gone(path: &Path) -> bool {
    let ways = [OFlag::O_RDONLY, OFlag::O_WRONLY, OFlag::O_RDWR];
    ways.iter().all(|way| {
        let errno = Device::open(path, *way).err();
        matches!(errno, Some(Errno::ENODEV | Errno::ENXIO))
    })
}

/// Opening a stale node or `/proc/self/fd/N` gives ENODEV or ENXIO.
#[test]
fn a_stale_node_leads_nowhere() {
    let _module = Module::load(&[]);
    let victim = Instance::add("victim");
    let copy = Copy::of(&victim.node());
    let device = Device::open(&copy.0, OFlag::O_RDWR).expect("a copy of a node is as good");
    device.put("by the copy");
    assert_eq!(victim.reader().take(20), "by the copy");
    let descriptor = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&device));

    assert_eq!(victim.remove(), Ok(()));
    assert!(says_it_is_gone(&copy.0));
    assert!(says_it_is_gone(Path::new(&descriptor)));
    assert_eq!(device.ready(), GONE);

    drop(device);
    assert!(says_it_is_gone(&copy.0), "after the last close");

    let next = Instance::add("next");
    assert!(
        says_it_is_gone(&copy.0),
        "a number is not used again at once"
    );
    assert_eq!(next.remove(), Ok(()));
}

/// A name that is used again is a new instance: what had the old one open does not see it.
#[test]
fn a_name_used_again_is_a_new_instance() {
    let _module = Module::load(&[]);
    let first = Instance::add("victim");
    let old = first.both();
    old.put("old");
    assert_eq!(first.remove(), Ok(()));
    let second = Instance::add("victim");
    assert_eq!(second.proc().bytes_written, 0);
    second.both().put("new");
    assert_eq!(old.read(10), Err(Errno::ENODEV));
    assert_eq!(second.reader().take(10), "new");
}

/// Its memory is freed at the last close, though a reader of its entry in `/proc` is stalled for ever.
#[test]
fn memory_goes_with_the_last_close() {
    const SIZE: u64 = 64 << 20;
    let group = MemoryGroup::new("200M");
    let _module = Module::load(&[]);
    group.sh(&format!(
        "echo 'victim max_capacity={SIZE} capacity={SIZE}' > /sys/class/mydevice_class/add"
    ));
    let victim = Instance::named("mydevice-victim");
    let device = victim.both();
    let stalled = Stalled::reader_of_proc(&victim);
    assert!(
        group.charged() >= SIZE,
        "{} bytes are charged",
        group.charged()
    );
    assert_eq!(victim.remove(), Ok(()));
    drop(device);
    eventually("the memory is given back", || group.charged() < SIZE / 2);
    assert_eq!(stalled.release(), Ok(WHOLE));
}

/// An instance made at load is removed by its full name.
#[test]
fn an_instance_made_at_load_can_be_removed() {
    let module = Module::load(&["devices=2", "split=Y"]);
    for name in ["mydevice1", "mydevice"] {
        let instance = Instance::named(name);
        assert_ne!(instance.names(), Vec::<PathBuf>::new());
        sh(&format!("echo {name} > /sys/class/mydevice_class/remove"));
        assert_eq!(instance.names(), Vec::<PathBuf>::new());
        assert_eq!(instance.remove(), Err(Errno::ENODEV));
    }
    module.unload();
}
