// SPDX-License-Identifier: GPL-2.0

//! The C that a driver author knows, in Rust: samples, and tests of them.
//!
//! `docs/kernel/c-in-rust.md` shows the samples: each stands here between an `ANCHOR` and an `ANCHOR_END`. Each file is a
//! suite of tests, which run when the module is loaded. The results go to the log as KTAP, as KUnit's do, and a failure
//! ends the load.
//!
//! | file | what it is about |
//! | --- | --- |
//! | `ktap` | running the tests |
//! | `printing`, `loud` | the log; warnings and stacks |
//! | `errors` | errno and pointers that are errors |
//! | `memory`, `bytes` | allocating; copying and comparing |
//! | `user`, `files` | user space's memory and its file descriptors |
//! | `lists`, `refs` | lists; objects that are counted, and those that hold others |
//! | `locks`, `barriers` | mutual exclusion; the order of accesses |
//! | `work` | work queues |
//! | `trees`, `ids` | sorted by key; numbers given out |
//! | `views` | what user space sees: sysfs, debugfs, /proc |
//! | `dma` | memory that a device reaches |

#![deny(unsafe_code)]
// A panic takes the machine down: nothing may get near one.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used
)]

use kernel::prelude::*;

/// The wrappers of `mydevice` that the samples need, and some that only they need.
#[allow(dead_code, unreachable_pub, unsafe_code)]
#[path = "../kapi"]
mod kapi {
    mod callback;
    pub(crate) mod compat;
    pub(crate) mod delayed;
    pub(crate) mod dma;
    pub(crate) mod dump;
    pub(crate) mod modinfo;
    pub(crate) mod param;
    pub(crate) mod print;
    pub(crate) mod proc;
    pub(crate) mod ratelimit;
    mod raw;
    pub(crate) mod workqueue;
}

mod barriers;
mod bytes;
mod dma;
mod errors;
mod files;
mod ids;
mod ktap;
mod lists;
mod locks;
mod loud;
mod memory;
mod printing;
mod refs;
mod trees;
mod user;
mod views;
mod work;

use kapi::param::{module_param, Switch};
use kernel::miscdevice::MiscDeviceRegistration;
use user::Handle;
use views::Views;

module! {
    type: Toolbox,
    name: "toolbox",
    authors: ["The mydevice authors"],
    description: "The C that a driver author knows, in Rust, with tests",
    license: "GPL",
}
kapi::modinfo::modinfo!("version", "0.1.0");

module_param! {
    /// For seeing that a failure is noticed.
    static FAIL: Switch = Switch::new(false);
    fail: bool, 0o444, "add a test that fails (default N)"
}

module_param! {
    /// They make the log look like that of a kernel in trouble.
    static LOUD: Switch = Switch::new(false);
    loud: bool, 0o444, "also test warnings and stack dumps (default N)"
}

const SUITES: &[ktap::Suite] = &[
    printing::SUITE,
    errors::SUITE,
    memory::SUITE,
    bytes::SUITE,
    user::SUITE,
    files::SUITE,
    lists::SUITE,
    refs::SUITE,
    locks::SUITE,
    work::SUITE,
    views::SUITE,
    barriers::SUITE,
    trees::SUITE,
    ids::SUITE,
    dma::SUITE,
];

/// What the module shows of itself while it is loaded.
struct Toolbox {
    _views: Views,
    _device: Pin<KBox<MiscDeviceRegistration<Handle>>>,
}

impl kernel::Module for Toolbox {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut suites = KVec::new();
        suites.extend_from_slice(SUITES, GFP_KERNEL)?;
        if FAIL.get() {
            suites.push(ktap::FAILING, GFP_KERNEL)?;
        }
        if LOUD.get() {
            suites.push(loud::SUITE, GFP_KERNEL)?;
        }
        ktap::run(&suites)?;
        Ok(Self {
            _views: Views::new()?,
            // The last: once it is there, it can be opened.
            _device: user::register()?,
        })
    }
}
