// SPDX-License-Identifier: GPL-2.0

//! `list`, `add`, `remove`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use mydevice_tests::{Instance, Module, sleeping_write};
use serde_json::{Value, json};

use crate::tool::{json, ok, refusal, refused, run, run_as_nobody};

#[test]
fn a_list_is_a_table_of_all() {
    let module = Module::load(&["devices=2"]);
    let log = Instance::add("boot discipline=log capacity=100");
    log.writer().put("x".repeat(75));
    Instance::named("mydevice1").writer().put("x".repeat(3500));
    let _open = (module.instance().both(), module.instance().reader());
    for words in ["", "list"] {
        let table = ok(words);
        let lines: Vec<Vec<_>> = table
            .lines()
            .map(|l| l.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                [
                    "NAME",
                    "DISCIPLINE",
                    "USED",
                    "CAPACITY",
                    "FULL",
                    "READERS",
                    "WRITERS",
                    "IN/s",
                    "OUT/s"
                ],
                ["mydevice", "stream", "0", "4K", "0%", "2", "1", "0", "0"],
                [
                    "mydevice1",
                    "stream",
                    "3.4K",
                    "4K",
                    "85%",
                    "0",
                    "0",
                    "0",
                    "0"
                ],
                [
                    "mydevice-boot",
                    "log",
                    "75",
                    "100",
                    "75%",
                    "0",
                    "0",
                    "0",
                    "0"
                ],
            ]
        );
        assert!(!table.contains('\x1b'), "colour outside of a terminal");
    }
    assert!(ok("--bytes").contains("4096"));
    assert!(
        ok("list --color always").contains("\x1b[33m85%"),
        "the share of a full one is coloured"
    );
    let first = ok("list --sort fill --interval 0");
    let first = first.lines().nth(1).unwrap();
    assert!(first.starts_with("mydevice1"), "{first}");
    assert!(
        first.ends_with('-'),
        "no rates without a second look: {first}"
    );
}

#[test]
fn a_list_as_json_has_every_figure() {
    let module = Module::load(&[]);
    module.instance().both().put("12345");
    let list = json("list --interval 0");
    assert_eq!(
        list,
        json!({"instances": [{
            "name": "mydevice", "discipline": "stream", "bytes_used": 5, "capacity": 4096, "open_count": 0,
            "readers": 0, "writers": 0, "waiting_readers": 0, "waiting_writers": 0,
            "read_count": 0, "write_count": 1, "bytes_read": 0, "bytes_written": 5, "rates": null
        }]})
    );
    let rates = &json("")["instances"][0]["rates"];
    assert_eq!(rates["bytes_written"], 0.0);
}

/// Who has it open and who sleeps in it, told to everybody, and without opening anything.
#[test]
fn a_list_tells_who_uses_what() {
    let module = Module::load(&["buffer_size=10", "verbose=1"]);
    let instance = module.instance();
    let (both, reader) = (instance.both(), instance.reader());
    let writers = [b'm', b'w'].map(|byte| sleeping_write(&both, [byte; 15]));
    let opens = || {
        let log = module.own_log();
        log.iter().filter(|it| it.text.contains(": open ")).count()
    };
    assert_eq!(opens(), 2);
    let run = run_as_nobody("list --json --interval 0");
    assert_eq!(run.code, 0, "{run:?}");
    let list: Value = serde_json::from_str(&run.out).unwrap();
    let it = &list["instances"][0];
    let told = [
        "open_count",
        "readers",
        "writers",
        "waiting_readers",
        "waiting_writers",
    ]
    .map(|key| it[key].as_u64().unwrap());
    assert_eq!(told, [2, 2, 1, 0, 2], "{it}");
    assert_eq!(opens(), 2, "the tool opened something");

    assert_eq!(reader.collect(30).len(), 30);
    for writer in writers {
        assert_eq!(writer.join(), Ok(15));
    }
    assert_eq!(
        json("list --interval 0")["instances"][0]["waiting_writers"],
        0
    );
}

/// An instance that goes while it is looked at has no row, and is no error.
#[test]
fn a_list_leaves_out_what_goes_meanwhile() {
    let _module = Module::load(&[]);
    let stop = Arc::new(AtomicBool::new(false));
    let names = (0..8).map(|n| format!("come-and-go{n}"));
    let names: Vec<_> = names.collect();
    let churn = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                let added: Vec<_> = names.iter().map(|name| Instance::add(name)).collect();
                for instance in added {
                    assert_eq!(instance.remove(), Ok(()));
                }
                rounds += 1;
            }
            rounds
        })
    };
    let runs: Vec<_> = (0..40)
        .map(|_| run("list --json --interval 0.01"))
        .collect();
    stop.store(true, Ordering::Relaxed);
    assert!(churn.join().unwrap() > 0);
    let mut fewer = 0;
    for run in runs {
        assert_eq!(run.code, 0, "{run:?}");
        let list: Value = serde_json::from_str(&run.out).unwrap();
        let rows = list["instances"].as_array().unwrap();
        assert_eq!(rows[0]["name"], "mydevice", "{list}");
        fewer += usize::from(rows.len() < 9);
    }
    assert!(fewer > 0, "none had gone in any of the runs");
}

