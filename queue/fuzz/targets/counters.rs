// SPDX-License-Identifier: GPL-2.0

//! The counters against wide integers: each stays at its largest value, and none touches another.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::counters::{Counters, saturate};
use mydevice_queue_fuzz::{Amount, wide};

#[derive(Arbitrary, Debug)]
enum Step {
    Opened,
    Closed,
    Read(Amount, bool),
    Write(Amount, bool, Amount),
    ReaderWaited,
    WriterWaited,
    Truncated(Amount),
    Cleared(Amount),
    Evicted(Amount),
}

/// In the order of the fields of [`Counters`].
type Model = [u128; 11];

fuzz_target!(|steps: Vec<Step>| {
    let mut counters = Counters::default();
    let mut model: Model = Default::default();
    let [
        opens,
        reads,
        writes,
        read,
        written,
        waits,
        write_waits,
        cut,
        cleared,
        evicted,
        most,
    ] = &mut model;
    for step in steps {
        match step {
            Step::Opened => {
                *opens += 1;
                counters.opened();
            }
            Step::Closed => {
                *opens = opens.saturating_sub(1);
                counters.closed();
            }
            Step::Read(Amount(n), first) => {
                *reads += u128::from(first && n > 0);
                *read += wide(n);
                counters.read(n, first);
            }
            Step::Write(Amount(n), first, Amount(used)) => {
                *writes += u128::from(first && n > 0);
                *written += wide(n);
                *most = wide(used).max(*most);
                counters.write(n, first, used);
            }
            Step::ReaderWaited => {
                *waits += 1;
                counters.reader_waited();
            }
            Step::WriterWaited => {
                *write_waits += 1;
                counters.writer_waited();
            }
            Step::Truncated(Amount(n)) => {
                *cut += wide(n);
                counters.truncated(n);
            }
            Step::Cleared(Amount(n)) => {
                *cleared += wide(n);
                counters.cleared(n);
            }
            Step::Evicted(Amount(n)) => {
                *evicted += wide(n);
                counters.evicted(n);
            }
        }
        let now = [
            counters.opens,
            counters.reads,
            counters.writes,
            counters.bytes_read,
            counters.bytes_written,
            counters.reader_waits,
            counters.writer_waits,
            counters.bytes_truncated,
            counters.bytes_cleared,
            counters.bytes_evicted,
            counters.high_water,
        ];
        let expected = [
            *opens,
            *reads,
            *writes,
            *read,
            *written,
            *waits,
            *write_waits,
            *cut,
            *cleared,
            *evicted,
            *most,
        ];
        assert_eq!(
            now.map(u128::from),
            expected.map(|n| n.min(u64::MAX.into()))
        );
        for value in now {
            assert_eq!(
                u128::from(saturate(value)),
                u128::from(value).min(u32::MAX.into())
            );
        }
    }
});
