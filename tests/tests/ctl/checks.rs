// SPDX-License-Identifier: GPL-2.0

//! `bench`, `stress`, `doctor`.

use mydevice_tests::{
    Instance, Module, eventually,
    guest::{Process, entries},
};
use nix::{fcntl::OFlag, sys::signal::Signal};

use crate::tool::{json, ok, program, refusal, refused, run, run_as_nobody};

fn instances() -> Vec<String> {
    let mut names = entries("/sys/class/mydevice_class");
    names.retain(|name| name.starts_with("mydevice"));
    names
}

#[test]
fn bench_measures_a_pipe_and_a_stream() {
    let _module = Module::load(&[]);
    let figures = json("bench --time 0.1 --size 64,4K");
    let figures = figures.as_array().unwrap();
    assert_eq!(figures.len(), 2);
    for (figure, size) in figures.iter().zip([64, 4096]) {
        assert_eq!(figure["size"], size);
        for side in ["pipe_bytes_per_second", "stream_bytes_per_second"] {
            assert!(figure[side].as_f64().unwrap() > 0.0, "{figure}");
        }
    }
    let table = ok("bench --time 0.05 --size 1K");
    assert!(table.contains("RATIO") && table.contains("1K"), "{table}");
    assert_eq!(instances(), ["mydevice"], "nothing stays");
    refused("bench --size 0", 2, &["move nothing"]);
    let run = run_as_nobody("bench");
    refusal(&run, "bench", 5, &["EACCES", "an instance of its own"]);
}

#[test]
fn stress_counts_every_byte() {
    let _module = Module::load(&[]);
    let outcome = json("stress --chunks 500");
    assert_eq!(outcome["bytes_sent"], 4 * 500 * 32);
    assert_eq!(outcome["bytes_arrived"], 4 * 500 * 32);
    assert_eq!(outcome["bytes_wrong"], 0);
    for capacity in [1, 31] {
        let said = ok(&format!(
            "stress --chunks 20 --writers 2 --readers 3 --capacity {capacity}"
        ));
        assert!(said.ends_with("every byte arrived once\n"), "{said}");
    }
    assert_eq!(instances(), ["mydevice"], "nothing stays");
    refused("stress --writers 5", 2, &["5"]);
}

/// A loss is found: here somebody else takes bytes away.
#[test]
fn stress_finds_a_loss() {
    let _module = Module::load(&[]);
    let program = program().display().to_string();
    let words = "stress --chunks 2000 --capacity 31 --patience 1 --json";
    let stress = Process::start(&program, &words.split(' ').collect::<Vec<_>>());
    let mut thief = None;
    // Its entry in the class comes before its node.
    eventually("the instance of the check can be opened", || {
        let victim = instances().into_iter().find(|name| name.contains("stress"));
        thief = victim.and_then(|name| Instance::named(&name).open(OFlag::O_RDONLY).ok());
        thief.is_some()
    });
    let thief = thief.unwrap();
    assert!(!thief.take(64).is_empty());
    drop(thief);
    let output = stress.join();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(instances(), ["mydevice"], "nothing stays");
}

#[test]
fn a_signal_leaves_nothing() {
    let _module = Module::load(&[]);
    let program = program().display().to_string();
    let stress = Process::start(&program, &["stress", "--chunks", "4000000000"]);
    eventually("it has begun", || instances().len() == 2);
    stress.signal(Signal::SIGINT);
    assert_eq!(stress.join().status.code(), Some(130));
    assert_eq!(instances(), ["mydevice"]);
}

#[test]
fn doctor_knows_what_is_missing() {
    let module = Module::load(&[]);
    let said = run("doctor");
    assert_eq!(said.code, 0, "{said:?}");
    let about = |findings: &serde_json::Value, about: &str| {
        let all = findings.as_array().unwrap();
        let found = all.iter().find(|finding| finding["about"] == about);
        found
            .unwrap_or_else(|| panic!("{about} in {findings}"))
            .clone()
    };
    let findings = json("doctor");
    for good in ["kernel", "module", "nodes", "you"] {
        assert_eq!(about(&findings, good)["verdict"], "good", "{findings}");
    }
    let nobody = run_as_nobody("doctor --json");
    let nobody = serde_json::from_str(&nobody.out).unwrap();
    assert_eq!(about(&nobody, "you")["verdict"], "note");
    let closed = about(&nobody, "permissions");
    assert!(
        closed["found"].as_str().unwrap().contains("/dev/mydevice"),
        "{closed}"
    );
    assert!(
        closed["remedy"].as_str().unwrap().contains("log in again"),
        "{closed}"
    );

    mydevice_tests::guest::sh("mv /dev/mydevice /dev/elsewhere");
    let said = run("doctor");
    mydevice_tests::guest::sh("mv /dev/elsewhere /dev/mydevice");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("/dev/mydevice: No such file"), "{said:?}");

    module.unload();
    let said = run("doctor");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("bad   module: mydevice is not loaded"),
        "{said:?}"
    );
    assert!(
        said.out.contains("target/kmod/kdir/mydevice.ko"),
        "{said:?}"
    );
    assert!(!said.out.contains("nodes"), "{said:?}");
}
