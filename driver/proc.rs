// SPDX-License-Identifier: GPL-2.0

//! `/proc/<name>`: an instance's figures, one `key: value` a line.

#![forbid(unsafe_code)]

use kernel::{
    seq_file::SeqFile,
    seq_print,
    sync::{Arc, ArcBorrow},
};

use crate::{instance::Instance, kapi::proc::Show, queue::counters::saturate};

/// What `/proc/<name>` shows: the same figures as STATUS and STATS, taken together.
pub(crate) struct Summary;

impl Show for Summary {
    type Data = Arc<Instance>;

    fn show(instance: ArcBorrow<'_, Instance>, out: &SeqFile) {
        let now = instance.snapshot();
        let counters = &now.counters;
        seq_print!(out, "buffer_size: {}\n", now.capacity);
        seq_print!(out, "bytes_used: {}\n", now.used);
        seq_print!(out, "open_count: {}\n", saturate(counters.opens));
        seq_print!(out, "read_count: {}\n", saturate(counters.reads));
        seq_print!(out, "write_count: {}\n", saturate(counters.writes));
        seq_print!(out, "bytes_read: {}\n", counters.bytes_read);
        seq_print!(out, "bytes_written: {}\n", counters.bytes_written);
        seq_print!(out, "discipline: {}\n", now.rules.name);
    }
}
