// SPDX-License-Identifier: GPL-2.0

//! How long a task that has to wait stays awake before it goes to sleep.
//!
//! Falling asleep and being woken takes time, and on another processor what is waited for may come sooner. As with the
//! polling of idle processors (`halt_poll_ns` of KVM), what the last waits took says what the next will: short ones make
//! it worth to stay awake, long ones less and less, down to nothing. Short is what ends within two wake-ups: the one that
//! a sleep would cost, and the one that the other side may need before it can do its part, which falls away when
//! that stays awake, too. What a wake-up takes is measured, since machines differ in it by a hundred times.
//!
//! All times are in nanoseconds.

/// The longest that a task stays awake.
pub const LONGEST: u32 = 200_000;

/// The shortest that is worth it.
pub const SHORTEST: u32 = 2_000;

/// What a wake-up is taken to cost before one was seen.
const WAKE_UP: u32 = 10_000;

/// The time that those who wait for one thing stay awake.
///
/// # Invariants
///
/// `nanos` is 0 or in `SHORTEST..=LONGEST`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Linger {
    nanos: u32,
    /// What a wake-up costs: of each that was seen a quarter, and three of what was known before.
    wake_up: u32,
}

impl Default for Linger {
    fn default() -> Self {
        Self::new()
    }
}

impl Linger {
    /// One that begins with not staying awake at all.
    pub const fn new() -> Linger {
        Linger {
            nanos: 0,
            wake_up: WAKE_UP,
        }
    }

    /// How long to stay awake now; 0 for not at all.
    pub const fn nanos(&self) -> u32 {
        self.nanos
    }

    /// The longest wait that counts as short.
    pub fn short(&self) -> u32 {
        self.wake_up.saturating_mul(2).clamp(SHORTEST, LONGEST)
    }

    /// A task that slept ran so long after it had been woken.
    pub fn woke_within(&mut self, nanos: u64) {
        let seen = u32::try_from(nanos).unwrap_or(LONGEST).min(LONGEST);
        self.wake_up = (self.wake_up / 4)
            .saturating_mul(3)
            .saturating_add(seen / 4);
    }

    /// What was waited for came so long after the wait had begun.
    pub fn came_after(&mut self, nanos: u64) {
        let short = self.short();
        self.nanos = if nanos <= u64::from(short) {
            self.nanos.saturating_mul(2).clamp(SHORTEST, short)
        } else {
            match self.nanos / 2 {
                less @ SHORTEST.. => less,
                _ => 0,
            }
        };
    }
}
