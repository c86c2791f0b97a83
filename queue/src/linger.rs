// SPDX-License-Identifier: GPL-2.0

//! How long a task that has to wait stays awake before it goes to sleep.
//!
//! Falling asleep and being woken costs microseconds, and on another processor what is waited for may come sooner. As
//! with the polling of idle processors (`halt_poll_ns` of KVM), what the last waits took says what the next will:
//! waits that lasted no longer than a sleep costs make it worth more, longer ones less, down to nothing. All times are
//! in nanoseconds.

/// The longest that a task stays awake, and the longest wait that counts as short: about what a sleep costs.
pub const LONGEST: u32 = 20_000;

/// The shortest that is worth it.
pub const SHORTEST: u32 = 2_000;

/// The time that those who wait for one thing stay awake.
///
/// # Invariants
///
/// `nanos` is 0 or in `SHORTEST..=LONGEST`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Linger {
    nanos: u32,
}

impl Linger {
    /// One that begins with not staying awake at all.
    pub const fn new() -> Linger {
        Linger { nanos: 0 }
    }

    /// How long to stay awake now; 0 for not at all.
    pub const fn nanos(&self) -> u32 {
        self.nanos
    }

    /// A wait lasted so long, awake and asleep together.
    pub fn lasted(&mut self, nanos: u64) {
        self.nanos = if nanos <= u64::from(LONGEST) {
            self.nanos.saturating_mul(2).clamp(SHORTEST, LONGEST)
        } else {
            match self.nanos / 2 {
                less @ SHORTEST.. => less,
                _ => 0,
            }
        };
    }
}
