// SPDX-License-Identifier: GPL-2.0

//! The model against the real thing: a slice of what `model` runs at full length.

use std::path::Path;

use mydevice_tests::{
    Module,
    model::{self, Plan, Real, crowd, settings::Discipline},
};

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
        for (capacity, drops) in [(31, false), (4096, false), (4096, true)] {
            let plan = crowd::Plan {
                seed: 3,
                operations: 200,
                processes: 4,
                discipline,
                capacity,
                drops,
            };
            let program = Path::new(env!("CARGO_BIN_EXE_model"));
            match crowd::run(&plan, program) {
                Ok(account) => println!("{plan:?}: {account:?}"),
                Err(error) => panic!("{error:#}"),
            }
        }
    }
}
