// SPDX-License-Identifier: GPL-2.0

//! The logic of the `mydevice` queues, without their memory.
//!
//! Nothing here touches a byte of data or the kernel: the types say *where* bytes are and *who* may
//! move them, and the driver does the moving. So everything can be tested on the host, and the
//! driver compiles the same files, unchanged:
//!
//! - [`ring`]: a byte ring, for `stream`; [`text`]: one growing text, for `buffer`. Both hand out
//!   [`span`]s of a memory that somebody else owns.
//! - [`gate`]: who is copying into or out of that memory, and whether it may be swapped or zeroed.
//! - [`counters`]: what an instance has counted since it was made.
//! - [`quota`]: how much a queue of records may hold; [`extent`]: where a block of memory holds them, for `log`
//!   and `stack`, and a file's bytes, for `spool`.
//! - [`backlog`]: how much a queue of files may hold, and the life of a file.
//! - [`linger`]: how long somebody looks for what it waits for before it sleeps.
//! - [`command`]: the text of the commands `add` and `remove`.
//!
//! # How a transfer goes
//!
//! A copy to or from user space may fault, stall or move less than asked, so no lock is held across
//! it. Each transfer has three steps, and only the first and the last are under the lock:
//!
//! 1. ask the gate, then claim a region (`front`, `at` or `back`);
//! 2. copy, without the lock;
//! 3. commit what was really moved (`consume` or `append`), and tell the gate.
//!
//! A claim is nothing but the region's offsets, so giving one up costs nothing. The two sides'
//! claims never overlap, whatever the other side commits between steps 1 and 3.
//!
//! ```
//! use mydevice_queue::{gate::Gate, ring::Ring};
//!
//! let (mut memory, mut ring, mut gate) = ([0u8; 8], Ring::new(8), Gate::new());
//!
//! assert!(gate.take_write_turn() && gate.begin_write_copy());
//! let mut text = b"hello".iter();
//! for span in ring.back(5) {
//!     memory[span.range()].iter_mut().zip(&mut text).for_each(|(to, from)| *to = *from);
//! }
//! assert_eq!(ring.append(5), 5);
//! gate.end_write_copy();
//! gate.release_write_turn();
//!
//! assert!(gate.begin_read_alone());
//! let got: Vec<&[u8]> = ring.front(100).iter().map(|span| &memory[span.range()]).collect();
//! let got = got.concat();
//! ring.consume(got.len());
//! gate.end_read_alone();
//! assert_eq!(got, b"hello");
//! ```
//!
//! # No panic, on any argument
//!
//! A panic in the kernel takes the machine down. So no function here has a panicking path: an
//! argument that breaks the contract is clamped to what is possible, as each function says, and the
//! types' invariants hold afterwards. The lints below keep it so.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod backlog;
pub mod command;
pub mod counters;
pub mod extent;
pub mod gate;
pub mod linger;
pub mod quota;
pub mod ring;
pub mod span;
pub mod text;
