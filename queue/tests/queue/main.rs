// SPDX-License-Identifier: GPL-2.0

//! The pure logic against simple models: a vector, a deque, a set of permissions, wide integers.
//!
//! `ring`, `text`, `span`, `gate`, `counters`, `extent` and `backlog` look at every case of small instances; `transfers`
//! moves real bytes in random order; `limits` asks for sizes that no memory has; `kernel` looks at
//! what the compiler makes of it.

mod backlog;
mod command;
mod counters;
mod explore;
mod extent;
mod gate;
mod kernel;
mod limits;
mod linger;
mod memory;
mod quota;
mod ring;
mod span;
mod text;
mod transfers;
