// SPDX-License-Identifier: GPL-2.0

//! Reads the manual, which is README.md and the pages of docs/: for the build of the book, and for the tests that
//! follow its links and run its commands.

pub mod console;
pub mod html;
pub mod links;
pub mod page;
pub mod picture;
pub mod shelf;

pub use page::Page;
