// SPDX-License-Identifier: GPL-2.0

//! What the disciplines of records and files promise, sentence by sentence.

mod common;
mod common_waits;
mod files;
mod log;
mod log_faults;
mod log_many;
mod log_memory;
mod no_memory;
mod spool;
mod spool_claims;
mod spool_limits;
mod stack;
mod stack_grows;
