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
