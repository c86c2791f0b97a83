// SPDX-License-Identifier: GPL-2.0

//! No wake-up is lost among any callers: of a random crowd that has come to rest, nobody goes on who is made to look again.
//!
//! `MYDEVICE_CROWDS` says how many crowds there are to be of each discipline, and `MYDEVICE_SEED` which comes first.

use mydevice_tests::{Module, length, rest::Crowd};

#[track_caller]
fn nobody_sleeps_who_could_go_on(discipline: &str) {
    let _module = Module::load(&[]);
    let crowds = length("MYDEVICE_CROWDS", 40, 5_000);
    let first = length("MYDEVICE_SEED", 1, 1);
    let slept: usize = (first..first + crowds)
        .map(|seed| Crowd::draw(discipline, seed).check())
        .sum();
    println!("{discipline}: {crowds} crowds from {first} on, in which {slept} slept at last");
    assert!(slept > 0, "a crowd of which nobody sleeps shows nothing");
}

#[test]
fn nobody_sleeps_at_a_stream_who_could_go_on() {
    nobody_sleeps_who_could_go_on("stream");
}

#[test]
fn nobody_sleeps_at_a_buffer_who_could_go_on() {
    nobody_sleeps_who_could_go_on("buffer");
}

#[test]
fn nobody_sleeps_at_a_log_who_could_go_on() {
    nobody_sleeps_who_could_go_on("log");
}

#[test]
fn nobody_sleeps_at_a_spool_who_could_go_on() {
    nobody_sleeps_who_could_go_on("spool");
}

#[test]
fn nobody_sleeps_at_a_stack_who_could_go_on() {
    nobody_sleeps_who_could_go_on("stack");
}
