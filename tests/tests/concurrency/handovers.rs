// SPDX-License-Identifier: GPL-2.0

//! No wake-up is lost: two processes hand something to each other so that each step of one wakes the other, which
//! sleeps. One lost wake-up, and both sleep for ever.
//!
//! `MYDEVICE_HANDOVERS` says how many sleeps there are to be, for each side that can wait and each capacity; a long
//! run is cut in pieces by it, or by the names of the tests.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use mydevice_tests::{
    Device, Instance, Module,
    guest::{Process, on_one_cpu},
    instance::DISCIPLINES,
    kmemleak, length,
    patience::PATIENCE,
    sleeper::times_slept,
    watchdog::where_it_sleeps,
};

const CAPACITIES: [usize; 4] = [1, 2, 31, 4096];

/// How many sleeps a play has.
struct Sleeps {
    /// In a slice.
    slice: u64,
    /// At its full length; a tenth of it on the debugging kernel, which takes more than ten times as long.
    full: u64,
}

const SLEEPS: Sleeps = Sleeps {
    slice: 150,
    full: 1_000_000,
};
/// The same where each follows a stalled copy, which takes thirty times as long as what others sleep for.
const STALLED: Sleeps = Sleeps {
    slice: 30,
    full: 10_000,
};

/// The same where each step starts threads.
const THREADS: Sleeps = Sleeps {
    slice: 60,
    full: 20_000,
};

/// What is repeated, and by whom.
///
/// `A` and `B` are instances with the play's settings. `X` and `Y` are streams of one byte, for signs whose wake-ups
/// are not what is counted. `T` is a log in which there is a record for each sleep that the driver does not count.
struct Play {
    settings: String,
    sleeps: Sleeps,
    /// What each process does, as the program `handover` takes it.
    processes: Vec<String>,
}

/// Lets the processes run until readers and writers have slept so often, and says how long that took. On one CPU a
/// hand-over is cheap; what CPUs do to each other needs more than one, and a part of the sleeps is done so. There,
/// everybody waits a random time before each step, longer than a wake-up takes from CPU to CPU: else one would always
/// be asleep when the other comes, and the moment at which it falls asleep would never be hit.
#[track_caller]
fn play(what: &str, play: &Play) {
    let Sleeps { slice, full } = play.sleeps;
    let full = full / if kmemleak::is_there() { 10 } else { 1 };
    let wanted = length("MYDEVICE_HANDOVERS", slice, full);
    let on_all = (wanted / 100).max(slice / 10);
    let (one, rate_on_one) = on_one_cpu(|| run(play, wanted.saturating_sub(on_all), ""));
    let (all, rate_on_all) = run(play, on_all, " j:600 ");
    println!(
        "{what}, {}: {one} sleeps on one CPU, {rate_on_one:.0} a second; {all} on all, {rate_on_all:.0} a second",
        play.settings
    );
}

#[track_caller]
fn run(play: &Play, wanted: u64, before_each: &str) -> (u64, f64) {
    let settings = ["a", "b"].map(|name| format!("{name} {}", play.settings));
    let signs = ["x", "y"].map(|name| format!("{name} discipline=stream capacity=1"));
    let tally = "t discipline=log".to_owned();
    let instances = [&settings[..], &signs, &[tally]].concat();
    let instances: Vec<_> = instances.iter().map(|it| Instance::add(it)).collect();
    let watch: Vec<_> = instances.iter().map(Instance::nonblocking).collect();
    let start = Instant::now();
    let processes: Vec<_> = play
        .processes
        .iter()
        .map(|steps| {
            let (first, forever) = steps.split_once("--").expect("steps behind --");
            let forever = forever.replace(' ', &format!("{before_each} "));
            let mut steps = format!("{first} -- {forever}");
            for name in ["A", "B", "X", "Y", "T"] {
                steps = steps.replace(name, &format!("/dev/mydevice-{}", name.to_lowercase()));
            }
            let steps: Vec<_> = steps.split_whitespace().collect();
            Process::start(env!("CARGO_BIN_EXE_handover"), &steps)
        })
        .collect();

    let (mut slept, mut moved) = (0, Instant::now());
    while slept < wanted {
        // Whoever looks takes a processor from them, on one CPU all the time.
        sleep(Duration::from_millis(2 + (wanted / 1_000).min(98)));
        let slept_ever = processes.iter().map(|process| times_slept(process.pid()));
        let now = waits(&watch).min(slept_ever.sum());
        if now > slept {
            (slept, moved) = (now, Instant::now());
        }
        let hangs = moved.elapsed() > PATIENCE / 3;
        if hangs || processes.iter().any(|process| process.has_ended()) {
            fail(&watch, &instances, processes, slept);
        }
    }
    let rate = slept as f64 / start.elapsed().as_secs_f64();
    drop(processes);
    drop(watch);
    for instance in &instances {
        assert_eq!(instance.remove(), Ok(()));
    }
    (slept, rate)
}

