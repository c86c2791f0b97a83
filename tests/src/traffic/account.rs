// SPDX-License-Identifier: GPL-2.0

//! What the readers got, held against what the writers sent.
//!
//! - Every byte is counted by what it says. A byte lost, doubled or changed makes a count wrong.
//! - Inside one read everything is contiguous: after a byte comes the next one of its chunk, and after a
//!   chunk's last byte the first of another. Anything else means that two writes were mixed.
//! - A chunk that came whole in one read spells its number. A reader must see the numbers of one writer
//!   rise, and no number may come twice, to whichever readers.

use std::fmt;

use mydevice_chunk::{Origin, SIZE, WRITERS};

use super::Plan;

/// Bytes seen, by writer, place and bit.
type Counts = [[[u64; 2]; SIZE]; WRITERS];

/// What one reader got.
#[derive(Clone, Debug)]
pub struct Tally {
    plan: Plan,
    counts: Counts,
    /// The chunks that came whole, by writer, in the order they came.
    whole: [Vec<u32>; WRITERS],
    faults: Vec<String>,
}

impl Tally {
    /// Of a reader that has read nothing yet.
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: *plan,
            counts: Counts::default(),
            whole: Default::default(),
            faults: Vec::new(),
        }
    }

    /// Takes in what one read returned.
    pub fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let Origin { writer, place, bit } = Origin::of(*byte);
            self.counts[writer][place][bit] += 1;
        }
        // Dropped bytes leave gaps, and the two ends of a gap say nothing about each other.
        if !self.plan.disturbed {
            self.look_inside(bytes);
        }
    }

    fn look_inside(&mut self, bytes: &[u8]) {
        for pair in bytes.windows(2) {
            let [before, after] = [Origin::of(pair[0]), Origin::of(pair[1])];
            let expected = (before.place + 1) % self.plan.size;
            let same_chunk = expected != 0;
            if after.place != expected || (same_chunk && after.writer != before.writer) {
                self.faults
                    .push(format!("in one read, {after:?} follows {before:?}"));
            }
        }

        let first = bytes
            .iter()
            .position(|byte| Origin::of(*byte).place == 0)
            .unwrap_or(bytes.len());
        for chunk in bytes[first..].chunks_exact(self.plan.size) {
            let writer = Origin::of(chunk[0]).writer;
            let number = chunk
                .iter()
                .map(|byte| Origin::of(*byte))
                .fold(0, |n, o| n | (o.bit as u32) << o.place);
            if let Some(last) = self.whole[writer].last().filter(|last| **last >= number) {
                self.faults.push(format!(
                    "a reader got chunk {number} of writer {writer} after chunk {last}"
                ));
            }
            self.whole[writer].push(number);
        }
    }
}

/// What all readers got.
#[derive(Clone, Debug)]
pub struct Account {
    all: Tally,
}

