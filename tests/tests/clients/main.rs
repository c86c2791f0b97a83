// SPDX-License-Identifier: GPL-2.0

//! Programs that people use, as they use them. (io_uring is with the contract, in `contract/uring.rs`.)

mod bench;
mod coreutils;
mod event_loops;
mod stress;
mod wires;
