// SPDX-License-Identifier: GPL-2.0

//! `status`, `get`, `set`, `resize`, `clear`.

use mydevice_tests::{Instance, Module, guest::sh};
use serde_json::json;

use crate::tool::{json, ok, refusal, refused, run, run_as_nobody};

#[test]
fn status_tells_all_and_does_not_count_itself() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("1234567890");
    device.take(3);
    assert_eq!(device.resize(5), Ok(()));
    assert_eq!(
        json("status mydevice"),
        json!({
            "name": "mydevice", "nodes": ["/dev/mydevice"], "discipline": "stream", "bytes_used": 5, "capacity": 5,
            "max_capacity": 1048576, "high_water": 10, "read_timeout_ms": 0, "on_empty": "block", "open_count": 1,
            "readers": 1, "writers": 1, "waiting_readers": 0, "waiting_writers": 0,
            "read_count": 1, "write_count": 1, "bytes_read": 3, "bytes_written": 10, "reader_waits": 0,
            "writer_waits": 0, "bytes_truncated": 2, "bytes_cleared": 0, "bytes_evicted": 0
        })
    );
    let text = ok("status /dev/mydevice");
    assert!(
        text.starts_with("name: mydevice\nnodes: /dev/mydevice\n"),
        "{text}"
    );
    assert!(text.contains("\nbytes_truncated: 2\n"), "{text}");
    refused("status nothing", 4, &["\"nothing\"", "ENODEV"]);
}

/// Who may not open the device gets what `/proc` and sysfs tell everybody.
#[test]
fn status_leaves_out_what_is_not_permitted() {
    let _module = Module::load(&[]);
    Instance::add("in split=1");
    for name in ["mydevice", "in"] {
        let run = run_as_nobody(&format!("status {name}"));
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.out.contains("capacity: 4096\n"), "{run:?}");
        assert!(
            run.out
                .contains("reader_waits: not known: Permission denied (EACCES)\n"),
            "{run:?}"
        );
        assert!(run.out.contains("\nwaiting_writers: 0\n"), "{run:?}");
    }
    assert!(json("status in")["reader_waits"].is_number());
    // Whatever else it is, is said as it is.
    sh("mv /dev/mydevice /dev/elsewhere");
    let text = ok("status mydevice");
    let figures = json("status mydevice");
    sh("mv /dev/elsewhere /dev/mydevice");
    assert!(
        text.contains("reader_waits: not known: No such file or directory (ENOENT)\n"),
        "{text}"
    );
    assert!(figures["reader_waits"].is_null());
}

#[test]
fn get_prints_what_set_takes() {
    let _module = Module::load(&[]);
    assert_eq!(ok("get mydevice capacity"), "4096\n");
    assert_eq!(
        ok("get mydevice capacity on_empty"),
        "capacity=4096\non_empty=block\n"
    );
    assert_eq!(ok("get mydevice").lines().count(), 11);
    assert_eq!(
        json("get mydevice discipline capacity"),
        json!({"discipline": "stream", "capacity": 4096})
    );
    assert_eq!(
        ok("set mydevice discipline=log capacity=8K on_empty=eof read_timeout_ms=5"),
        ""
    );
    assert_eq!(
        ok("get mydevice discipline capacity on_empty read_timeout_ms"),
        "discipline=log\ncapacity=8192\non_empty=eof\nread_timeout_ms=5\n"
    );
    let settings = ok("get mydevice discipline max_capacity on_empty");
    assert_eq!(
        ok(&format!("set mydevice {}", settings.replace('\n', " "))),
        ""
    );
    refused("get mydevice size", 2, &["size", "max_capacity"]);
}

#[test]
fn set_says_what_would_be_valid() {
    let module = Module::load(&[]);
    refused(
        "set mydevice capacity=2M",
        6,
        &[
            "capacity of mydevice to \"2097152\"",
            "EINVAL",
            "1 to 1048576",
            "set mydevice max_capacity",
        ],
    );
    refused("set mydevice capacity=lots", 6, &["\"lots\"", "EINVAL"]);
    refused(
        "set mydevice max_capacity=5",
        6,
        &["EINVAL", "4096", "2147483647"],
    );
    refused(
        "set mydevice on_empty=never",
        6,
        &["\"never\"", "block, eof, hangup"],
    );
    refused("set mydevice on_empty=", 6, &["\"\"", "EINVAL"]);
    refused("set mydevice read_timeout_ms=-1", 6, &["4294967295"]);
    for figure in ["bytes_used", "readers", "waiting_writers"] {
        refused(
            &format!("set mydevice {figure}=0"),
            2,
            &["can only be read"],
        );
    }
    refused(
        "set mydevice size=1",
        2,
        &["\"size\" is none of discipline"],
    );
    let _open = module.instance().both();
    refused(
        "set mydevice discipline=log",
        7,
        &["EBUSY", "must be empty", "status mydevice"],
    );
    assert_eq!(module.instance().attribute("capacity"), "4096");
}

#[test]
fn resize_by_attribute_or_by_ioctl() {
    let module = Module::load(&[]);
    assert_eq!(ok("resize mydevice 1K"), "");
    assert_eq!(module.instance().attribute("capacity"), "1024");
    refused(
        "resize mydevice 0",
        6,
        &["to \"0\"", "EINVAL", "1 to 1048576"],
    );

    // Not root: the attribute is closed, and the node is what counts.
    let run = run_as_nobody("resize mydevice 2K");
    refusal(&run, "resize", 5, &["/dev/mydevice", "EACCES", "ls -l"]);
    sh("chmod 0666 /dev/mydevice");
    let run = run_as_nobody("resize mydevice 2K");
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(module.instance().attribute("capacity"), "2048");
    Instance::add("in split=1");
    sh("chmod 0222 /dev/mydevice-in_w");
    for words in ["resize in 2K", "clear in"] {
        let run = run_as_nobody(words);
        refusal(
            &run,
            words,
            5,
            &["EPERM", "is split", "CAP_SYS_ADMIN", "sudo"],
        );
        assert!(!run.err.contains("permission on the node"), "{run:?}");
    }

    let spool = Instance::add("jobs discipline=spool");
    spool.writer().put("a job of some bytes");
    sh("chmod 0666 /dev/mydevice-jobs");
    for (words, code, said) in [
        (
            "resize mydevice 2M",
            6,
            ["EINVAL", "1 to 1048576", "max_capacity"],
        ),
        (
            "resize mydevice 0",
            6,
            ["EINVAL", "1 to 1048576", "max_capacity"],
        ),
        (
            "resize jobs 4",
            7,
            ["EBUSY", "cuts no file", "clear mydevice-jobs"],
        ),
    ] {
        refusal(&run_as_nobody(words), words, code, &said);
    }
    refused(
        "resize jobs 4",
        7,
        &["EBUSY", "cuts no file", "clear mydevice-jobs"],
    );
}

#[test]
fn clear_drops_what_is_stored() {
    let module = Module::load(&[]);
    Instance::add("in split=1");
    sh("echo hello > /dev/mydevice; echo hello > /dev/mydevice-in_w");
    for name in ["mydevice", "in"] {
        assert_eq!(ok(&format!("clear {name}")), "");
        assert_eq!(json(&format!("status {name}"))["bytes_cleared"], 6);
    }
    assert_eq!(module.instance().attribute("bytes_used"), "0");
    assert_eq!(run("clear nothing").code, 4);
    assert_eq!(run_as_nobody("clear mydevice").code, 5);
}
