// SPDX-License-Identifier: GPL-2.0

//! `/proc/<name>`: an instance's figures, one `key: value` a line.

#![forbid(unsafe_code)]

use kernel::{
    new_spinlock,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{Arc, ArcBorrow, SpinLock},
};

use crate::{instance::Instance, kapi::proc::Show, queue::counters::saturate};

/// What `/proc/<name>` shows: the same figures as STATUS and STATS, taken together.
///
/// The kernel keeps it for as long as a reader of the entry is stalled, whoever that is. So it lets go of the instance, with
/// all that this holds, when the removal begins, and nobody has it while the text is copied to a reader.
#[pin_data]
pub(crate) struct Summary {
    #[pin]
    instance: SpinLock<Option<Arc<Instance>>>,
}

impl Summary {
    /// That of this instance. ENOMEM; may sleep.
    pub(crate) fn new(instance: &Arc<Instance>) -> Result<Arc<Self>> {
        let instance = Some(instance.clone());
        Arc::pin_init(
            pin_init!(Self {
                instance <- new_spinlock!(instance, "mydevice summary"),
            }),
            GFP_KERNEL,
        )
    }

    /// Lets go of the instance: from now on there is nothing to be read.
    pub(crate) fn end(&self) {
        let instance = self.instance.lock().take();
        drop(instance);
    }
}

impl Show for Summary {
    type Data = Arc<Self>;

    /// ENODEV if the instance is being removed.
    fn show(summary: ArcBorrow<'_, Self>, out: &SeqFile) -> Result {
        let instance = summary.instance.lock().clone().ok_or(ENODEV)?;
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
        Ok(())
    }
}
