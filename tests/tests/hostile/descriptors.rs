// SPDX-License-Identifier: GPL-2.0

//! Descriptors that travel: dup'ed, passed over sockets, reopened, and used after a hot removal. An open ends at its
//! last close, wherever the descriptor is by then.

use std::{
    io::{IoSlice, IoSliceMut},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{Command, Stdio},
};

use mydevice_tests::{Device, Instance, Module, device::GONE, eventually, instance::DISCIPLINES};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
    unistd::dup,
};

fn send(socket: &UnixStream, descriptors: &[RawFd]) {
    let rights = [ControlMessage::ScmRights(descriptors)];
    let byte = [IoSlice::new(b".")];
    let sent = sendmsg::<()>(socket.as_raw_fd(), &byte, &rights, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(1));
}

fn receive(socket: &UnixStream) -> Device {
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut space), flags).unwrap();
    let rights = message.cmsgs().unwrap().next();
    let Some(ControlMessageOwned::ScmRights(descriptors)) = rights else {
        panic!("no descriptor came");
    };
    // SAFETY: it was made for us, and nobody else knows of it.
    Device::from_fd(unsafe { OwnedFd::from_raw_fd(descriptors[0]) })
}

/// An open that is nowhere but in a socket is still one, and goes on where it was when it is taken out.
#[test]
fn an_open_lives_in_a_socket() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline}"));
        victim.writer().put("0123456789");
        let device = victim.nonblocking();
        assert_eq!(device.take(4), "0123");
        let (here, there) = UnixStream::pair().unwrap();
        send(&here, &[device.as_raw_fd()]);
        drop(device);
        assert_eq!(victim.proc().open_count, 1, "{discipline}");

        let device = receive(&there);
        // A log is read by records, of which there is no other.
        let rest = device.read(10);
        assert_eq!(rest, Ok(b"456789".to_vec()), "{discipline}");
        drop(device);
        assert_eq!(victim.proc().open_count, 0, "{discipline}");
        assert_eq!(victim.remove(), Ok(()));
    }
}

/// Removed while it is in the socket: what comes out is an open of what is gone.
#[test]
fn an_open_in_a_socket_outlives_its_instance() {
    let mut module = Module::load(&[]);
    let victim = Instance::add("victim");
    let (here, there) = UnixStream::pair().unwrap();
    let device = victim.both();
    device.put("unread");
    send(&here, &[device.as_raw_fd()]);
    drop(device);
    assert_eq!(victim.remove(), Ok(()));
    assert_eq!(module.try_unload(), Err(Errno::EAGAIN), "the socket has it");

    let device = receive(&there);
    assert_eq!((device.read(1), device.ready()), (Err(Errno::ENODEV), GONE));
    send(&here, &[device.as_raw_fd()]);
    drop((device, here, there));
    module.unload();
}

/// A socket that holds its own other end and an open: nobody can ever take them out, and the kernel collects them.
#[test]
fn an_open_in_a_cycle_of_sockets_ends() {
    let module = Module::load(&[]);
    let (here, there) = UnixStream::pair().unwrap();
    let device = module.instance().both();
    send(&here, &[there.as_raw_fd(), device.as_raw_fd()]);
    send(&there, &[here.as_raw_fd()]);
    drop((here, there, device));
    eventually("the kernel collects the sockets", || {
        // It does so when sockets are passed.
        let (here, there) = UnixStream::pair().unwrap();
        send(&here, &[there.as_raw_fd()]);
        module.instance().proc().open_count == 0
    });
}

/// A user who could not open the node reads from a descriptor that root has passed to it.
#[test]
fn a_descriptor_passed_to_another_user_works() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("for whoever is let");
    let (here, there) = UnixStream::pair().unwrap();
    send(&here, &[device.as_raw_fd()]);
    let child = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "python3",
            "-c",
        ])
        .arg(
            "import os, socket\n\
             try: os.open('/dev/mydevice', os.O_RDONLY)\n\
             except PermissionError: print('may not open,', end=' ')\n\
             fd = socket.recv_fds(socket.socket(fileno=0), 1, 1)[1][0]\n\
             print('reads', os.read(fd, 100).decode())",
        )
        .stdin(Stdio::from(OwnedFd::from(there)))
        .output()
        .expect("running python3");
    assert_eq!(
        String::from_utf8_lossy(&child.stdout),
        "may not open, reads for whoever is let\n",
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    assert_eq!(device.unread(), 0);
}

/// Dup'ed descriptors are one open, with one position, and it ends with the last of them.
#[test]
fn dup_makes_no_second_open() {
    let module = Module::load_buffer();
    let instance = module.instance();
    instance.writer().put("0123456789");
    let first = instance.reader();
    let others: Vec<_> = (0..100)
        .map(|_| Device::from_fd(dup(&first).unwrap()))
        .collect();
    assert_eq!(instance.proc().open_count, 1);
    for (n, device) in others.iter().enumerate().take(10) {
        assert_eq!(device.take(1), n.to_string());
    }
    drop(first);
    drop(others);
    assert_eq!(instance.proc().open_count, 0);
}

/// `/proc/self/fd/N` makes an open of its own while the instance is there, and nothing afterwards; what was open
/// before says it is gone by each of its descriptors.
#[test]
fn descriptors_of_what_is_gone_lead_nowhere() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let victim = Instance::add(&format!("victim discipline={discipline}"));
        let device = victim.both();
        let twin = Device::from_fd(dup(&device).unwrap());
        let path = format!("/proc/self/fd/{}", device.as_raw_fd());
        let again = Device::open(Path::new(&path), OFlag::O_RDWR).expect("a second open");
        assert_eq!(victim.proc().open_count, 2, "{discipline}");

        assert_eq!(victim.remove(), Ok(()));
        for ways in [OFlag::O_RDONLY, OFlag::O_WRONLY, OFlag::O_RDWR] {
            let errno = Device::open(Path::new(&path), ways).expect_err("it is gone");
            assert!(matches!(errno, Errno::ENODEV | Errno::ENXIO), "{errno}");
        }
        drop(device);
        for device in [twin, again] {
            assert_eq!((device.read(1), device.ready()), (Err(Errno::ENODEV), GONE));
        }
    }
}
