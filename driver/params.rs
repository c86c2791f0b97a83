// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, in `/sys/module/mydevice/parameters/`.

use crate::{
    discipline,
    kapi::param::{module_param, Choice, Number, Switch},
};

module_param! {
    static BUFFER_SIZE: Number = Number::new(4096, 1, 1 << 20);
    buffer_size: int, 0o644,
    "capacity in bytes of stream, buffer and log instances made from now on, 1 ..= 1048576 (default 4096)"
}

module_param! {
    static DEVICES: Number = Number::new(1, 1, 256);
    devices: uint, 0o444, "instances made at load, 1 ..= 256 (default 1)"
}

module_param! {
    static DISCIPLINE: Choice = Choice::new(&discipline::NAMES);
    discipline: string, 0o644,
    "discipline of instances made from now on: stream, buffer, log, spool or stack (default stream)"
}

module_param! {
    static SPLIT: Switch = Switch::new(false);
    split: bool, 0o444, "Y: instances made at load have one node per direction (default N)"
}

module_param! {
    static VERBOSE: Number = Number::new(0, 0, 2);
    verbose: uint, 0o644,
    "what is logged: 0 nothing, 1 open, release, CLEAR and RESIZE, 2 reads and writes too (default 0)"
}

/// Bytes of data that a new instance may hold.
pub(crate) fn capacity() -> usize {
    usize::try_from(BUFFER_SIZE.get()).unwrap_or(1)
}

/// How many instances are made at load.
pub(crate) fn devices() -> u32 {
    u32::try_from(DEVICES.get()).unwrap_or(1)
}

/// Whether the instances made at load have one node per direction.
pub(crate) fn split() -> bool {
    SPLIT.get()
}

/// The discipline of a new instance.
pub(crate) fn discipline() -> discipline::Kind {
    discipline::Kind::from_index(DISCIPLINE.get())
}

/// Whether opens, releases, CLEAR and RESIZE are logged.
pub(crate) fn log_events() -> bool {
    VERBOSE.get() >= 1
}

/// Whether each read and write is logged.
pub(crate) fn log_transfers() -> bool {
    VERBOSE.get() >= 2
}
