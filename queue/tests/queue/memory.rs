// SPDX-License-Identifier: GPL-2.0

//! Memory for the positions to point into, and bytes by which a misplaced one is noticed.

use mydevice_queue::span::{Span, Spans};

/// The bytes at `spans`, in order. Panics where a span leaves the memory.
pub fn copy_out(memory: &[u8], spans: impl Into<Spans>) -> Vec<u8> {
    let runs = spans.into().into_iter();
    runs.flat_map(|span| &memory[span.range()])
        .copied()
        .collect()
}

/// Puts `bytes` at the beginning of `spans`. Panics where they do not fit.
pub fn copy_in(memory: &mut [u8], spans: impl Into<Spans>, bytes: &[u8]) {
    let spans = spans.into();
    assert!(
        bytes.len() <= spans.len(),
        "{} bytes into {spans:?}",
        bytes.len()
    );
    let mut left = bytes;
    for span in spans.take(bytes.len()) {
        let (now, later) = left.split_at(span.len);
        memory[span.range()].copy_from_slice(now);
        left = later;
    }
}

/// The memory after a resize: the kept bytes at its beginning, and elsewhere what nobody wrote.
pub fn moved(old: &[u8], keep: impl Into<Spans>, new_capacity: usize) -> Vec<u8> {
    let mut new = vec![UNWRITTEN; new_capacity];
    let kept = copy_out(old, keep);
    new[..kept.len()].copy_from_slice(&kept);
    new
}

/// What memory holds where nobody wrote. [`Source`] never gives it.
pub const UNWRITTEN: u8 = 0xee;

/// Test data in which neighbours differ and which repeats only after a prime number of bytes, so
/// that a byte that is lost, doubled or moved does not go unnoticed.
#[derive(Debug, Default)]
pub struct Source(u8);

impl Source {
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        (0..n)
            .map(|_| {
                self.0 = (self.0 + 1) % 233;
                self.0
            })
            .collect()
    }
}

/// Every offset that lies in `spans`, in order.
pub fn offsets(spans: impl Into<Spans>) -> impl Iterator<Item = usize> {
    spans.into().into_iter().flat_map(|span: Span| span.range())
}
