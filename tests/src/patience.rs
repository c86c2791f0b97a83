// SPDX-License-Identifier: GPL-2.0

//! Waiting for something that the kernel or another thread is about to do.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. No test passes or fails by speed: this only turns a
/// hang into a failure, so it is far more than the slowest emulated machine needs.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `condition` holds; panics with `what` if it does not within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    while !condition() {
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain: {what}"
        );
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