/// How often somebody had to wait at `A` or `B`, as the driver counts it, or as it was told to `T`. Not each waits asleep.
fn waits(watch: &[Device]) -> u64 {
    let [a, b, .., tally] = watch else {
        panic!("no instance to look at");
    };
    let stats = [a, b].map(Device::stats);
    let waits = stats.map(|stats| stats.reader_waits + stats.writer_waits);
    waits.iter().sum::<u64>() + tally.stats().writes
}

/// Says all that there is to say of a hand-over that came to a stop.
fn fail(watch: &[Device], instances: &[Instance], processes: Vec<Process>, slept: u64) -> ! {
    for (instance, device) in instances.iter().zip(watch) {
        eprintln!(
            "{}: {:?}\n{:?}\npoll says {:?}\n{}",
            instance.name(),
            device.status(),
            device.stats(),
            device.ready(),
            instance.proc_text(),
        );
    }
    for process in processes {
        eprintln!(
            "process {}:\n{}",
            process.pid(),
            where_it_sleeps(process.pid())
        );
        if process.has_ended() {
            eprintln!("{}", String::from_utf8_lossy(&process.join().stderr));
        }
    }
    panic!("nobody goes on after {slept} sleeps: a wake-up is lost, or a process failed");
}

/// Two processes of which each reads what the other writes: every read sleeps.
#[track_caller]
fn readers_wait(settings: &str) {
    play(
        "readers",
        &Play {
            settings: settings.to_owned(),
            sleeps: SLEEPS,
            processes: vec!["-- w:A:1 r:B:1".into(), "-- r:A:1 w:B:1".into()],
        },
    );
}

/// Two processes of which each writes where it is full until the other reads: every write sleeps.
#[track_caller]
fn writers_wait(settings: &str, len: usize) {
    play(
        "writers",
        &Play {
            settings: settings.to_owned(),
            sleeps: SLEEPS,
            processes: vec![
                format!("w:A:{len} -- w:A:{len} r:B:{len}"),
                format!("w:B:{len} -- r:A:{len} w:B:{len}"),
            ],
        },
    );
}

#[test]
fn no_wake_up_is_lost_of_stream_readers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        readers_wait(&format!("discipline=stream capacity={capacity}"));
    }
}

#[test]
fn no_wake_up_is_lost_of_stream_writers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        writers_wait(&format!("discipline=stream capacity={capacity}"), capacity);
    }
}

/// A writer that sleeps for room in the middle of its write.
#[test]
fn no_wake_up_is_lost_of_stream_writers_in_mid_write() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        let len = 2 * capacity + 1;
        play(
            "writers in mid-write",
            &Play {
                settings: format!("discipline=stream capacity={capacity}"),
                sleeps: SLEEPS,
                processes: vec![format!("-- w:A:{len}"), format!("-- r:A:{len}")],
            },
        );
    }
}

/// Writers that sleep for their turn while another is in mid-write.
#[test]
fn no_wake_up_is_lost_of_stream_writers_that_wait_for_their_turn() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        let len = capacity + 1;
        play(
            "writers by turns",
            &Play {
                settings: format!("discipline=stream capacity={capacity}"),
                sleeps: SLEEPS,
                // Three writers send the same, so the reader need not know whose it gets.
                processes: vec![
                    format!("-- z:A:{len}"),
                    format!("-- z:A:{len}"),
                    format!("-- z:A:{len}"),
                    "-- Z:A:1".to_owned(),
                ],
            },
        );
    }
}

/// Writers of a text that sleep for their turn while another is in mid-copy, and find room, or no room, after that.
#[test]
fn no_wake_up_is_lost_of_buffer_writers_that_wait_for_their_turn() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        let len = capacity.saturating_sub(2).max(1);
        let waits = "-- Z:X:1 e:A:1 z:Y:1".to_owned();
        play(
            "writers by turns",
            &Play {
                settings: format!("discipline=buffer capacity={capacity}"),
                sleeps: STALLED,
                processes: vec![format!("-- W:A:{len}:X Z:Y:2 c:A"), waits.clone(), waits],
            },
        );
    }
}

/// Readers that sleep for their turn while another is in mid-copy: for what is there, or for what comes after it.
#[test]
fn no_wake_up_is_lost_of_readers_that_wait_for_their_turn() {
    let _module = Module::load(&[]);
    for (discipline, limit) in [
        ("stream", "capacity"),
        ("stack", "on_empty=block max_capacity"),
    ] {
        for capacity in CAPACITIES {
            // What the two others read, as far as there is room for it.
            let theirs = "z:A:1 z:A:1";
            let copier = match (discipline, capacity) {
                (_, ..=2) => format!("w:A:1 R:A:1:X {theirs}"),
                ("stream", _) => format!("w:A:{0} {theirs} R:A:{0}:X", capacity - 2),
                // The newest first.
                _ => format!("{theirs} w:A:{0} R:A:{0}:X", capacity - 2),
            };
            let waits = "-- Z:X:1 Z:A:1 z:Y:1".to_owned();
            play(
                "readers by turns",
                &Play {
                    settings: format!("discipline={discipline} {limit}={capacity}"),
                    sleeps: STALLED,
                    processes: vec![format!("-- {copier} Z:Y:2"), waits.clone(), waits],
                },
            );
        }
    }
}

