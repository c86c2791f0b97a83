// SPDX-License-Identifier: GPL-2.0

//! The contract as a program, and random sequences of operations that are done on it and on the device.
//!
//! - [`operation`] is what can be done, [`generate`] draws it from a seed, [`outcome`] is what is seen of it.
//! - [`world`] is the model: [`instance`], [`files`](instance::Instance) and [`settings`] say what the
//!   contract and the docs say, in the plainest way, and share no code with the driver.
//! - [`real`] does the same on the device.
//! - [`crowd`] lets several processes loose on one instance, where no order can be foreseen, and checks what
//!   must hold without one.
//!
//! A run is made of episodes, each of which begins with nothing. After every operation the counters of the
//! instance that it was about are compared as well, and now and then those of all. Where a difference is
//! found the episode is shortened: operations are left out, and numbers made small, as long as any
//! difference is left.

pub mod crowd;
mod files;
pub mod generate;
pub mod instance;
pub mod open;
pub mod operation;
pub mod outcome;
pub mod real;
pub mod settings;
mod shorten;
#[cfg(test)]
mod tests;
mod transfer;
pub mod world;

use std::{
    fmt,
    time::{Duration, Instant},
};

use generate::Generator;
use operation::{Command, DESCRIPTORS, NAMES, Operation};
use outcome::Outcome;
pub use real::Real;
use settings::Discipline;
use world::World;

/// After so many operations everything is compared, not just what the last one was about.
const LOOK_AROUND: usize = 64;
/// How often a run says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// What the model is compared with.
pub trait Subject {
    /// Closes everything and removes everything.
    fn reset(&mut self);
    /// Does one operation, which will sleep until a signal comes if `sleeps`.
    fn perform(&mut self, operation: &Operation, sleeps: bool) -> Outcome;
    /// Whether the last operation met a signal, be it one that was to end its sleep or one that is meant for a call that
    /// hangs. On a slow machine either may have come before the call got so far.
    fn was_disturbed(&self) -> bool {
        false
    }
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where the operations come from.
    pub seed: u64,
    /// How many.
    pub operations: usize,
    /// How many before all begins anew.
    pub episode: usize,
    /// Instances of that discipline only.
    pub discipline: Option<Discipline>,
    /// After so many differences it ends.
    pub differences: usize,
}

/// Where the device did not do what the contract says.
#[derive(Debug)]
pub struct Difference {
    /// The seed of the episode.
    pub seed: u64,
    /// The operations that lead there.
    pub operations: Vec<Operation>,
    /// What was compared: the last operation, or a look at the counters after it.
    pub at: Operation,
    /// What the contract allows.
    pub allowed: Vec<Outcome>,
    /// What was seen.
    pub seen: Outcome,
}

/// What a run has done.
#[derive(Debug, Default)]
pub struct Summary {
    /// Operations.
    pub operations: usize,
    /// Comparisons: operations, and looks at counters.
    pub compared: usize,
    /// Calls that slept until a signal.
    pub slept: usize,
    /// Episodes that ended at a call for which the machine was too slow.
    pub disturbed: usize,
    /// How long it took.
    pub took: Duration,
    /// What was found.
    pub differences: Vec<Difference>,
}

/// Runs a plan, and tells how it goes. An episode ends at its first difference, which is shortened.
pub fn run(plan: &Plan, subject: &mut dyn Subject) -> Summary {
    let start = Instant::now();
    let (mut summary, mut told) = (Summary::default(), start);
    let mut episodes = fastrand::Rng::with_seed(plan.seed);
    // The first episode's seed is the run's, so that one episode can be run again by itself.
    let mut seed = plan.seed;
    while summary.operations < plan.operations && summary.differences.len() < plan.differences {
        let len = plan.episode.min(plan.operations - summary.operations);
        let mut episode = Episode::new(subject, LOOK_AROUND);
        let mut source = Generator::new(seed, plan.discipline);
        let mut done = Vec::with_capacity(len);
        let mut mismatch = None;
        while done.len() < len && mismatch.is_none() {
            let operation = source.draw(&episode.world);
            mismatch = episode.step(&operation).err();
            done.push(operation);
            if told.elapsed() > PROGRESS {
                told = Instant::now();
                let operations = summary.operations + done.len();
                println!("{operations} operations, in the episode of seed {seed}");
            }
        }
        summary.operations += done.len();
        summary.compared += episode.compared;
        summary.slept += episode.slept;
        if let Some(Mismatch {
            at,
            allowed,
            seen,
            disturbed,
        }) = mismatch.map(|it| *it)
        {
            eprintln!(
                "seed {seed}: a difference at operation {}, to be shortened: {at}: {seen:?}, not {allowed:?}",
                done.len()
            );
            let found = match shorten::shorten(subject, done) {
                Ok(found) => Some(Difference { seed, ..found }),
                // A call that hangs does so each time; one that was only held up for long goes through the next.
                Err(_) if disturbed => {
                    eprintln!("it does not come again: a signal came too early");
                    summary.disturbed += 1;
                    None
                }
                // It does not come again either: all that is known is what was seen.
                Err(operations) => Some(Difference {
                    seed,
                    operations,
                    at,
                    allowed,
                    seen,
                }),
            };
            if let Some(found) = found {
                println!("{found}\n");
                summary.differences.push(found);
            }
        }
        seed = episodes.u64(..);
    }
    subject.reset();
    summary.took = start.elapsed();
    summary
}

