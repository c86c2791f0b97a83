// SPDX-License-Identifier: GPL-2.0

//! The smallest module: for learning, and for checking a tool chain.

#![deny(unsafe_code)]

use kernel::prelude::*;

/// The wrappers of `mydevice` that this module needs.
#[allow(dead_code, unreachable_pub)]
mod kapi {
    #[allow(unsafe_code)]
    #[path = "compat.rs"]
    pub(crate) mod compat;
    #[path = "modinfo.rs"]
    pub(crate) mod modinfo;
    #[allow(unsafe_code)]
    #[path = "param.rs"]
    pub(crate) mod param;
}

use kapi::param::{module_param, Number};

module! {
    type: Hello,
    name: "hello",
    authors: ["The mydevice authors"],
    description: "The smallest Rust module with a checked parameter",
    license: "GPL",
}
kapi::modinfo::modinfo!("version", "0.1.0");

module_param! {
    /// Stands for a size that a real module would allocate.
    static BUFFER_SIZE: Number = Number::new(4096, 1, 1 << 20);
    buffer_size: int, 0o644, "a size in bytes, 1 ..= 1048576 (default 4096)"
}

struct Hello;

impl kernel::Module for Hello {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("module loaded, buffer_size={}\n", BUFFER_SIZE.get());
        Ok(Self)
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        pr_info!("module unloaded\n");
    }
}
