// SPDX-License-Identifier: GPL-2.0

//! One file a command.

pub mod bench;
pub mod book;
pub mod build;
pub mod clean;
pub mod deb;
pub mod fuzz;
pub mod install_test;
pub mod lint;
pub mod profile;
pub mod release;
pub mod run;
pub mod rust_analyzer;
pub mod setup;
pub mod shell;
pub mod test;
pub mod test_all;
pub mod versions;
pub mod vm;
