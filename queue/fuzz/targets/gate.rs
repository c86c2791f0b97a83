// SPDX-License-Identifier: GPL-2.0

//! The gate against the table in its description, misuse included.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::gate::Gate;

#[derive(Arbitrary, Debug)]
enum Step {
    TakeTurn,
    BeginWrite,
    EndWrite,
    ReleaseTurn,
    BeginAlone,
    EndAlone,
    BeginShared,
    EndShared,
    BeginOverhaul,
    EndOverhaul,
}

/// Who is there, as the columns of the table have them.
#[derive(Default)]
struct Model {
    turn: bool,
    /// The turn was given back in the middle of the copy.
    given_back: bool,
    write_copy: bool,
    alone: bool,
    shared: u32,
    overhaul: bool,
}

fuzz_target!(|steps: Vec<Step>| {
    let mut gate = Gate::new();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::TakeTurn => {
                let may = !model.turn;
                model.turn |= may;
                assert_eq!(gate.take_write_turn(), may);
            }
            Step::BeginWrite => {
                let may = model.turn && !model.write_copy && !model.overhaul;
                model.write_copy |= may;
                assert_eq!(gate.begin_write_copy(), may);
            }
            Step::EndWrite => {
                model.write_copy = false;
                model.turn &= !std::mem::take(&mut model.given_back);
                gate.end_write_copy();
            }
            Step::ReleaseTurn => {
                match model.write_copy {
                    true => model.given_back = true,
                    false => model.turn = false,
                }
                gate.release_write_turn();
            }
            Step::BeginAlone => {
                let may = !model.alone && model.shared == 0 && !model.overhaul;
                model.alone |= may;
                assert_eq!(gate.begin_read_alone(), may);
            }
            Step::EndAlone => {
                model.alone = false;
                gate.end_read_alone();
            }
            Step::BeginShared => {
                let may = !model.alone;
                model.shared += u32::from(may);
                assert_eq!(gate.begin_read_shared(), may);
            }
            Step::EndShared => {
                model.shared = model.shared.saturating_sub(1);
                gate.end_read_shared();
            }
            Step::BeginOverhaul => {
                let copies = model.write_copy || model.alone || model.shared > 0;
                let may = !copies && !model.overhaul;
                model.overhaul |= may;
                assert_eq!(gate.idle(), may);
                assert_eq!(gate.begin_overhaul(), may);
            }
            Step::EndOverhaul => {
                model.overhaul = false;
                gate.end_overhaul();
            }
        }
        assert_eq!(gate.write_turn_free(), !model.turn);
        assert_eq!(gate.reading_alone(), model.alone);
        assert_eq!(gate.reading_shared(), model.shared > 0);
        assert_eq!(gate.overhauling(), model.overhaul);
        // What the copies rely on.
        assert!(!(model.overhaul && (model.write_copy || model.alone)));
        assert!(!(model.alone && model.shared > 0));
    }
});
