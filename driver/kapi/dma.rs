// SPDX-License-Identifier: GPL-2.0

//! DMA without hardware: a faux device that memory can be mapped for.
//!
//! The kernel's own drivers without hardware do the same (`drivers/gpu/drm/vkms`).
//!
//! C header: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h) (`dma_coerce_mask_and_coherent`)

use kernel::{
    bindings,
    device::{Bound, Device},
    dma::DmaMask,
    error::to_result,
    faux::Registration,
    prelude::*,
};

use super::compat::samples::faux_device;

/// Lets memory be mapped for a faux device, at addresses within `mask`.
pub fn enable(registration: &mut Registration, mask: DmaMask) -> Result<&Device<Bound>> {
    let device = faux_device(registration);
    let raw: *mut bindings::device = core::ptr::from_ref(device).cast_mut().cast();
    // SAFETY: `Device` is a transparent wrapper of `struct device`, and this one is valid as long as its registration.
    // Mapping for it takes a reference to it as bound, which only the registration gives, and that is borrowed
    // exclusively: so nothing is mapped meanwhile.
    to_result(unsafe {
        (*raw).dma_mask = &raw mut (*raw).coherent_dma_mask;
        bindings::dma_set_mask_and_coherent(raw, mask.value())
    })?;
    Ok(device)
}
