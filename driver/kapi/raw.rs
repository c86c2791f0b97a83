// SPDX-License-Identifier: GPL-2.0

//! Bindings that `kernel::bindings` lacks, generated from `bindings_helper.h` when the module is built.

#![allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals
)]

#[allow(unused_imports)]
use kernel::{bindings::*, ffi};

include!(env!("MYDEVICE_BINDINGS"));
