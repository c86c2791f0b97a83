// SPDX-License-Identifier: GPL-2.0

//! The logic that needs no kernel and the ioctl ABI, compiled into the module unchanged.
//!
//! The files are those of the crates in `queue/` and `uapi/`, where they are tested on the host.

#![forbid(unsafe_code)]
// The files are parts of crates that export all of it; what the module does not use yet is used by their tests.
#![allow(dead_code, unreachable_pub)]

#[path = "../queue/src/backlog.rs"]
pub(crate) mod backlog;
#[path = "../queue/src/command.rs"]
pub(crate) mod command;
#[path = "../queue/src/counters.rs"]
pub(crate) mod counters;
#[path = "../queue/src/extent.rs"]
pub(crate) mod extent;
#[path = "../queue/src/gate.rs"]
pub(crate) mod gate;
#[path = "../uapi/src/ioctl.rs"]
pub(crate) mod ioctl;
#[path = "../queue/src/linger.rs"]
pub(crate) mod linger;
#[path = "../queue/src/quota.rs"]
pub(crate) mod quota;
#[path = "../queue/src/ring.rs"]
pub(crate) mod ring;
#[path = "../queue/src/span.rs"]
pub(crate) mod span;
#[path = "../queue/src/text.rs"]
pub(crate) mod text;
