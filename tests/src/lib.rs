// SPDX-License-Identifier: GPL-2.0

//! What the tests in `tests/tests/` are written with.
//!
//! The tests load and unload modules, so they run as root inside the VM, one at a time: `cargo xtask test`
//! builds them, boots the VM and runs them. Started anywhere else they fail with a message that says so.
//!
//! - [`Module`] is a loaded module. Loading takes a lock, so that tests are serial; dropping unloads, and
//!   checks that nothing is left and that the kernel complained of nothing.
//! - [`Instance`] is one queue by its names: attributes, `/proc` entry, node. [`Device`] is one open of it.
//! - [`Sleeper`] is a thread that is expected to fall asleep in a system call. Tests wait for the kernel to
//!   say that it sleeps; they never guess how long that takes.
//! - [`model`] is the contract as a program, with which random operations on the device are compared; also
//!   to be had as the program `model`.
//! - [`rest`] lets a random crowd of callers come to rest, and finds who was not woken.
//! - [`traffic`] is the load with an account of every byte, also to be had as the program `traffic`.

pub mod device;
pub mod faults;
pub mod group;
pub mod guest;
pub mod instance;
pub mod klog;
pub mod kmemleak;
pub mod length;
pub mod memory;
pub mod model;
pub mod module;
pub mod patience;
pub mod rest;
pub mod signals;
pub mod sleeper;
pub mod stalled;
pub mod traffic;
pub mod uring;
pub mod watchdog;

pub use device::Device;
pub use instance::Instance;
pub use length::length;
pub use module::Module;
pub use patience::eventually;
pub use sleeper::{Sleeper, sleeping_read, sleeping_write};
