// SPDX-License-Identifier: GPL-2.0

//! What user space sees of the kernel: sysfs, debugfs, `/proc`.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! `tests/tests/toolbox` reads and writes it.
//!
//! C headers: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h),
//! [`include/linux/proc_fs.h`](srctree/include/linux/proc_fs.h),
//! [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use kernel::{
    debugfs::{Dir, File},
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, ArcBorrow,
    },
};

use crate::{
    kapi::{
        param::{module_param, Number},
        proc::{Entry, Show},
    },
    ktap::{check, suite, Suite},
};

pub(crate) const SUITE: Suite = suite!("views":
    a_parameter_is_within_bounds,
    an_entry_lies_below_no_other,
);

// ANCHOR: sysfs
module_param! {
    /// `/sys/module/toolbox/parameters/depth`: a file in sysfs with a checked value.
    static DEPTH: Number = Number::new(8, 1, 64);
    depth: int, 0o644, "a number, 1 ..= 64 (default 8)"
}
// ANCHOR_END: sysfs

fn a_parameter_is_within_bounds() -> Result {
    check!((1..=64).contains(&DEPTH.get()));
    Ok(())
}

fn an_entry_lies_below_no_other() -> Result {
    let above = Entry::<Summary>::new(c"toolbox-above", Figures::new()?)?;
    let below = Entry::<Summary>::new(c"toolbox-above/below", Figures::new()?);
    check!(below.is_err_and(|error| error == EINVAL));
    drop(above);
    Ok(())
}

// ANCHOR: proc
/// `/proc/toolbox`: `single_open` with this as `show`.
pub(crate) struct Summary;

impl Show for Summary {
    type Data = Arc<Figures>;

    fn show(figures: ArcBorrow<'_, Figures>, out: &SeqFile) -> Result {
        let reads = figures.reads.fetch_add(1, Relaxed).wrapping_add(1);
        seq_print!(out, "depth: {}\n", DEPTH.get()); // seq_printf(m, "depth: %d\n", depth);
        seq_print!(out, "reads: {reads}\n");
        Ok(()) // return 0;
    }
}
// ANCHOR_END: proc

/// What the files are made of.
pub(crate) struct Figures {
    reads: Atomic<u64>,
}

impl Figures {
    fn new() -> Result<Arc<Self>> {
        let reads = Atomic::new(0);
        Ok(Arc::new(Self { reads }, GFP_KERNEL)?)
    }
}

// ANCHOR: debugfs
/// `/sys/kernel/debug/toolbox/knob`: `debugfs_create_dir`, `debugfs_create_u64`. Gone when it is dropped.
fn debug_file() -> Result<Pin<KBox<File<Atomic<u64>>>>> {
    let folder = Dir::new(c"toolbox");
    KBox::pin_init(folder.read_write_file(c"knob", Atomic::new(5)), GFP_KERNEL)
}
// ANCHOR_END: debugfs

/// All of them, there while this lives.
pub(crate) struct Views {
    _proc: Entry<Summary>,
    _debug: Pin<KBox<File<Atomic<u64>>>>,
}

impl Views {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            _proc: Entry::new(c"toolbox", Figures::new()?)?,
            _debug: debug_file()?,
        })
    }
}
