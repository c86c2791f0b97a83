// SPDX-License-Identifier: GPL-2.0

//! The ioctl commands as functions: with tokio's registration, the only unsafe code here.
//!
//! C header: `uapi/mydevice_ioctl.h`

#![allow(
    unsafe_code,
    reason = "ioctl takes an address, which no type can vouch for"
)]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use mydevice_uapi::ioctl as abi;
use nix::libc;

use crate::{Stats, Status};

/// A command without an argument.
macro_rules! plain {
    ($name:ident, $command:expr) => {
        pub(crate) fn $name(fd: BorrowedFd<'_>) -> io::Result<()> {
            // SAFETY: the command takes no argument, so the kernel looks at no memory of ours.
            let done = unsafe { libc::ioctl(fd.as_raw_fd(), $command as libc::Ioctl) };
            nix::errno::Errno::result(done)
                .map(drop)
                .map_err(io::Error::from)
        }
    };
}

/// A command that fills in a value.
macro_rules! get {
    ($name:ident, $command:expr, $value:ty) => {
        pub(crate) fn $name(fd: BorrowedFd<'_>) -> io::Result<$value> {
            let mut value = <$value>::default();
            // SAFETY: the kernel writes at most the size that is part of the command's number, and that is the size of
            // `value`, in which every pattern of bits is valid.
            let done =
                unsafe { libc::ioctl(fd.as_raw_fd(), $command as libc::Ioctl, &raw mut value) };
            nix::errno::Errno::result(done)?;
            Ok(value)
        }
    };
}

plain!(clear, abi::MYDEV_CLEAR);
plain!(next, abi::MYDEV_NEXT);
get!(status, abi::MYDEV_STATUS, Status);
get!(stats, abi::MYDEV_STATS, Stats);
get!(unread, libc::FIONREAD, libc::c_int);

pub(crate) fn resize(fd: BorrowedFd<'_>, capacity: u32) -> io::Result<()> {
    // SAFETY: the kernel reads the size that is part of the command's number, and that is the size of `capacity`.
    let done = unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            abi::MYDEV_RESIZE as libc::Ioctl,
            &raw const capacity,
        )
    };
    nix::errno::Errno::result(done)
        .map(drop)
        .map_err(io::Error::from)
}
