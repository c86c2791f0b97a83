// SPDX-License-Identifier: GPL-2.0

//! What the samples of printing leave in the log.

use mydevice_tests::klog::{Record, level};

use super::load;

/// How many of the records have this level and text.
fn count(log: &[Record], level: u8, text: &str) -> usize {
    log.iter()
        .filter(|record| record.level == level && record.text == text)
        .count()
}

#[test]
fn each_line_has_its_level_and_its_text() {
    let log = load(&[]).unload();
    for (level, text) in [
        (level::ERR, "toolbox: queue: no room for 4096 bytes"),
        (level::WARNING, "toolbox: queue: 0x1000 is odd"),
        (level::INFO, "toolbox: queue: Some(4096)"),
        (level::INFO, "toolbox: one, two"),
        (level::INFO, "toolbox: said once"),
        (
            level::INFO,
            "toolbox: 00000000: 68 65 6c 6c 6f 2c 20 68 65 78 20 64 75 6d 70 73  hello, hex dumps",
        ),
        (
            level::INFO,
            "toolbox: [68, 65, 6c, 6c, 6f, 2c, 20, 68, 65, 78, 20, 64, 75, 6d, 70, 73]",
        ),
    ] {
        assert_eq!(count(&log, level, text), 1, "{text:?} in {log:#?}");
    }
    // Three of ten.
    assert_eq!(
        count(&log, level::WARNING, "toolbox: too fast"),
        3,
        "{log:#?}"
    );
    // The driver's name comes first, then the device's. A kernel without names of errors prints the number.
    for (level, texts) in [
        (
            level::ERR,
            [
                " toolbox-print: reset failed: EIO",
                " toolbox-print: reset failed: Error(5)",
            ]
            .as_slice(),
        ),
        (level::INFO, &[" toolbox-print: ready"]),
    ] {
        let found = log.iter().filter(|record| {
            record.level == level && texts.iter().any(|text| record.text.ends_with(text))
        });
        assert_eq!(found.count(), 1, "{texts:?} in {log:#?}");
    }
}

#[test]
fn lines_at_debug_level_are_there_when_asked_for() {
    for (parameters, times) in [([].as_slice(), 0), (&["verbose=Y"], 1)] {
        let log = load(parameters).unload();
        assert_eq!(
            count(&log, level::DEBUG, "toolbox: step 7"),
            times,
            "{log:#?}"
        );
    }
}
