// SPDX-License-Identifier: GPL-2.0

//! The crate `mydevice`, and the package of that name for Python: that they say exactly what the kernel says.

mod devices;
mod documentation;
mod event_loop;
mod instances;
mod pieces;
mod python;
