// SPDX-License-Identifier: GPL-2.0

//! Limits on how often something is said.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use kernel::{
    bindings,
    prelude::*,
    time::{msecs_to_jiffies, Msecs},
    types::Opaque,
};

use super::raw;

/// `struct ratelimit_state`: lets a burst through in each interval, and when the next begins, the kernel logs how many
/// were held back.
///
/// # Invariants
///
/// `state` is initialised, and nothing but `___ratelimit` uses it. It stays in its place.
#[pin_data]
pub struct RateLimit {
    #[pin]
    state: Opaque<bindings::ratelimit_state>,
}

// SAFETY: By the invariants `___ratelimit` alone uses it, under a lock of its own, and it belongs to no task or CPU.
unsafe impl Send for RateLimit {}
// SAFETY: As above.
unsafe impl Sync for RateLimit {}

impl RateLimit {
    /// A limit of `burst` in `interval` milliseconds.
    pub fn new(interval: Msecs, burst: u16) -> impl PinInit<Self> {
        let interval = c_int::try_from(msecs_to_jiffies(interval)).unwrap_or(c_int::MAX);
        // INVARIANT: It is initialised here, where it is pinned, and the field is private.
        pin_init!(Self {
            // SAFETY: `state` is room for the structure, which stays where it is.
            state <- Opaque::ffi_init(move |state| unsafe {
                raw::ratelimit_state_init(state, interval, burst.into())
            }),
        })
    }

    /// Whether to go on now. `what` names the caller in the kernel's line on those held back.
    pub fn allows(&self, what: &'static CStr) -> bool {
        // SAFETY: By the invariants the state is initialised, and stays in its place; the name is static.
        unsafe { bindings::___ratelimit(self.state.get(), what.as_char_ptr()) != 0 }
    }
}
