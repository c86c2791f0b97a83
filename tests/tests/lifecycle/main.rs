// SPDX-License-Identifier: GPL-2.0

//! L2 to L9: the modules come, take parameters, and go. (L1, every warning an error, is the build's.)

mod load;
mod parameters;

const MODULES: [&str; 2] = ["hello", "mydevice"];
