// SPDX-License-Identifier: GPL-2.0

//! The pure logic against simple models. A file a module, and where a model needs memory to move
//! bytes in and out of, it is in `memory`.

mod memory;
mod ring;
mod text;
