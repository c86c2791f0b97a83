// SPDX-License-Identifier: GPL-2.0

//! Safe wrappers over kernel interfaces that the kernel crate lacks.
//!
//! This is the only home of `unsafe` in the driver. Nothing here knows of queues: each file could be
//! proposed for the kernel crate as it stands, and uses the crate's own types wherever they exist.
//!
//! | file | wraps |
//! | --- | --- |
//! | `device` | device numbers, `struct cdev` with its `struct device` |
//! | `class` | classes, and their files that take commands |
//! | `file` | `struct file_operations`; the functions that the VFS calls are in `file/table` |
//! | `callback` | nothing: it says what functions return that the kernel calls |
//! | `capability` | what the current task may do |
//! | `attribute` | device attributes in sysfs |
//! | `proc` | entries in `/proc` through `seq_file` |
//! | `module` | the guard for an `init` that fails |
//! | `param`, `modinfo` | module parameters that show in sysfs, and what `modinfo` prints |
//! | `wait` | wait queues whose sleepers keep their place |
//! | `poll` | poll with keys |
//! | `fasync` | SIGIO |
//! | `user` | buffers in user space, copied with and without waiting for their pages |
//! | `memory` | memory that several tasks copy into and out of at once |
//! | `sched` | scheduling points |
//! | `workqueue` | a work queue of a module's own |
//! | `print` | log lines at debug level |
//! | `delayed`, `dma`, `dump`, `ratelimit` | what only the samples in `toolbox` use: the end of delayed work, DMA for a faux device, dumps, limits on log lines |
//! | `compat` | what differs between kernels |
//! | `raw` | bindings that `kernel::bindings` lacks, made by bindgen, and the helpers in C |

// Written as part of a crate that exports it.
#![allow(unreachable_pub)]

pub(crate) mod attribute;
mod callback;
pub(crate) mod capability;
pub(crate) mod class;
pub(crate) mod compat;
pub(crate) mod device;
pub(crate) mod fasync;
pub(crate) mod file;
pub(crate) mod memory;
pub(crate) mod modinfo;
pub(crate) mod module;
pub(crate) mod param;
pub(crate) mod poll;
pub(crate) mod print;
pub(crate) mod proc;
mod raw;
pub(crate) mod sched;
pub(crate) mod user;
pub(crate) mod wait;
pub(crate) mod workqueue;
