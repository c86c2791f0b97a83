// SPDX-License-Identifier: GPL-2.0

//! The tool `mydevicectl`: what each command does, prints, and exits with.

mod apply;
mod attributes;
mod checks;
mod codes;
mod content;
mod instances;
mod pages;
mod terminal;
mod tool;
