// SPDX-License-Identifier: GPL-2.0

//! What the figures of two are to each other.

use mydevice_figures::{Figure, Record, Sample, Who, Work};

/// How many times as long the first takes as the second, round by round.
pub fn times_as_long(these: &Figure, those: &Figure) -> Sample {
    Sample::of_ratios(&these.values, &those.values)
}

/// The quickest of the other contenders at a transfer.
pub fn best_other(record: &Record, work: Work, size: u64) -> Option<&Figure> {
    Who::CONTENDERS[1..]
        .iter()
        .filter_map(|who| record.find(work, *who, size, 0))
        .min_by(|a, b| a.sample().median().total_cmp(&b.sample().median()))
}

/// Of one work, what ours is to another's: how many times as long.
pub fn ours_to(record: &Record, work: Work, who: Who, size: u64) -> Option<Sample> {
    let ours = record.find(work, Who::MyDevice, size, 0)?;
    Some(times_as_long(ours, record.find(work, who, size, 0)?))
}

/// How many times the throughput of another contender ours has.
pub fn throughput_to(record: &Record, work: Work, who: Who, size: u64) -> Option<Sample> {
    let ours = record.find(work, Who::MyDevice, size, 0)?;
    Some(times_as_long(record.find(work, who, size, 0)?, ours))
}

/// How many times the throughput of the best other contender ours has.
pub fn throughput_to_best(record: &Record, work: Work, size: u64) -> Option<Sample> {
    let ours = record.find(work, Who::MyDevice, size, 0)?;
    Some(times_as_long(best_other(record, work, size)?, ours))
}

/// Of a work of ours, how many times as long it takes with one count as with another.
pub fn counts(record: &Record, work: Work, size: u64, many: u64, few: u64) -> Option<Sample> {
    let many = record.find(work, Who::MyDevice, size, many)?;
    Some(times_as_long(
        many,
        record.find(work, Who::MyDevice, size, few)?,
    ))
}
