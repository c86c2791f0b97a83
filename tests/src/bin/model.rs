// SPDX-License-Identifier: GPL-2.0

//! `model`: random operations on the device, compared with the contract.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, builder::PossibleValuesParser};
use mydevice_tests::{
    Module,
    instance::DISCIPLINES,
    model::{self, Plan, Real, crowd, settings::Discipline},
};

/// Loads the module, does random operations on it, and compares all that is seen with what the contract says.
/// The same seed repeats a run; the first difference is shortened and printed.
///
/// With several processes each does so many operations on the same instance, of each discipline and capacity in
/// turn, and what must hold whatever comes first is checked.
#[derive(Parser)]
struct Arguments {
    /// Where the operations come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many operations
    #[arg(long, default_value_t = 1_000_000)]
    operations: usize,
    /// How many of them before all begins anew
    #[arg(long, default_value_t = 1000)]
    episode: usize,
    /// After how many differences to end
    #[arg(long, default_value_t = 1)]
    differences: usize,
    /// Instances of that discipline only
    #[arg(long, value_parser = PossibleValuesParser::new(DISCIPLINES))]
    discipline: Option<String>,
    /// How many processes, 1 to 8
    #[arg(long, default_value_t = 1)]
    processes: usize,
    /// The number of this process among several
    #[arg(long, hide = true)]
    worker: Option<usize>,
    /// The instance's capacity
    #[arg(long, hide = true, default_value_t = 4096)]
    capacity: u64,
    /// How the run goes
    #[arg(long, hide = true, value_enum, default_value = "keeps")]
    course: crowd::Course,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let only = arguments.discipline.as_deref().and_then(Discipline::named);
    if let (Some(number), Some(discipline)) = (arguments.worker, only) {
        let plan = crowd::Plan {
            seed: arguments.seed,
            operations: arguments.operations,
            processes: arguments.processes,
            discipline,
            capacity: arguments.capacity,
            course: arguments.course,
        };
        println!("{}", crowd::work(&plan, number)?.line());
        return Ok(ExitCode::SUCCESS);
    }
    let _module = Module::load(&[]);
    if arguments.processes > 1 {
        return several(&arguments, only);
    }
    let plan = Plan {
        seed: arguments.seed,
        operations: arguments.operations,
        episode: arguments.episode,
        differences: arguments.differences,
        discipline: only,
    };
    let summary = model::run(&plan, &mut Real::new());
    println!("seed {}: {summary}", plan.seed);
    Ok(match summary.differences.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn several(arguments: &Arguments, only: Option<Discipline>) -> Result<ExitCode> {
    let program = std::env::current_exe().context("looking for this program")?;
    let chosen = |it: &Discipline| only.is_none_or(|only| only == *it);
    for discipline in Discipline::ALL.into_iter().filter(chosen) {
        let suiting = |it: &(u64, crowd::Course)| it.1.suits(discipline);
        for (capacity, course) in crowd::VARIANTS.into_iter().filter(suiting) {
            let plan = crowd::Plan {
                seed: arguments.seed,
                operations: arguments.operations,
                processes: arguments.processes,
                discipline,
                capacity,
                course,
            };
            let account = crowd::run(&plan, &program)?;
            println!("{plan:?}: {account:?}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
