// SPDX-License-Identifier: GPL-2.0

//! Makes a sequence that shows a difference as short as it goes.

use super::{
    Difference, Episode, LOOK_AROUND, Subject,
    operation::{Command, Operation, Transfer},
};

/// Leaves out operations and makes numbers small as long as any difference is left. Gives the sequence back
/// if there is none the second time.
///
/// A difference that was seen in a look around shows at any place only if there is one after each operation.
pub fn shorten(
    subject: &mut dyn Subject,
    operations: Vec<Operation>,
) -> Result<Difference, Vec<Operation>> {
    let around = match operations.len().is_multiple_of(LOOK_AROUND) {
        true => 1,
        false => usize::MAX,
    };
    let mut replay = |operations: &[Operation]| replay(subject, around, operations);
    let Some(mut shortest) = replay(&operations) else {
        return Err(operations);
    };
    loop {
        let before = shortest.operations.clone();
        leave_out(&mut replay, &mut shortest);
        make_small(&mut replay, &mut shortest);
        if shortest.operations == before {
            return Ok(shortest);
        }
    }
}

/// Does a sequence from nothing on.
type Replay<'a> = dyn FnMut(&[Operation]) -> Option<Difference> + 'a;

/// The difference that a sequence leads to from nothing on, with the operations up to it.
fn replay(
    subject: &mut dyn Subject,
    around: usize,
    operations: &[Operation],
) -> Option<Difference> {
    let mut episode = Episode::new(subject, around);
    operations.iter().enumerate().find_map(|(n, operation)| {
        let mismatch = *episode.step(operation).err()?;
        Some(Difference {
            seed: 0,
            operations: operations[..=n].to_vec(),
            at: mismatch.at,
            allowed: mismatch.allowed,
            seen: mismatch.seen,
        })
    })
}

/// Tries to do without halves, quarters, and so on down to single operations.
fn leave_out(replay: &mut Replay<'_>, shortest: &mut Difference) {
    let mut size = shortest.operations.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from + size <= shortest.operations.len() {
            let mut without = shortest.operations.clone();
            without.drain(from..from + size);
            match replay(&without) {
                Some(difference) => *shortest = difference,
                None => from += size,
            }
        }
        size /= 2;
    }
}

/// Tries simpler forms of each operation.
fn make_small(replay: &mut Replay<'_>, shortest: &mut Difference) {
    let mut n = 0;
    while n < shortest.operations.len() {
        let simpler = simpler(&shortest.operations[n]).into_iter().find_map(|it| {
            let mut changed = shortest.operations.clone();
            changed[n] = it;
            replay(&changed)
        });
        match simpler {
            Some(difference) => *shortest = difference,
            None => n += 1,
        }
    }
}

/// Simpler forms of an operation, the simplest first. None is simpler than a form that leads to it.
fn simpler(operation: &Operation) -> Vec<Operation> {
    match operation {
        Operation::Read { fd, transfer } => simpler_transfers(*transfer)
            .into_iter()
            .map(|transfer| Operation::Read { fd: *fd, transfer })
            .collect(),
        Operation::Write { fd, transfer, from } => {
            let (fd, from) = (*fd, *from);
            let mut forms: Vec<_> = simpler_transfers(*transfer)
                .into_iter()
                .map(|transfer| Operation::Write { fd, transfer, from })
                .collect();
            if from != 0 {
                forms.push(Operation::Write {
                    fd,
                    transfer: *transfer,
                    from: 0,
                });
            }
            forms
        }
        Operation::Control {
            fd,
            command: Command::Resize(capacity),
            bad,
        } => smaller(*capacity as usize)
            .map(|capacity| Operation::Control {
                fd: *fd,
                command: Command::Resize(capacity as u32),
                bad: *bad,
            })
            .collect(),
        Operation::Add { name, keys } => {
            let fewer = (0..keys.len()).map(|n| {
                let mut keys = keys.clone();
                keys.remove(n);
                keys
            });
            let smaller = keys.iter().enumerate().flat_map(|(n, (_, value))| {
                let numbers = value.parse().ok().map(smaller).into_iter().flatten();
                numbers.map(move |number| {
                    let mut keys = keys.clone();
                    keys[n].1 = number.to_string();
                    keys
                })
            });
            fewer
                .chain(smaller)
                .map(|keys| Operation::Add { name: *name, keys })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_transfers(transfer: Transfer) -> Vec<Transfer> {
    let mut forms = Vec::new();
    let mut form = |change: &dyn Fn(&mut Transfer)| {
        let mut changed = transfer;
        change(&mut changed);
        changed.good = changed.good.min(changed.len);
        if changed != transfer {
            forms.push(changed);
        }
    };
    form(&|it| *it = Transfer::plain(it.len));
    form(&|it| it.nowait = false);
    form(&|it| it.pieces = it.pieces.min(1));
    form(&|it| it.good = it.len);
    for len in smaller(transfer.len) {
        form(&|it| (it.len, it.good) = (len, if it.good == it.len { len } else { it.good }));
    }
    for good in smaller(transfer.good).filter(|_| transfer.good < transfer.len) {
        form(&|it| it.good = good);
    }
    forms
}

/// Smaller numbers, the smallest first: ever nearer by halves, so that the least is soon found.
fn smaller(number: usize) -> impl Iterator<Item = usize> {
    let steps = std::iter::successors(Some(number / 2), |step| Some(step / 2));
    let steps = steps.take_while(|step| *step > 0);
    let mut numbers: Vec<_> = [0, 1]
        .into_iter()
        .chain(steps.map(|it| number - it))
        .collect();
    numbers.retain(|it| *it < number);
    numbers.dedup();
    numbers.into_iter()
}
