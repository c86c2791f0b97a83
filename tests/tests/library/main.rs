// SPDX-License-Identifier: GPL-2.0

//! The crate `mydevice`: that it says exactly what the kernel says.

mod devices;
mod documentation;
mod event_loop;
mod instances;
mod pieces;
