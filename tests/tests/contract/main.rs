// SPDX-License-Identifier: GPL-2.0

//! The sentences of the contract that have no id of their own, as far as they concern `stream` and `buffer`.

mod attributes;
mod buffer;
mod compat;
mod errors;
mod limits;
mod on_empty;
mod polling;
mod stalls;
mod stream;
mod transfer;
mod uring;
