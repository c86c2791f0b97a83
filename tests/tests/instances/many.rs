// SPDX-License-Identifier: GPL-2.0

//! Many instances, and the uevents that tell of each.

use std::{collections::HashMap, io::ErrorKind, os::fd::AsRawFd};

use mydevice_tests::{
    Instance, Module, eventually,
    guest::entries,
    instance::{CLASS, DISCIPLINES},
};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

fn ours(folder: &str) -> usize {
    let names = entries(folder).into_iter();
    names.filter(|name| name.starts_with("mydevice-")).count()
}

/// 256 made, used and removed at run time, beside 256 made at load.
#[test]
fn two_hundred_and_fifty_six_are_made_used_and_removed() {
    let module = Module::load(&["devices=256"]);
    let all: Vec<_> = (0..256)
        .map(|n| {
            Instance::add(&format!(
                "n{n} split={} discipline={}",
                n % 2,
                DISCIPLINES[n % DISCIPLINES.len()]
            ))
        })
        .collect();
    // Each has an entry in /proc; half have one node, half two; and of those, one more entry in the class.
    assert_eq!(
        (ours("/proc"), ours("/dev"), ours(CLASS)),
        (256, 128 + 256, 128 + 3 * 128)
    );
    for (n, instance) in all.iter().enumerate() {
        let nodes = match n % 2 {
            0 => [instance.node(), instance.node()],
            _ => [instance.write_node(), instance.read_node()],
        };
        std::fs::write(&nodes[0], format!("for {n}")).unwrap();
        let reader = mydevice_tests::Device::open(&nodes[1], nix::fcntl::OFlag::O_RDONLY).unwrap();
        assert_eq!(reader.take(100), format!("for {n}"));
        assert_eq!(
            (instance.proc().bytes_written, instance.proc().read_count),
            (format!("for {n}").len() as u64, 1)
        );
    }
    // In an order of its own.
    for n in 0..256 {
        assert_eq!(all[n * 37 % 256].remove(), Ok(()), "{n}");
    }
    assert_eq!((ours("/proc"), ours("/dev"), ours(CLASS)), (0, 0, 0));
    assert_eq!(Instance::named("mydevice255").proc().write_count, 0);
    module.unload();
}

/// Adding and removing again and again takes nothing away: more often than there are minor numbers.
#[test]
fn minor_numbers_come_back() {
    let _module = Module::load(&[]);
    for round in 0..1100 {
        let instance = Instance::add("again split=1");
        let others = ["again2 split=1"].map(Instance::add);
        assert_eq!(instance.remove(), Ok(()), "round {round}");
        for other in others {
            assert_eq!(other.remove(), Ok(()), "round {round}");
        }
    }
}

/// Uevents appear and go with each name: one `add` and one `remove`, with the node's name.
#[test]
fn each_name_has_its_uevents() {
    let _module = Module::load(&[]);
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkKObjectUEvent,
    )
    .expect("a socket for uevents");
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1)).expect("joining the kernel's group");

    Instance::add("one").remove().unwrap();
    Instance::add("two split=1").remove().unwrap();
    let mut seen: HashMap<String, Vec<String>> = HashMap::new();
    eventually("the last uevent comes", || {
        let mut message = [0; 8192];
        loop {
            match recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
                Ok(n) => note(&message[..n], &mut seen),
                Err(errno) => {
                    assert_eq!(std::io::Error::from(errno).kind(), ErrorKind::WouldBlock);
                    return seen.values().map(Vec::len).sum::<usize>() >= 8;
                }
            }
        }
    });
    for name in [
        "mydevice-one",
        "mydevice-two",
        "mydevice-two_w",
        "mydevice-two_r",
    ] {
        assert_eq!(seen[name], ["add", "remove"], "of {name}");
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// `ACTION@/devices/virtual/mydevice_class/NAME`, then `KEY=VALUE`, each ended by a zero.
fn note(message: &[u8], seen: &mut HashMap<String, Vec<String>>) {
    let text = String::from_utf8_lossy(message);
    let Some((action, path)) = text
        .split('\0')
        .next()
        .and_then(|line| line.split_once('@'))
    else {
        return;
    };
    if let Some((_, name)) = path.split_once("/mydevice_class/") {
        if name != "mydevice-two" {
            assert!(text.contains(&format!("\0DEVNAME={name}\0")), "{text:?}");
        }
        seen.entry(name.to_owned())
            .or_default()
            .push(action.to_owned());
    }
}
