// SPDX-License-Identifier: GPL-2.0

//! What differs between the kernels that the driver is built for: all of it, and nowhere else.
//!
//! `Kbuild` asks the kernel for its version and passes `--cfg before_linux_X_Y` for each difference below, so that the
//! newest kernel needs no flag, and what it makes superfluous can be found by its name and deleted.

/// The module whose type is `M`, for the C side's `owner` fields.
///
/// Up to Linux 7.2 `module!` puts it into a static of the crate; from 7.3 on it belongs to the type.
#[cfg(not(before_linux_7_3))]
pub(crate) use kernel::module::this_module;

#[cfg(before_linux_7_3)]
pub(crate) const fn this_module<M: kernel::ModuleMetadata>() -> &'static kernel::ThisModule {
    // A crate is one module, so there is no other that `M` could be the type of.
    &crate::THIS_MODULE
}

/// What only the samples in `toolbox` need, which is built for kernels with DMA.
#[cfg(CONFIG_HAS_DMA)]
#[allow(dead_code, unused_imports, reason = "other modules have no use for it")]
pub(crate) mod samples {
    use kernel::{
        device::{Bound, Device},
        dma::{Coherent, DmaAddress},
        faux::Registration,
        ptr::KnownSize,
    };

    /// The memory barriers between processors. Up to Linux 7.2 they are functions without an argument, each with a name
    /// of its own.
    #[cfg(not(before_linux_7_3))]
    pub(crate) use kernel::sync::barrier::{smp_mb, Full};

    #[cfg(before_linux_7_3)]
    pub(crate) use kernel::sync::atomic::ordering::Full;

    #[cfg(before_linux_7_3)]
    pub(crate) fn smp_mb(_: Full) {
        kernel::sync::barrier::smp_mb();
    }

    /// A faux device. Up to Linux 7.2 its registration does not tell that it is bound.
    #[cfg(not(before_linux_7_3))]
    pub(crate) fn faux_device(registration: &Registration) -> &Device<Bound> {
        registration.as_ref().as_ref()
    }

    #[cfg(before_linux_7_3)]
    pub(crate) fn faux_device(registration: &Registration) -> &Device<Bound> {
        // SAFETY: It is bound from its registration on to the end of it: `faux_match` takes every device, and there is no
        // other way to unbind it (`suppress_bind_attrs`).
        unsafe { registration.as_ref().as_bound() }
    }

    /// The address at which the device sees this memory. Up to Linux 7.2 it is called the handle.
    #[cfg(not(before_linux_7_3))]
    pub(crate) fn dma_address<T: KnownSize + ?Sized>(memory: &Coherent<T>) -> DmaAddress {
        memory.dma_address()
    }

    #[cfg(before_linux_7_3)]
    pub(crate) fn dma_address<T: KnownSize + ?Sized>(memory: &Coherent<T>) -> DmaAddress {
        memory.dma_handle()
    }
}
