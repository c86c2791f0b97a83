// SPDX-License-Identifier: GPL-2.0

//! A quota against the list of the records that it counts; growth against wide integers.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::quota::{BYTES_PER_RECORD, Quota, SPARE_RECORDS, grown, max_records};
use mydevice_queue_fuzz::{Amount, wide};

#[derive(Arbitrary, Debug)]
enum Step {
    Add(Amount),
    /// More to the record at this place, or less.
    Refill(u8, Amount),
    Take(u8, Amount),
    Remove(u8),
    Ask(Amount, Amount),
    Grow(Amount, Amount, Amount),
}

fuzz_target!(|steps: Vec<Step>| {
    let mut quota = Quota::default();
    let mut model: Vec<u128> = Vec::new();
    for step in steps {
        let at = |place: u8, model: &[u128]| {
            (!model.is_empty()).then(|| usize::from(place) % model.len())
        };
        match step {
            Step::Add(Amount(len)) => {
                quota.add(len);
                model.push(wide(len));
            }
            Step::Refill(place, Amount(len)) => {
                if let Some(at) = at(place, &model) {
                    quota.refill(len);
                    model[at] += wide(len);
                }
            }
            Step::Take(place, Amount(len)) => {
                if let Some(at) = at(place, &model) {
                    let len = wide(len).min(model[at]);
                    quota.take(len as usize);
                    model[at] -= len;
                }
            }
            Step::Remove(place) => {
                if let Some(at) = at(place, &model) {
                    quota.remove(model.remove(at) as usize, 1);
                }
            }
            Step::Ask(Amount(len), Amount(limit)) => ask(&quota, len, limit),
            Step::Grow(Amount(reserved), Amount(used), Amount(max)) => grow(reserved, used, max),
        }
        let used: u128 = model.iter().sum();
        if used > wide(usize::MAX) {
            // More than any memory holds: it stays at the largest number, and what is taken after that is taken from there.
            assert_eq!(quota.used(), usize::MAX);
            return;
        }
        assert_eq!((wide(quota.used()), quota.records()), (used, model.len()));
    }
});

fn ask(quota: &Quota, len: usize, limit: usize) {
    let most = wide(limit) / wide(BYTES_PER_RECORD) + wide(SPARE_RECORDS);
    assert_eq!(wide(max_records(limit)), most);
    let fits = wide(quota.used()) + wide(len) <= wide(limit) && wide(quota.records()) < most;
    assert_eq!(quota.fits(len, limit), fits);
    let within = quota.used() <= limit && wide(quota.records()) <= most;
    assert_eq!(quota.within(limit), within);
}

fn grow(reserved: usize, used: usize, max: usize) {
    // The smallest of `reserved`, its double, and so on that holds what is used.
    let mut expected = wide(reserved.max(1));
    while expected < wide(used) {
        expected *= 2;
    }
    assert_eq!(
        wide(grown(reserved, used, max)),
        expected.min(wide(max.max(1)))
    );
}