/// Rates are those of the time between two looks.
#[test]
fn a_list_tells_what_moves() {
    let module = Module::load(&["discipline=log"]);
    let device = module.instance().writer();
    let run = std::thread::spawn(|| json("list --interval 1"));
    while !run.is_finished() {
        device.put("0123456789");
    }
    let list = run.join().unwrap();
    let rates = &list["instances"][0]["rates"];
    assert!(rates["bytes_written"].as_f64().unwrap() > 0.0, "{list}");
    assert_eq!(rates["bytes_read"], 0.0);
}

#[test]
fn add_prints_the_nodes_of_what_it_made() {
    let _module = Module::load(&[]);
    assert_eq!(ok("add jobs -d spool -c 64K"), "/dev/mydevice-jobs\n");
    let jobs = Instance::named("mydevice-jobs");
    assert_eq!(jobs.attribute("discipline"), "spool");
    assert_eq!(jobs.attribute("capacity"), "65536");
    assert_eq!(
        json(
            "add in --split --on-empty hangup --read-timeout-ms 7 --max-capacity 8K --capacity 5000"
        ),
        json!({"name": "mydevice-in", "nodes": ["/dev/mydevice-in_w", "/dev/mydevice-in_r"]})
    );
    let split = Instance::named("mydevice-in");
    for (attribute, value) in [
        ("on_empty", "hangup"),
        ("read_timeout_ms", "7"),
        ("max_capacity", "8192"),
        ("capacity", "5000"),
    ] {
        assert_eq!(split.attribute(attribute), value);
    }
    refused(
        "add jobs",
        6,
        &[
            "add \"jobs\"",
            "EEXIST",
            "`mydevicectl remove jobs`",
            "mydevice-jobs holds is lost",
        ],
    );
    // A node's name leads to the instance, with all that it holds.
    refused(
        "add in_w",
        6,
        &[
            "EEXIST",
            "mydevice-in_w is a node of mydevice-in",
            "`mydevicectl remove in`",
            "mydevice-in holds is lost",
        ],
    );
    Instance::add("out_r");
    refused(
        "add out --split",
        6,
        &[
            "EEXIST",
            "mydevice-out_r is there",
            "`mydevicectl remove out_r`",
        ],
    );
    ok("remove out_r");
    refused("add Jobs", 6, &["add \"Jobs\"", "EINVAL", "a-z"]);
    refused(
        "add more -c 0",
        6,
        &["capacity=0", "EINVAL", "max_capacity"],
    );
    refused(
        "add more -c 5000 --max-capacity 10",
        6,
        &[
            "EINVAL",
            "5000 is more than max_capacity, which is to be 10",
        ],
    );
    for (words, limit, way_out) in [
        ("-c 2M", "1048576 for a stream", "add --max-capacity 2M"),
        (
            "-d spool -c 1000000000",
            "409600000 for a spool",
            "add --max-capacity 1000000000",
        ),
    ] {
        let words = format!("add more {words}");
        let run = run(&words);
        refusal(&run, &words, 6, &["EINVAL", limit, way_out]);
        assert!(!run.err.contains("a-z"), "its name is good: {run:?}");
        ok(&format!("{words} {}", way_out.trim_start_matches("add ")));
        ok("remove more");
    }
    refused(
        "add more -d heap",
        2,
        &["heap", "stream, buffer, log, spool, stack"],
    );
    refused("add more -c 4X", 2, &["4X", "K, M or G"]);
    assert_eq!(json("list")["instances"].as_array().unwrap().len(), 3);
}

#[test]
fn remove_takes_any_name_and_all_or_none() {
    let _module = Module::load(&["devices=2"]);
    for name in ["a", "b", "c", "d split=1"] {
        Instance::add(name);
    }
    refused(
        "remove a nothing",
        4,
        &["\"nothing\"", "ENODEV", "mydevicectl list"],
    );
    assert!(Instance::named("mydevice-a").node().exists(), "all or none");
    assert_eq!(
        ok("remove a mydevice-b /dev/mydevice-c /dev/mydevice-d_r d mydevice1"),
        ""
    );
    let list = json("list");
    assert_eq!(list["instances"].as_array().unwrap().len(), 1, "{list}");
    refused("remove a", 4, &["ENODEV"]);
    refused("remove /dev/null", 4, &["ENODEV"]);
    refused("remove", 2, &["NAME"]);
}
