// SPDX-License-Identifier: GPL-2.0

//! Numbers given out, and what they stand for.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/idr.h`](srctree/include/linux/idr.h), [`include/linux/xarray.h`](srctree/include/linux/xarray.h),
//! [`include/linux/maple_tree.h`](srctree/include/linux/maple_tree.h)

use kernel::{
    id_pool::IdPool,
    maple_tree::MapleTreeAlloc,
    prelude::*,
    xarray::{AllocKind, XArray},
};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("ids":
    the_lowest_free_number,
    a_number_for_an_object,
    an_array_with_holes,
);

// ANCHOR: ida
/// `ida_alloc(&ida, GFP_KERNEL)`; `ida_free` is `pool.release_id(id)`.
fn take(pool: &mut IdPool) -> Result<usize> {
    loop {
        if let Some(id) = pool.find_unused_id(0) {
            return Ok(id.acquire());
        }
        // Full. The request may be carried out after a spinlock around the pool was given up.
        let request = pool.grow_request().ok_or(ENOSPC)?;
        pool.grow(request.realloc(GFP_KERNEL)?);
    }
}
// ANCHOR_END: ida

fn the_lowest_free_number() -> Result {
    let mut pool = IdPool::with_capacity(1, GFP_KERNEL)?;
    let count = pool.capacity().wrapping_add(1);
    for expected in 0..count {
        check_eq!(take(&mut pool)?, expected);
    }
    pool.release_id(1);
    check_eq!(take(&mut pool)?, 1);
    check_eq!(take(&mut pool)?, count);
    Ok(())
}

fn a_number_for_an_object() -> Result {
    // ANCHOR: idr
    let idr = KBox::pin_init(MapleTreeAlloc::<KBox<u32>>::new(), GFP_KERNEL)?; // idr_init(&idr);
    let first = idr.alloc_range(1, KBox::new(70, GFP_KERNEL)?, 1..256, GFP_KERNEL)?; // idr_alloc(&idr, p, 1, 256, ...)
    let second = idr.alloc_range(1, KBox::new(80, GFP_KERNEL)?, 1..256, GFP_KERNEL)?;
    let found = idr.lock().load(second).map(|number| *number); // idr_find(&idr, second)
                                                               // idr_remove(&idr, first)
    let removed = idr.erase(first).map(KBox::into_inner);
    // ANCHOR_END: idr
    check_eq!((first, second), (1, 2));
    check_eq!((found, removed), (Some(80), Some(70)));
    check!(idr.lock().load(first).is_none());
    Ok(())
}

fn an_array_with_holes() -> Result {
    // ANCHOR: xarray
    let array = KBox::pin_init(XArray::new(AllocKind::Alloc), GFP_KERNEL)?; // DEFINE_XARRAY_ALLOC(array);
    let seven = KBox::new(7, GFP_KERNEL)?; // may sleep, so before the lock is taken
    let mut array = array.lock(); // xa_lock(&array);
    array.store(1000, seven, GFP_KERNEL)?; // __xa_store(&array, 1000, p, GFP_KERNEL): gives the lock up to allocate
    let found = array.get(1000).copied(); // xa_load(&array, 1000)
    let hole = array.get(999).copied();
    // __xa_erase(&array, 1000)
    let removed = array.remove(1000).map(KBox::into_inner);
    // ANCHOR_END: xarray
    check_eq!((found, hole, removed), (Some(7), None, Some(7)));
    Ok(())
}
