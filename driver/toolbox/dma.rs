// SPDX-License-Identifier: GPL-2.0

//! Memory that a device reaches. The device here is a faux one, which never does.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h),
//! [`include/linux/scatterlist.h`](srctree/include/linux/scatterlist.h)

use kernel::{
    device::{Bound, Device},
    dma::{Coherent, CoherentBox, DataDirection, DmaMask},
    faux,
    page::PAGE_SIZE,
    prelude::*,
    scatterlist::SGTable,
};

use crate::{
    kapi::{compat::samples::dma_address, dma::enable},
    ktap::{check, check_eq, suite, Suite},
};

pub(crate) const SUITE: Suite = suite!("dma":
    memory_for_both_sides,
    pages_as_a_scatter_list,
);

// ANCHOR: coherent
/// `dma_alloc_coherent`: filled while only we have it, then handed over. Dropping it is `dma_free_coherent`.
fn descriptors(device: &Device<Bound>, count: usize) -> Result<Coherent<[u64]>> {
    let mut ring = CoherentBox::<[u64]>::zeroed_slice(device, count, GFP_KERNEL)?;
    for (slot, number) in ring.iter_mut().zip(1..) {
        *slot = number;
    }
    Ok(ring.into())
}
// ANCHOR_END: coherent

fn memory_for_both_sides() -> Result {
    let mut registration = faux::Registration::new(c"toolbox-dma", None)?;
    let device = enable(&mut registration, DmaMask::new::<64>())?;
    let ring = descriptors(device, 512)?;
    check_eq!((ring.len(), ring.size()), (512, 4096));
    check!(dma_address(&ring) != 0);
    Ok(())
}

// ANCHOR: scatterlist
/// `sg_alloc_table_from_pages` and `dma_map_sgtable`: what the device is told of memory that is in one piece for us alone.
fn pieces(device: &Device<Bound>, len: usize) -> Result<(usize, u64)> {
    let pages = VVec::<u8>::with_capacity(len, GFP_KERNEL)?;
    let table = KBox::pin_init(
        SGTable::new(device, pages, DataDirection::ToDevice, GFP_KERNEL),
        GFP_KERNEL,
    )?;
    let mut total = 0_u64;
    for piece in table.iter() {
        // for_each_sgtable_dma_sg(): sg_dma_address(sg), sg_dma_len(sg)
        let (_address, len) = (piece.dma_address(), piece.dma_len());
        total = total.wrapping_add(len);
    }
    Ok((table.iter().count(), total))
}
// ANCHOR_END: scatterlist

fn pages_as_a_scatter_list() -> Result {
    let mut registration = faux::Registration::new(c"toolbox-dma", None)?;
    let device = enable(&mut registration, DmaMask::new::<64>())?;
    const LEN: usize = 4 * PAGE_SIZE;
    let (count, total) = pieces(device, LEN)?;
    // Pages that lie beside each other may be one piece.
    check!((1..=4).contains(&count));
    check_eq!(total, LEN as u64);
    Ok(())
}
