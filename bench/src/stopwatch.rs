// SPDX-License-Identifier: GPL-2.0

//! What is timed, with a mark at either end for the plugin of QEMU that counts instructions (`bench/profiler`).
//!
//! The marks do nothing elsewhere. What lies between two of them is a *window*, and windows are known by their numbers,
//! in the order in which they ended.

use std::{
    arch::asm,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The windows so far.
static ENDED: AtomicU64 = AtomicU64::new(0);
/// Those of them that were asked for.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Measures one stretch of time.
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Time begins.
    pub fn start() -> Self {
        // SAFETY: It is `nopl`, which does nothing: "mydB" is part of an address that is not looked at.
        unsafe { asm!(".byte 0x0f, 0x1f, 0x84, 0x00", ".ascii \"mydB\"") };
        Self(Instant::now())
    }

    /// Time ends; returns how long it was.
    pub fn stop(self) -> Duration {
        let time = self.0.elapsed();
        // SAFETY: As in `start`.
        unsafe { asm!(".byte 0x0f, 0x1f, 0x84, 0x00", ".ascii \"mydE\"") };
        ENDED.fetch_add(1, Relaxed);
        time
    }
}

/// The windows since this was last asked.
pub fn windows() -> Range<u64> {
    let ended = ENDED.load(Relaxed);
    ASKED.swap(ended, Relaxed)..ended
}
