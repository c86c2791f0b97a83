// SPDX-License-Identifier: GPL-2.0

//! The ioctl interface of the mydevice queues, as Rust.
//!
//! `uapi/mydevice_ioctl.h` is the ABI; [`ioctl`] says the same in Rust, and a test compiles the header
//! and holds the two equal. User-space programs depend on this crate; the kernel module compiles
//! `ioctl.rs` as one of its own modules.

#![no_std]

pub mod ioctl;
