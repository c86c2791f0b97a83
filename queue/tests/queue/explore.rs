// SPDX-License-Identifier: GPL-2.0

//! Walking every state that a thing can come to.

use std::collections::HashSet;
use std::hash::Hash;

/// Every state that can be reached from `start`, itself included, where `next` gives the states
/// that are one step away.
pub fn every_state<S: Clone + Eq + Hash>(start: S, next: impl Fn(&S) -> Vec<S>) -> HashSet<S> {
    let mut seen = HashSet::from([start.clone()]);
    let mut unvisited = vec![start];
    while let Some(state) = unvisited.pop() {
        unvisited.extend(
            next(&state)
                .into_iter()
                .filter(|new| seen.insert(new.clone())),
        );
    }
    seen
}