impl Account {
    /// Of a run in which nothing was received yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            all: Tally::new(&plan),
        }
    }

    /// Adds one reader's tally.
    pub fn add(&mut self, tally: &Tally) {
        let sums = self.all.counts.as_flattened_mut().as_flattened_mut();
        let parts = tally.counts.as_flattened().as_flattened();
        sums.iter_mut()
            .zip(parts)
            .for_each(|(sum, part)| *sum += part);
        for (all, part) in self.all.whole.iter_mut().zip(&tally.whole) {
            all.extend(part);
        }
        self.all.faults.extend_from_slice(&tally.faults);
    }

    /// Bytes that one writer sent.
    pub fn sent_by_each(&self) -> u64 {
        u64::from(self.all.plan.chunks) * self.all.plan.size as u64
    }

    /// Bytes that all writers sent.
    pub fn sent(&self) -> u64 {
        self.sent_by_each() * self.all.plan.writers as u64
    }

    /// Bytes of `writer` that arrived.
    pub fn received_from(&self, writer: usize) -> u64 {
        self.all.counts[writer].as_flattened().iter().sum()
    }

    /// Bytes that arrived.
    pub fn received(&self) -> u64 {
        (0..WRITERS).map(|writer| self.received_from(writer)).sum()
    }

    /// Everything that is wrong; empty if each byte arrived once and in its place (in a disturbed run: at
    /// most once).
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.all.faults.clone();
        for writer in 0..WRITERS {
            for place in 0..SIZE {
                for bit in 0..2 {
                    faults.extend(self.count_fault(writer, place, bit));
                }
            }
            let mut numbers = self.all.whole[writer].clone();
            numbers.sort_unstable();
            let twice = numbers.windows(2).filter(|pair| pair[0] == pair[1]);
            faults.extend(
                twice.map(|pair| format!("chunk {} of writer {writer} came twice", pair[0])),
            );
        }
        faults
    }

    fn count_fault(&self, writer: usize, place: usize, bit: usize) -> Option<String> {
        let plan = &self.all.plan;
        let got = self.all.counts[writer][place][bit];
        let sent = match writer < plan.writers && place < plan.size {
            true => Origin { writer, place, bit }.times(plan.chunks),
            false => 0,
        };
        let right = if plan.disturbed {
            got <= sent
        } else {
            got == sent
        };
        let told = || {
            format!("writer {writer}, place {place}, bit {bit}: {got} bytes arrived of {sent} sent")
        };
        (!right).then(told)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults();
        for writer in 0..self.all.plan.writers {
            let (sent, received) = (self.sent_by_each(), self.received_from(writer));
            writeln!(f, "writer {writer}: {sent} bytes sent, {received} arrived")?;
        }
        match faults.len() {
            0 if self.all.plan.disturbed => write!(f, "no byte arrived twice, none was changed"),
            0 => write!(
                f,
                "every byte arrived once; chunks whole and, per writer, in order"
            ),
            n => {
                let shown: Vec<_> = faults
                    .iter()
                    .take(20)
                    .map(|fault| format!("  {fault}"))
                    .collect();
                write!(f, "{n} faults:\n{}", shown.join("\n"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mydevice_chunk::chunk;

    use super::*;

    const PLAN: Plan = Plan {
        writers: 2,
        readers: 1,
        chunks: 3,
        size: 8,
        disturbed: false,
    };

    fn everything() -> Vec<u8> {
        [
            chunk(0, 0, 8),
            chunk(1, 0, 8),
            chunk(0, 1, 8),
            chunk(0, 2, 8),
            chunk(1, 1, 8),
            chunk(1, 2, 8),
        ]
        .concat()
    }

    fn faults(plan: Plan, reads: &[&[u8]]) -> Vec<String> {
        let mut tally = Tally::new(&plan);
        reads.iter().for_each(|read| tally.take(read));
        let mut account = Account::new(plan);
        account.add(&tally);
        account.faults()
    }

    #[test]
    fn all_of_it_is_right_however_it_is_cut() {
        let all = everything();
        for cut in 0..all.len() {
            assert_eq!(
                faults(PLAN, &[&all[..cut], &all[cut..]]),
                Vec::<String>::new(),
                "cut at {cut}"
            );
        }
        let single: Vec<_> = all.chunks(1).collect();
        assert_eq!(faults(PLAN, &single), Vec::<String>::new());
    }

    #[test]
    fn one_byte_lost_doubled_or_changed_is_noticed() {
        let all = everything();
        for at in 0..all.len() {
            let single = |bytes: &[u8]| faults(PLAN, &bytes.chunks(1).collect::<Vec<_>>());
            let lost = [&all[..at], &all[at + 1..]].concat();
            assert!(!single(&lost).is_empty(), "lost at {at}");
            let doubled = [&all[..=at], &all[at..]].concat();
            assert!(!single(&doubled).is_empty(), "doubled at {at}");
            let mut changed = all.clone();
            changed[at] ^= 0x10;
            assert!(!single(&changed).is_empty(), "changed at {at}");
        }
    }

    #[test]
    fn mixed_writes_and_wrong_order_are_noticed() {
        let all = everything();
        let mut mixed = all.clone();
        mixed.swap(4, 12);
        assert!(!faults(PLAN, &[&mixed]).is_empty());
        let swapped = [&all[16..24], &all[..16], &all[24..]].concat();
        assert!(!faults(PLAN, &[&swapped]).is_empty());
    }

    #[test]
    fn a_disturbed_run_may_lose_but_not_double() {
        let plan = Plan {
            disturbed: true,
            ..PLAN
        };
        let all = everything();
        assert_eq!(faults(plan, &[&all[..5], &all[9..]]), Vec::<String>::new());
        assert!(!faults(plan, &[&all, &all[..1]]).is_empty());
    }
}
