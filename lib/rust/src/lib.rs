// SPDX-License-Identifier: GPL-2.0

//! Memory-backed queues in `/dev`, from Rust.
//!
//! The kernel module `mydevice` puts queues into `/dev`. What one process writes waits in the kernel and is read
//! by another. This crate is a thin face of what the module offers to programs, and adds no behaviour of its own:
//!
//! - [`Device`] is an open file: read, write, poll, and the ioctl commands.
//! - [`Instance`] is a queue by its name: it can be found, listed, added and removed, and has attributes and figures.
//!   None of these opens the device.
//! - [`Records`] and [`Files`] give what a `log`, a `stack` or a `spool` keeps apart as iterators.
//! - The module `tokio` has devices for an event loop; it comes with the feature of that name.
//!
//! ```
//! use std::io::{Read, Write};
//! use mydevice::{Add, Device, Discipline};
//!
//! # fn main() -> std::io::Result<()> {
//! // As `echo 'jobs discipline=stream' > /sys/class/mydevice_class/add`. This is for root alone.
//! let jobs = Add::new("jobs").discipline(Discipline::Stream).add()?;
//!
//! let mut device = Device::open("jobs")?;
//! device.write_all(b"hello")?;
//! assert_eq!(device.status()?.bytes_used, 5);
//!
//! let mut buffer = [0; 100];
//! let n = device.read(&mut buffer)?;
//! assert_eq!(&buffer[..n], b"hello");
//!
//! jobs.remove()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! Whatever the kernel answers is handed on as it is, as an [`io::Error`](std::io::Error) with the errno in
//! [`raw_os_error`](std::io::Error::raw_os_error). What each errno means is told by the manual of the module, and
//! here where it matters. Values are not checked beforehand, as the kernel knows best what is valid; only a name with a
//! blank in it never gets there, since what stands behind the blank would be taken for something else.
//!
//! # Names
//!
//! Where an instance is asked for, there are three ways to name it: in full (`mydevice`, `mydevice1`,
//! `mydevice-jobs`), by the name that was given when it was added (`jobs`), and by the path of its node
//! (`/dev/mydevice-jobs`), or of any other node or link that leads to it. What contains a `/` is a path.

mod add;
mod attribute;
mod device;
mod discipline;
mod figures;
mod files;
mod instance;
mod ioctl;
mod name;
mod open;
mod records;
#[cfg(feature = "tokio")]
pub mod tokio;
mod words;

pub use add::Add;
pub use attribute::Attribute;
pub use device::Device;
pub use discipline::{Discipline, OnEmpty};
pub use figures::Figures;
pub use files::Files;
pub use instance::{CLASS, Instance};
pub use mydevice_uapi::ioctl::{Stats, Status};
pub use open::OpenOptions;
pub use records::Records;
pub use words::UnknownWord;

/// The programs in Rust that pages of the manual show, which are run as the examples of this documentation are.
#[cfg(all(doctest, feature = "tokio"))]
mod manual {
    #[doc = include_str!("../../../docs/rust.md")]
    mod rust {}

    #[doc = include_str!("../../../docs/recipes/io_uring.md")]
    mod io_uring {}

    #[doc = include_str!("../../../docs/recipes/tokio.md")]
    mod tokio {}
}
