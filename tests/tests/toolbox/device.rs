// SPDX-License-Identifier: GPL-2.0

//! `/dev/toolbox`: copies from and to user space, and descriptors.

use std::{
    fs::{File, OpenOptions},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use nix::{
    Result,
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
};

use super::load;

mod call {
    nix::ioctl_readwrite!(add, b't', 1, [u64; 2]);
    nix::ioctl_write_ptr!(reverse, b't', 2, [u64; 2]);
    nix::ioctl_write_ptr!(another, b't', 3, u32);
    nix::ioctl_none!(unknown, b't', 4);
}

fn open() -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/toolbox")
        .expect("opening /dev/toolbox")
}

fn reverse(device: &File, address: u64, len: u64) -> Result<i32> {
    // SAFETY: The command reads the pair; what it does with the address, the kernel checks.
    unsafe { call::reverse(device.as_raw_fd(), &[address, len]) }
}

#[test]
fn numbers_come_in_and_go_out() {
    let module = load(&[]);
    let device = open();
    let mut numbers = [40, 2];
    // SAFETY: The command reads and writes the pair.
    assert_eq!(
        unsafe { call::add(device.as_raw_fd(), &mut numbers) },
        Ok(0)
    );
    assert_eq!(numbers, [42, 2]);
    // SAFETY: A bad address is what this is about.
    let refused = unsafe { call::add(device.as_raw_fd(), std::ptr::dangling_mut()) };
    assert_eq!(refused, Err(Errno::EFAULT));
    drop(device);
    drop(module);
    assert!(!Path::new("/dev/toolbox").exists());
}

#[test]
fn bytes_come_in_and_go_out() {
    let _module = load(&[]);
    let device = open();
    let mut text = *b"a bounded copy";
    let address = text.as_mut_ptr() as u64;
    assert_eq!(reverse(&device, address, text.len() as u64), Ok(0));
    assert_eq!(&text, b"ypoc dednuob a");
    assert_eq!(reverse(&device, 8, 10), Err(Errno::EFAULT));
    assert_eq!(reverse(&device, 1 << 63, 10), Err(Errno::EFAULT));
    assert_eq!(reverse(&device, address, 4097), Err(Errno::EMSGSIZE));
    assert_eq!(&text, b"ypoc dednuob a");
}

#[test]
fn a_descriptor_is_handed_out() {
    let module = load(&[]);
    let device = open();
    // SAFETY: The command takes no notice of its argument.
    let fd = unsafe { call::another(device.as_raw_fd(), &0) }.expect("another descriptor");
    // SAFETY: The kernel has just made it for us.
    let another = unsafe { OwnedFd::from_raw_fd(fd) };
    drop(device);
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("a descriptor");
    assert_eq!(link, Path::new("/dev/toolbox"));
    let flags = fcntl(&another, FcntlArg::F_GETFD).expect("its flags");
    assert_eq!(flags, FdFlag::FD_CLOEXEC.bits());
    // SAFETY: The command has no argument.
    let unknown = unsafe { call::unknown(another.as_raw_fd()) };
    assert_eq!(unknown, Err(Errno::ENOTTY));
    drop(another);
    drop(module);
}
