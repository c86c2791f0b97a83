// SPDX-License-Identifier: GPL-2.0

//! The model against the real thing: a slice of what `model` runs at full length.

use std::path::Path;

use mydevice_tests::{
    Module,
    model::{
        self, Plan, Real,
        crowd::{self, Course},
        settings::Discipline,
    },
};

use Course::{Drops, Files, Keeps, Removes};

fn no_difference(discipline: Option<Discipline>, seed: u64, operations: usize) {
    let _module = Module::load(&[]);
    let plan = Plan {
        seed,
        operations,
        episode: 1000,
        discipline,
        differences: 1,
    };
    let summary = model::run(&plan, &mut Real::new());
    println!("seed {seed}: {summary}");
    assert!(summary.differences.is_empty(), "see the sequence above");
}

/// Every return value, errno, byte and counter is what the contract says, in any order of calls.
#[test]
fn random_operations_do_what_the_contract_says() {
    no_difference(None, 1, 10_000);
}

/// The same where all instances are of one discipline, so that more happens to each.
#[test]
fn random_operations_on_each_discipline_do_what_the_contract_says() {
    for discipline in Discipline::ALL {
        no_difference(Some(discipline), 2, 4_000);
    }
}

/// Conservation of bytes, whole records, whole files, no torn `/proc` line: with four processes at once.
#[test]
fn nothing_is_lost_torn_or_mixed_among_processes() {
    let _module = Module::load(&[]);
    for discipline in Discipline::ALL {
        // The others are for the full length.
        for (capacity, course) in [(31, Keeps), (4096, Keeps), (4096, Drops)] {
            crowd(discipline, capacity, course, 200, 3);
        }
    }
}

/// Hot removal while everybody is in the middle of a call: what was counted until then is what was done, and a call
/// that has moved bytes returns its count; every other and every later one gives ENODEV.
#[test]
fn what_was_counted_before_a_removal_holds() {
    let _module = Module::load(&[]);
    for discipline in Discipline::ALL {
        crowd(discipline, 4096, Removes, 50, 3);
    }
}

/// Files queue in the order of their first write: each reader gets those of one writer in that order, and all readers
/// together each file once.
#[test]
fn files_come_whole_and_in_the_order_in_which_they_were_begun() {
    let _module = Module::load(&[]);
    for capacity in [31, 4096] {
        crowd(Discipline::Spool, capacity, Files, 100, 3);
    }
}

/// Four processes on one instance.
#[track_caller]
fn crowd(discipline: Discipline, capacity: u64, course: Course, operations: usize, seed: u64) {
    let plan = crowd::Plan {
        seed,
        operations,
        processes: 4,
        discipline,
        capacity,
        course,
    };
    match crowd::run(&plan, Path::new(env!("CARGO_BIN_EXE_model"))) {
        Ok(account) => println!("{plan:?}: {account:?}"),
        Err(error) => panic!("{error:#}"),
    }
}
