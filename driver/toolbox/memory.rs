// SPDX-License-Identifier: GPL-2.0

//! Allocating and freeing.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/slab.h`](srctree/include/linux/slab.h),
//! [`include/linux/vmalloc.h`](srctree/include/linux/vmalloc.h),
//! [`include/linux/gfp_types.h`](srctree/include/linux/gfp_types.h)

use kernel::{alloc::AllocError, new_spinlock, page::PAGE_SIZE, prelude::*, str::CString};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("memory":
    one_object,
    an_array,
    memory_of_single_pages,
    with_a_spinlock_held,
    no_memory_is_an_error,
    a_string,
);

/// What is allocated here.
struct Point {
    x: u32,
    y: u32,
}

fn one_object() -> Result {
    // ANCHOR: kmalloc
    let mut point = KBox::new(Point { x: 1, y: 2 }, GFP_KERNEL)?; // kmalloc(sizeof(*point), GFP_KERNEL)
    point.x = 3;
    // kzalloc(...). Both are freed at the end of the block, or when moved into `drop`: kfree(point);
    let zeroed = KBox::<[u64; 32]>::zeroed(GFP_KERNEL)?;
    // ANCHOR_END: kmalloc
    check_eq!((point.x, point.y), (3, 2));
    check!(zeroed.iter().all(|word| *word == 0));
    drop(point);
    Ok(())
}

fn an_array() -> Result {
    // ANCHOR: kcalloc
    let mut table = KVec::from_elem(0_u32, 16, GFP_KERNEL)?; // kcalloc(16, sizeof(*table), GFP_KERNEL)
    *table.get_mut(3).ok_or(EINVAL)? = 7; // table[3] = 7, with the check
    table.resize(32, 0, GFP_KERNEL)?; // krealloc_array(table, 32, ...)
    let mut copy = KVec::new();
    // kmemdup(table, ...)
    copy.extend_from_slice(&table, GFP_KERNEL)?;
    // ANCHOR_END: kcalloc
    check_eq!(
        (copy.len(), copy.get(3), copy.get(31)),
        (32, Some(&7), Some(&0))
    );
    // n * size is checked, as in kcalloc.
    let too_many = KVec::<u64>::with_capacity(usize::MAX / 4, GFP_KERNEL);
    check_eq!(too_many.err(), Some(AllocError));
    Ok(())
}

fn memory_of_single_pages() -> Result {
    const LEN: usize = 256 * PAGE_SIZE;
    // ANCHOR: vmalloc
    let mut large = VVec::from_elem(0_u8, LEN, GFP_KERNEL)?; // vzalloc(LEN)
                                                             // kvmalloc(LEN, GFP_KERNEL): kmalloc, else vmalloc
    let either = KVVec::<u8>::with_capacity(LEN, GFP_KERNEL)?;
    // ANCHOR_END: vmalloc
    *large.last_mut().ok_or(EINVAL)? = 1;
    check_eq!(large.len(), LEN);
    check!(either.capacity() >= LEN);
    Ok(())
}

fn with_a_spinlock_held() -> Result {
    let list = KBox::pin_init(new_spinlock!(KVec::new()), GFP_KERNEL)?;
    // ANCHOR: atomic
    let spare = KVec::with_capacity(4, GFP_KERNEL)?; // may sleep, so before the lock is taken
    let mut list = list.lock();
    *list = spare;
    list.push(1, GFP_ATOMIC)?; // does not sleep, and may use the reserves
                               // does not sleep, and may not
    list.push(2, GFP_NOWAIT)?;
    // ANCHOR_END: atomic
    check_eq!(list.len(), 2);
    Ok(())
}

// ANCHOR: enomem
/// Asks for much without a warning in the log: `kmalloc(len, GFP_KERNEL | __GFP_NOWARN)`.
fn ask(len: usize) -> Result<KVec<u8>> {
    Ok(KVec::with_capacity(len, GFP_KERNEL | __GFP_NOWARN)?)
}
// ANCHOR_END: enomem

fn no_memory_is_an_error() -> Result {
    // More in one piece than the page allocator has.
    check_eq!(ask(1 << 40).err(), Some(ENOMEM));
    check!(ask(100)?.capacity() >= 100);
    Ok(())
}

// ANCHOR: kasprintf
/// `kasprintf(GFP_KERNEL, "queue%u", number)`
fn name(number: u32) -> Result<CString> {
    CString::try_from_fmt(fmt!("queue{number}"))
}
// ANCHOR_END: kasprintf

fn a_string() -> Result {
    check_eq!(name(12)?.to_bytes(), b"queue12");
    Ok(())
}
