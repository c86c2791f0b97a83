// SPDX-License-Identifier: GPL-2.0

//! W6 and W7: every byte arrives once, and C14: the books balance.

use std::{
    io::Read,
    process::{Command, Stdio},
};

use mydevice_tests::{
    Instance, Module,
    guest::on_one_cpu,
    traffic::{self, Account, Plan},
};

/// 4 writers of 10,000 chunks of 32 bytes and 4 readers: every byte arrives once, counted per writer, with
/// the kernel log clean.
#[track_caller]
fn w6(capacity: u32, plan: &Plan) {
    let module = Module::load(&[&format!("buffer_size={capacity}")]);
    let account = traffic::run(&module.instance().node(), plan).unwrap();
    println!("{account}");
    assert_eq!(account.faults(), Vec::<String>::new());
    assert_eq!(account.received(), account.sent());
    c14_the_books_balance(&module.instance(), &account);

    let stats = module.instance().reader().stats();
    assert_eq!(stats.writes, plan.writers as u64 * u64::from(plan.chunks));
    assert_eq!((stats.bytes_truncated, stats.bytes_cleared), (0, 0));
    assert!(
        stats.high_water <= capacity.into(),
        "{} bytes waited in {capacity}",
        stats.high_water
    );
}

/// bytes written = bytes read + used + truncated + dropped by CLEAR.
#[track_caller]
fn c14_the_books_balance(instance: &Instance, account: &Account) {
    let device = instance.reader();
    let (stats, used) = (device.stats(), u64::from(device.status().bytes_used));
    assert_eq!(
        stats.bytes_written,
        stats.bytes_read + used + stats.bytes_truncated + stats.bytes_cleared,
        "{stats:?}"
    );
    assert_eq!(
        (stats.bytes_written, stats.bytes_read),
        (account.sent(), account.received()),
        "{stats:?}"
    );
}

/// At capacity 1 each of 1,280,000 bytes is handed over by two switches from thread to thread. Between CPUs
/// each of those is an interrupt, which costs an emulated machine up to a millisecond when its host is busy:
/// so here all are on one CPU.
#[test]
fn w6_every_byte_arrives_once_at_capacity_1() {
    on_one_cpu(|| w6(1, &Plan::CONTRACT));
}

/// What the CPUs do to each other at capacity 1 shows with fewer chunks as well.
#[test]
fn w6_every_byte_arrives_once_at_capacity_1_on_all_cpus() {
    w6(
        1,
        &Plan {
            chunks: 200,
            ..Plan::CONTRACT
        },
    );
}

#[test]
fn w6_every_byte_arrives_once_at_capacity_31() {
    w6(31, &Plan::CONTRACT);
}

#[test]
fn w6_every_byte_arrives_once_at_capacity_4096() {
    w6(4096, &Plan::CONTRACT);
}

#[test]
fn w6_every_byte_arrives_once_at_capacity_1048576() {
    w6(1048576, &Plan::CONTRACT);
}

/// The same while another process calls RESIZE and CLEAR without pause.
#[test]
fn w7_no_byte_arrives_twice_while_another_process_resizes_and_clears() {
    let module = Module::load(&[]);
    let node = module.instance().node();
    let mut disturber = Command::new(env!("CARGO_BIN_EXE_disturb"))
        .arg(&node)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starting the disturber");

    let account = traffic::run(
        &node,
        &Plan {
            disturbed: true,
            ..Plan::CONTRACT
        },
    );
    drop(disturber.stdin.take());
    let mut rounds = String::new();
    disturber
        .stdout
        .take()
        .expect("a pipe")
        .read_to_string(&mut rounds)
        .expect("reading what the disturber says");
    let ended = disturber.wait().expect("waiting for the disturber");

    let account = account.unwrap();
    println!("{account}; {} rounds of RESIZE and CLEAR", rounds.trim());
    assert!(ended.success(), "the disturber: {ended}");
    assert!(rounds.trim().parse::<u64>().expect("a number of rounds") > 0);
    assert_eq!(account.faults(), Vec::<String>::new());
    c14_the_books_balance(&module.instance(), &account);
    let stats = module.instance().reader().stats();
    assert!(
        stats.bytes_truncated + stats.bytes_cleared > 0,
        "nothing was dropped: {stats:?}"
    );
}
