// SPDX-License-Identifier: GPL-2.0

//! One file a subcommand.

pub mod add;
pub mod apply;
pub mod bench;
pub mod clear;
pub mod doctor;
pub mod dump;
pub mod generate;
pub mod get;
pub mod list;
pub mod load;
pub mod remove;
pub mod resize;
pub mod set;
pub mod status;
pub mod stress;
pub mod watch;
