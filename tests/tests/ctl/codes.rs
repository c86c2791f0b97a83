// SPDX-License-Identifier: GPL-2.0

//! The exit codes that `--help` promises.

use mydevice_tests::{Instance, Module};
use nix::errno::Errno;

use crate::tool::{ok, refusal, refused, run, run_as_nobody};

#[test]
fn every_code_means_what_help_says() {
    let help = ok("--help");
    for line in [
        "0  done",
        "1  failed for a reason",
        "2  the command line",
        "3  the module is not loaded",
        "4  there is no such instance",
        "5  not permitted",
        "6  a name or a value was refused",
        "7  busy, full or would wait",
    ] {
        assert!(help.contains(line), "{line:?} is missing in\n{help}");
    }
    let module = Module::load(&[]);
    let spool = Instance::add("jobs discipline=spool");
    spool.writer().put("a job");
    assert_eq!(run("list").code, 0);
    refused(
        "dump jobs /proc/nothing",
        1,
        &["mydevicectl: cannot make /proc/nothing"],
    );
    refused("frobnicate", 2, &["frobnicate"]);
    refused("status", 2, &["NAME"]);
    refused(
        "--json status jobs",
        2,
        &["--json", "cannot stand before `status`"],
    );
    assert_eq!(run("--color never status jobs").code, 0);
    refused(
        "status nothing",
        4,
        &["cannot find an instance named \"nothing\"", "(ENODEV)"],
    );
    refusal(
        &run_as_nobody("remove jobs"),
        "remove",
        5,
        &["remove mydevice-jobs", "(EACCES)", "sudo"],
    );
    refused("resize jobs 0", 6, &["(EINVAL)"]);
    refused("resize jobs 1", 7, &["(EBUSY)"]);
    module.unload();
    for words in [
        "",
        "list",
        "watch --json",
        "status jobs",
        "add jobs",
        "remove jobs",
        "get jobs",
        "set jobs capacity=1",
        "clear jobs",
        "stress",
        "bench",
    ] {
        refused(
            words,
            3,
            &["not loaded", "modprobe mydevice", "mydevicectl doctor"],
        );
    }
}

/// With a node for each direction, there are half as many instances.
#[test]
fn too_many_nodes_are_full() {
    let _module = Module::load(&["devices=256", "split=Y"]);
    let mut number = 0;
    let errno = loop {
        match Instance::try_add(&format!("x{number} split=1")) {
            Ok(_) => number += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!((errno, number), (Errno::ENOSPC, 4096 / 2 - 256));
    refused(
        "add more",
        7,
        &["(ENOSPC)", "4096 nodes", "`mydevicectl remove ...`"],
    );
}
