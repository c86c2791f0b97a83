// SPDX-License-Identifier: GPL-2.0

//! The model by itself, and against a copy of itself with a bug: these need no kernel.

use std::cell::Cell;

use super::{
    Plan, Subject,
    generate::Generator,
    operation::{Command, Operation, Transfer},
    outcome::Outcome,
    run,
    world::World,
};

/// Does what the model says, but for what `bug` makes of it.
struct Replica {
    world: World,
    bug: fn(&Operation, &mut Outcome),
    slow: bool,
}

impl Replica {
    fn new(bug: fn(&Operation, &mut Outcome)) -> Self {
        Self {
            world: World::default(),
            bug,
            slow: false,
        }
    }
}

impl Subject for Replica {
    fn reset(&mut self) {
        self.world = World::default();
    }

    fn perform(&mut self, operation: &Operation, _sleeps: bool) -> Outcome {
        let expected = self.world.step(operation).expect("something to do it on");
        let mut outcome = expected.allowed.last().expect("an outcome").clone();
        (self.bug)(operation, &mut outcome);
        outcome
    }

    fn was_disturbed(&self) -> bool {
        self.slow
    }
}

const PLAN: Plan = Plan {
    seed: 7,
    operations: 20_000,
    episode: 1000,
    discipline: None,
    differences: 1,
};

#[test]
fn a_device_that_keeps_the_contract_shows_no_difference() {
    let summary = run(&PLAN, &mut Replica::new(|_, _| {}));
    assert_eq!(
        (summary.operations, summary.differences.len()),
        (20_000, 0),
        "{summary}"
    );
}

/// A write that the watchdog's signal cut short, and that goes through when it is done again, is no difference; one that
/// is cut short without a signal, or each time, is.
#[test]
fn a_slow_machine_is_no_difference() {
    thread_local! {
        static WRITES: Cell<u32> = const { Cell::new(0) };
    }
    let once = |operation: &Operation, outcome: &mut Outcome| {
        if let (Operation::Write { .. }, Outcome::Number(n @ 2..)) = (operation, outcome) {
            WRITES.set(WRITES.get() + 1);
            *n -= i64::from(WRITES.get() == 500);
        }
    };
    let always = |operation: &Operation, outcome: &mut Outcome| {
        if let (Operation::Write { .. }, Outcome::Number(n @ 2..)) = (operation, outcome) {
            *n -= 1;
        }
    };
    let run = |bug, slow| {
        WRITES.set(0);
        let replica = Replica::new(bug);
        let summary = run(&PLAN, &mut Replica { slow, ..replica });
        (summary.differences.len(), summary.disturbed)
    };
    assert_eq!(run(once, false), (1, 0));
    assert_eq!(run(once, true), (0, 1));
    assert_eq!(run(always, true), (1, 0));
}

/// A bug that shows when a read brings at least 10 bytes takes an instance, an open or two, a write and a read.
#[test]
fn a_difference_is_shortened() {
    let bug = |operation: &Operation, outcome: &mut Outcome| {
        if let (Operation::Read { .. }, Outcome::Bytes(bytes)) = (operation, outcome)
            && bytes.len() >= 10
        {
            bytes.swap(8, 9);
        }
    };
    let summary = run(&PLAN, &mut Replica::new(bug));
    let [difference] = &summary.differences[..] else {
        panic!("{summary}");
    };
    assert!(
        (4..=6).contains(&difference.operations.len()),
        "{difference}"
    );
    let Some(Operation::Read { transfer, .. }) = difference.operations.last() else {
        panic!("{difference}");
    };
    assert_eq!(*transfer, Transfer::plain(10), "{difference}");
}

#[test]
fn the_same_seed_draws_the_same_operations() {
    let draw = |seed| {
        let (mut world, mut source) = (World::default(), Generator::new(seed, None));
        let operations = (0..500).map(|_| {
            let operation = source.draw(&world);
            world.step(&operation);
            operation
        });
        operations.collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

/// One instance, opened for both with `O_NONBLOCK` as descriptor 0.
fn instance(keys: &[(&'static str, &str)]) -> World {
    let mut world = World::default();
    let keys = keys.iter().map(|(key, value)| (*key, (*value).to_owned()));
    world.step(&Operation::Add {
        name: 0,
        keys: keys.collect(),
    });
    world.step(&Operation::Open {
        fd: 0,
        name: 0,
        side: "",
        flags: libc::O_RDWR | libc::O_NONBLOCK,
    });
    world
}

fn only(world: &mut World, operation: &Operation) -> Outcome {
    let expected = world.step(operation).expect("something to do it on");
    let [outcome] = &expected.allowed[..] else {
        panic!("{expected:?}");
    };
    outcome.clone()
}

fn write(world: &mut World, len: usize) -> Outcome {
    only(
        world,
        &Operation::Write {
            fd: 0,
            transfer: Transfer::plain(len),
            from: 0,
        },
    )
}

fn control(world: &mut World, command: Command) -> Outcome {
    only(
        world,
        &Operation::Control {
            fd: 0,
            command,
            bad: false,
        },
    )
}

/// "Grows by doubling from 1 byte: shown in STATUS step by step."
#[test]
fn a_stack_grows_by_doubling() {
    let mut world = instance(&[("discipline", "stack")]);
    let steps = [1; 5].map(|len| {
        write(&mut world, len);
        match control(&mut world, Command::Status) {
            Outcome::Status([capacity, ..]) => capacity,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(steps, [1, 2, 4, 4, 8]);
}

/// "`1234567890` resized to 5 reads `12345`."
#[test]
fn a_stream_keeps_its_first_bytes() {
    let mut world = instance(&[]);
    write(&mut world, 10);
    control(&mut world, Command::Resize(5));
    let read = Operation::Read {
        fd: 0,
        transfer: Transfer::plain(100),
    };
    let first = super::operation::pattern(0, 5).to_vec();
    assert_eq!(only(&mut world, &read), Outcome::Bytes(first));
}
