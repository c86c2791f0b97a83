// SPDX-License-Identifier: GPL-2.0

//! Module information that the kernel crate's `module!` has no key for.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h) (`__MODULE_INFO`).

/// Copies a string into the array that a `.modinfo` entry is, with the NUL that ends it.
///
/// `N` must be one more than the string's length; both are checked at compile time.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "runs at compile time, where a panic is a build error"
)]
pub const fn entry<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() + 1 == N);
    let mut entry = [0; N];
    let mut at = 0;
    while at < bytes.len() {
        entry[at] = bytes[at];
        at += 1;
    }
    entry
}

/// Puts `key=value` where `modinfo` finds it.
///
/// Only a loadable module has such strings under its own keys; built into the kernel they would need
/// the module's name before them, which `module!` alone knows, so there they are left out.
macro_rules! modinfo {
    ($key:literal, $value:expr) => {
        #[allow(unsafe_code)]
        const _: () = {
            const TEXT: &str = concat!($key, "=", $value);
            // The section is the interface: `modinfo` and the module loader read it as a run of
            // NUL-terminated strings.
            #[cfg(MODULE)]
            #[link_section = ".modinfo"]
            #[used(compiler)]
            static ENTRY: [u8; TEXT.len() + 1] = $crate::kapi::modinfo::entry(TEXT);
        };
    };
}
pub(crate) use modinfo;
