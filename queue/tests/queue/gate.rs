// SPDX-License-Identifier: GPL-2.0

//! The gate, in every state that one writer, a reader alone, up to three shared readers and an
//! overhaul can bring it to, and by every operation there, misuse included.

use super::explore::every_state;
use mydevice_queue::gate::Gate;

const MOST_SHARED: u8 = 3;

/// What the gate has granted so far and was not given back: what the callers believe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Granted {
    turn: bool,
    write_copy: bool,
    alone: bool,
    shared: u8,
    overhaul: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    TakeTurn,
    ReleaseTurn,
    BeginWrite,
    EndWrite,
    BeginAlone,
    EndAlone,
    BeginShared,
    EndShared,
    BeginOverhaul,
    EndOverhaul,
}

const EVERY_OP: [Op; 10] = [
    Op::TakeTurn,
    Op::ReleaseTurn,
    Op::BeginWrite,
    Op::EndWrite,
    Op::BeginAlone,
    Op::EndAlone,
    Op::BeginShared,
    Op::EndShared,
    Op::BeginOverhaul,
    Op::EndOverhaul,
];

impl Granted {
    fn anybody_copies(&self) -> bool {
        self.write_copy || self.alone || self.shared > 0
    }

    /// The contract: whether `op` may begin now. `None` for an op that ends something.
    fn may(&self, op: Op) -> Option<bool> {
        Some(match op {
            Op::TakeTurn => !self.turn && !self.write_copy,
            Op::BeginWrite => self.turn && !self.write_copy && !self.overhaul,
            Op::BeginAlone => !self.alone && self.shared == 0 && !self.overhaul,
            Op::BeginShared => !self.alone,
            Op::BeginOverhaul => !self.anybody_copies() && !self.overhaul,
            _ => return None,
        })
    }

    fn after(mut self, op: Op) -> Granted {
        match op {
            Op::TakeTurn => self.turn = true,
            Op::ReleaseTurn => self.turn = false,
            Op::BeginWrite => self.write_copy = true,
            Op::EndWrite => self.write_copy = false,
            Op::BeginAlone => self.alone = true,
            Op::EndAlone => self.alone = false,
            Op::BeginShared => self.shared += 1,
            Op::EndShared => self.shared = self.shared.saturating_sub(1),
            Op::BeginOverhaul => self.overhaul = true,
            Op::EndOverhaul => self.overhaul = false,
        }
        self
    }
}

/// Does `op`; for one that begins something, whether it was granted.
fn apply(gate: &mut Gate, op: Op) -> Option<bool> {
    match op {
        Op::TakeTurn => return Some(gate.take_write_turn()),
        Op::BeginWrite => return Some(gate.begin_write_copy()),
        Op::BeginAlone => return Some(gate.begin_read_alone()),
        Op::BeginShared => return Some(gate.begin_read_shared()),
        Op::BeginOverhaul => return Some(gate.begin_overhaul()),
        Op::ReleaseTurn => gate.release_write_turn(),
        Op::EndWrite => gate.end_write_copy(),
        Op::EndAlone => gate.end_read_alone(),
        Op::EndShared => gate.end_read_shared(),
        Op::EndOverhaul => gate.end_overhaul(),
    }
    None
}

type State = (Gate, Granted);

fn step((gate, granted): &State, op: Op) -> State {
    let mut after = gate.clone();
    let answer = apply(&mut after, op);
    assert_eq!(answer, granted.may(op), "{op:?} with {granted:?}");
    if answer == Some(false) {
        assert_eq!(&after, gate, "refusing {op:?} changed {granted:?}");
        return (after, *granted);
    }
    let granted_after = granted.after(op);
    if granted_after == *granted {
        assert_eq!(
            &after, gate,
            "{op:?} ended nothing, and changed {granted:?}"
        );
    }
    (after, granted_after)
}

fn reachable() -> impl Iterator<Item = State> {
    let start = (Gate::new(), Granted::default());
    let states = every_state(start, |state| {
        let room = |op: &Op| *op != Op::BeginShared || state.1.shared < MOST_SHARED;
        let ops = EVERY_OP.into_iter().filter(room);
        ops.map(|op| step(state, op)).collect()
    });
    states.into_iter()
}

#[test]
fn every_operation_is_granted_exactly_when_the_contract_says() {
    // The asserts are in `step`. Without an overhaul: (no turn, a turn, copying, copying with the
    // turn given back) times (no reader, alone, one to three shared). With one: (no turn, a turn)
    // times (no reader, one to three shared).
    assert_eq!(reachable().count(), 4 * 5 + 2 * 4);
}

#[test]
fn nobody_copies_beside_one_who_must_be_alone() {
    for (_, granted) in reachable() {
        assert!(
            !(granted.overhaul && (granted.write_copy || granted.alone)),
            "{granted:?}"
        );
        assert!(!(granted.alone && granted.shared > 0), "{granted:?}");
    }
}

#[test]
fn the_gate_tells_its_state_as_it_is() {
    for (gate, granted) in reachable() {
        assert_eq!(
            gate.write_turn_free(),
            !granted.turn && !granted.write_copy,
            "{granted:?}"
        );
        assert_eq!(gate.reading_alone(), granted.alone, "{granted:?}");
        assert_eq!(gate.reading_shared(), granted.shared > 0, "{granted:?}");
        assert_eq!(gate.overhauling(), granted.overhaul, "{granted:?}");
        assert_eq!(
            gate.idle(),
            !granted.anybody_copies() && !granted.overhaul,
            "{granted:?}"
        );
    }
}

#[test]
fn the_sides_overlap_and_an_overhaul_passes_over_a_sleeping_writer() {
    let all: Vec<Granted> = reachable().map(|(_, granted)| granted).collect();
    assert!(all.iter().any(|now| now.write_copy && now.alone));
    assert!(all
        .iter()
        .any(|now| now.write_copy && now.shared == MOST_SHARED));
    assert!(all.iter().any(|now| now.overhaul && now.turn));
}

#[test]
fn when_everybody_has_ended_the_gate_is_as_new() {
    for (mut gate, granted) in reachable() {
        let ends = [Op::EndOverhaul, Op::EndAlone, Op::EndWrite, Op::ReleaseTurn];
        for op in ends
            .into_iter()
            .chain([Op::EndShared; MOST_SHARED as usize])
        {
            apply(&mut gate, op);
        }
        assert_eq!(gate, Gate::default(), "after {granted:?}");
    }
}