/// A comparison that failed.
struct Mismatch {
    at: Operation,
    allowed: Vec<Outcome>,
    seen: Outcome,
    /// It was seen in a call that met a signal.
    disturbed: bool,
}

/// The model and its subject side by side, from nothing on.
struct Episode<'a> {
    world: World,
    subject: &'a mut dyn Subject,
    /// After so many operations everything is compared.
    around: usize,
    steps: usize,
    compared: usize,
    slept: usize,
}

impl<'a> Episode<'a> {
    fn new(subject: &'a mut dyn Subject, around: usize) -> Self {
        subject.reset();
        Self {
            world: World::default(),
            subject,
            around,
            steps: 0,
            compared: 0,
            slept: 0,
        }
    }

    /// Does one operation on both, and looks at the counters.
    fn step(&mut self, operation: &Operation) -> Result<(), Box<Mismatch>> {
        self.compare(operation)?;
        self.steps += 1;
        if self.steps.is_multiple_of(self.around) {
            for fd in 0..DESCRIPTORS {
                self.compare(&Operation::Poll { fd })?;
                self.look(fd, Command::Unread)?;
                self.look(fd, Command::Status)?;
                self.look(fd, Command::Stats)?;
            }
            return (0..NAMES.len()).try_for_each(|name| self.compare(&Operation::Proc { name }));
        }
        match operation {
            Operation::Read { fd, .. }
            | Operation::Write { fd, .. }
            | Operation::Control { fd, .. } => {
                self.look(*fd, Command::Status)?;
                self.look(*fd, Command::Stats)
            }
            Operation::Open { name, .. }
            | Operation::Remove { name }
            | Operation::Add { name, .. }
            | Operation::Store { name, .. } => self.compare(&Operation::Proc { name: *name }),
            _ => Ok(()),
        }
    }

    fn look(&mut self, fd: usize, command: Command) -> Result<(), Box<Mismatch>> {
        self.compare(&Operation::Control {
            fd,
            command,
            bad: false,
        })
    }

    fn compare(&mut self, operation: &Operation) -> Result<(), Box<Mismatch>> {
        let before = self.world.is_open(operation).then(|| self.world.clone());
        let Some(expected) = self.world.step(operation) else {
            return Ok(());
        };
        let seen = self.subject.perform(operation, expected.sleeps);
        self.compared += 1;
        self.slept += usize::from(expected.sleeps);
        if !expected.allows(&seen) {
            return Err(Box::new(Mismatch {
                at: operation.clone(),
                allowed: expected.allowed,
                seen,
                disturbed: self.subject.was_disturbed(),
            }));
        }
        let early = expected.allowed.first() != Some(&seen);
        self.world.saw(before.filter(|_| early), operation, &seen);
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a difference in the episode of seed {}:", self.seed)?;
        for (n, operation) in self.operations.iter().enumerate() {
            writeln!(f, "{:4}  {operation}", n + 1)?;
        }
        if self.operations.last() != Some(&self.at) {
            writeln!(f, "then  {}", self.at)?;
        }
        for (n, outcome) in self.allowed.iter().enumerate() {
            let what = if n == 0 { "the contract says" } else { "or" };
            writeln!(f, "{what:>20}: {outcome:?}")?;
        }
        write!(f, "{:>20}: {:?}", "the device", self.seen)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operations,
            compared,
            slept,
            disturbed,
            took,
            differences,
        } = self;
        let rate = *operations as f64 / took.as_secs_f64().max(1e-9);
        write!(
            f,
            "{operations} operations, {} differences: {compared} comparisons, {slept} interrupted sleeps, {disturbed} \
             episodes cut short by a slow machine, in {:.1} s, {rate:.0} operations/s",
            differences.len(),
            took.as_secs_f64()
        )
    }
}