/// A CLEAR and a RESIZE that both sleep until a copy ends: the one is woken by whoever copied, the other by the one.
/// Whoever copied goes on when both have told it so.
#[track_caller]
fn overhauls_wait(settings: &str, capacity: usize, copy: &str) {
    play(
        "overhauls",
        &Play {
            settings: settings.to_owned(),
            sleeps: STALLED,
            processes: vec![
                format!("-- {copy} Z:Y:2 c:A"),
                "-- Z:X:1 C:A:0:T z:Y:1".to_owned(),
                format!("-- Z:X:1 S:A:{capacity}:T z:Y:1"),
            ],
        },
    );
}

/// Behind a writer. Where a write is copied before it takes a turn, it holds up neither.
#[test]
fn no_wake_up_is_lost_of_clear_and_resize_behind_a_writer() {
    let _module = Module::load(&[]);
    for discipline in ["stream", "buffer"] {
        for capacity in CAPACITIES {
            let settings = format!("discipline={discipline} capacity={capacity}");
            overhauls_wait(&settings, capacity, &format!("W:A:{capacity}:X"));
        }
    }
}

/// Behind a reader, of any discipline. (RESIZE of a spool moves nothing, and waits for nobody.)
#[test]
fn no_wake_up_is_lost_of_clear_and_resize_behind_a_reader() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        for capacity in CAPACITIES {
            let limit = match discipline {
                "stack" => "max_capacity",
                _ => "capacity",
            };
            let write = match discipline {
                "spool" => "f",
                _ => "w",
            };
            overhauls_wait(
                &format!("discipline={discipline} {limit}={capacity}"),
                capacity,
                &format!("{write}:A:{capacity} R:A:{capacity}:X"),
            );
        }
    }
}

/// Readers at the end of the text. Whoever has read it clears it, for no text grows for ever.
#[test]
fn no_wake_up_is_lost_of_buffer_readers_at_the_end() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        play(
            "readers",
            &Play {
                settings: format!("discipline=buffer capacity={capacity} on_empty=block"),
                sleeps: SLEEPS,
                processes: vec!["-- w:A:1 r:B:1 c:B".into(), "-- r:A:1 c:A w:B:1".into()],
            },
        );
    }
}

#[test]
fn no_wake_up_is_lost_of_log_readers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        readers_wait(&format!("discipline=log capacity={capacity}"));
    }
}

#[test]
fn no_wake_up_is_lost_of_stack_readers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        readers_wait(&format!(
            "discipline=stack on_empty=block max_capacity={capacity}"
        ));
    }
}

/// Writers of records that do not fit until the record that is there was taken.
#[test]
fn no_wake_up_is_lost_of_stack_writers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        let settings = format!("discipline=stack on_empty=block max_capacity={capacity}");
        writers_wait(&settings, capacity);
    }
}

/// Readers that wait for the next file, and for the end of it.
#[test]
fn no_wake_up_is_lost_of_spool_readers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        play(
            "readers",
            &Play {
                settings: format!("discipline=spool capacity={capacity}"),
                sleeps: SLEEPS,
                processes: vec!["-- f:A:1 n:B:1".into(), "-- n:A:1 f:B:1".into()],
            },
        );
    }
}

/// Readers that follow a file while it is being written.
#[test]
fn no_wake_up_is_lost_of_spool_followers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        readers_wait(&format!("discipline=spool capacity={capacity}"));
    }
}

/// Readers that take a byte of a file and let go of the rest, so that what others are woken for may be a file of which
/// nothing is there yet.
#[test]
fn no_wake_up_is_lost_of_spool_readers_that_let_go() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        let [reads, writes] = ["-- l:A:1 z:Y:1", "-- F:A:2 Z:Y:2"].map(str::to_owned);
        play(
            "readers that let go",
            &Play {
                settings: format!("discipline=spool capacity={capacity}"),
                sleeps: SLEEPS,
                processes: [vec![reads; 3], vec![writes; 2]].concat(),
            },
        );
    }
}

/// Readers of one open, in threads, of which the first claims a file for all of them.
#[test]
fn no_wake_up_is_lost_of_spool_readers_of_one_open() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        play(
            "readers of one open",
            &Play {
                settings: format!("discipline=spool capacity={capacity}"),
                sleeps: THREADS,
                processes: vec!["-- t:A:4 z:Y:1".to_owned(), "-- F:A:4 Z:Y:1".to_owned()],
            },
        );
    }
}

#[test]
fn no_wake_up_is_lost_of_spool_writers() {
    let _module = Module::load(&[]);
    for capacity in CAPACITIES {
        writers_wait(&format!("discipline=spool capacity={capacity}"), capacity);
    }
}
