// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of a modelled instance.

use nix::errno::Errno;

use super::{
    instance::{Instance, Ready},
    open::{Open, Record},
    operation::Transfer,
    outcome::{Expected, Outcome},
    settings::{Discipline, PAGE},
};
use Discipline::{Buffer, Log, Spool, Stack, Stream};

/// The longest `read_timeout_ms` that is waited for; before a longer one a signal comes.
const MODELLED_TIMEOUT: u64 = 20;

impl Instance {
    /// Why a call is refused before its length counts; `mode` says whether the open is for its direction.
    fn refusal(&self, mode: bool, transfer: Transfer) -> Option<Errno> {
        // The kernel itself answers a `readv` or `writev` of nothing.
        let answered = transfer.len == 0 && transfer.pieces > 0;
        if transfer.at.is_some_and(|at| at < 0) {
            Some(Errno::EINVAL)
        } else if transfer.at.is_some() && self.settings.discipline != Buffer {
            Some(Errno::ESPIPE)
        } else if !mode {
            Some(Errno::EBADF)
        } else {
            (!self.alive && !answered).then_some(Errno::ENODEV)
        }
    }

    /// A read.
    pub fn read(&mut self, number: usize, transfer: Transfer) -> Expected {
        let open = &self.opens[&number];
        if let Some(errno) = self.refusal(open.read, transfer) {
            return Expected::fails(errno);
        }
        if transfer.len == 0 {
            return Expected::exactly(Outcome::Bytes(Vec::new()));
        }
        self.claim(number);
        let open = &self.opens[&number];
        let at = transfer.at.map(|at| at as u64);
        let ready = match self.ready(open, at) {
            Ready::Bytes(bytes) => bytes,
            Ready::End | Ready::Nothing => return Expected::exactly(Outcome::Bytes(Vec::new())),
            Ready::Wait if open.nonblock || transfer.nowait => {
                return Expected::fails(Errno::EAGAIN);
            }
            Ready::Wait => {
                self.counters.reader_waits.1 += 1;
                return match self.settings.read_timeout_ms {
                    // Short enough to wait for it, and then it has slept for certain.
                    1..=MODELLED_TIMEOUT => {
                        self.counters.reader_waits.0 += 1;
                        Expected::fails(Errno::EAGAIN)
                    }
                    _ => Expected::fails(Errno::EINTR).after_a_signal(),
                };
            }
        };
        let moved = ready.min(transfer.len).min(transfer.good);
        if moved == 0 {
            return Expected::fails(Errno::EFAULT);
        }
        let bytes = self.take(number, moved, at);
        self.counters.reads += 1;
        self.counters.bytes_read += moved as u64;
        Expected::exactly(Outcome::Bytes(bytes))
    }

    /// Hands `len` bytes to an open, which has been told that they are there.
    fn take(&mut self, number: usize, len: usize, at: Option<u64>) -> Vec<u8> {
        let open = &self.opens[&number];
        match self.settings.discipline {
            Stream => self.bytes.drain(..len).collect(),
            Buffer => {
                let from = at.unwrap_or(open.position) as usize;
                let bytes = self.bytes.range(from..from + len).copied().collect();
                if at.is_none() {
                    self.open_mut(number).position += len as u64;
                }
                bytes
            }
            Log => {
                let (record, had) = self.record_of(open).expect("a record");
                let (bytes, left) = (
                    record.bytes[had..had + len].to_vec(),
                    record.bytes.len() - had - len,
                );
                let place = record.number;
                let open = self.open_mut(number);
                (open.record, open.had) = if left == 0 {
                    (place + 1, 0)
                } else {
                    (place, had + len)
                };
                bytes
            }
            Stack => {
                let record = self.records.back_mut().expect("a record");
                let bytes = record.bytes.drain(..len).collect();
                if record.bytes.is_empty() {
                    self.records.pop_back();
                }
                bytes
            }
            Spool => self.take_of_file(number, len),
        }
    }

    /// How many bytes a write through `open` could add now.
    pub(super) fn room(&self, open: &Open) -> u64 {
        let left = self.settings.capacity.saturating_sub(self.used());
        match self.cut {
            Some(cut) => cut,
            None if self.goes_beyond(open) => PAGE,
            None => left,
        }
    }

    /// Whether what was read of the file makes room where the limit leaves less. The contract says "one page
    /// more", which may be the rest of a page that was begun.
    fn goes_beyond(&self, open: &Open) -> bool {
        let left = self.settings.capacity.saturating_sub(self.used());
        self.settings.discipline == Spool && left < PAGE && self.all_taken(open)
    }

    /// The least that a write may add instead of what fits: where it goes beyond the limit of a spool, and
    /// where it is to be interrupted in its sleep, since the signal may come before that.
    pub(super) fn may_end_early(&self, number: usize, transfer: Transfer) -> Option<u64> {
        let open = &self.opens[&number];
        let (room, left) = (
            self.room(open),
            self.settings.capacity.saturating_sub(self.used()),
        );
        let sleeps = !(open.nonblock || transfer.nowait)
            && matches!(self.settings.discipline, Stream | Spool)
            && (1..transfer.len as u64).contains(&room);
        if self.cut.is_some() {
            None
        } else if sleeps {
            Some(1)
        } else {
            self.goes_beyond(open).then_some(left.max(1))
        }
    }

    /// Whether a stack has no room for a record of `len` bytes.
    pub(super) fn full_for(&self, len: usize) -> bool {
        self.used() + len as u64 > self.settings.max_capacity
            || self.records.len() as u64 >= self.most_records()
    }

    /// A write.
    pub fn write(&mut self, number: usize, transfer: Transfer, bytes: &[u8]) -> Expected {
        let open = &self.opens[&number];
        if let Some(errno) = self.refusal(open.write, transfer) {
            return Expected::fails(errno);
        }
        if transfer.len == 0 {
            return Expected::number(0);
        }
        let waits = !(open.nonblock || transfer.nowait);
        match self.settings.discipline {
            Stream | Buffer | Spool => self.write_bytes(number, transfer, waits, bytes),
            Log | Stack => self.write_record(number, transfer, waits, bytes),
        }
    }

    fn write_bytes(
        &mut self,
        number: usize,
        transfer: Transfer,
        waits: bool,
        bytes: &[u8],
    ) -> Expected {
        let waits = waits && self.settings.discipline != Buffer;
        let least = self.may_end_early(number, transfer);
        let room = self.room(&self.opens[&number]);
        let fits = transfer.len.min(room as usize);
        if fits == 0 && waits {
            self.counters.writer_waits.1 += 1;
            return Expected::fails(Errno::EINTR).after_a_signal();
        }
        if fits == 0 {
            return Expected::fails(match self.settings.discipline {
                Buffer => Errno::ENOSPC,
                _ => Errno::EAGAIN,
            });
        }
        let moved = fits.min(transfer.good);
        if moved == 0 {
            return Expected::fails(Errno::EFAULT);
        }
        if self.settings.discipline == Spool {
            self.add_to_file(number, &bytes[..moved]);
        } else {
            self.bytes.extend(&bytes[..moved]);
        }
        self.count_write(moved);
        // Where it may end early it is not known either whether it sleeps.
        let sleeps = waits && (least.is_some() || moved == fits && fits < transfer.len);
        self.counters.writer_waits.1 += u64::from(sleeps);
        Expected {
            down_to: least.map(|least| least.min(moved as u64) as i64),
            sleeps,
            ..Expected::number(moved as u64)
        }
    }

    fn write_record(
        &mut self,
        number: usize,
        transfer: Transfer,
        waits: bool,
        bytes: &[u8],
    ) -> Expected {
        let len = transfer.len;
        let stack = self.settings.discipline == Stack;
        let largest = match stack {
            true => self.settings.max_capacity,
            false => self.settings.capacity,
        };
        if len as u64 > largest {
            return Expected::fails(Errno::EMSGSIZE);
        }
        if stack && self.full_for(len) {
            if waits {
                self.counters.writer_waits.1 += 1;
                // The wait comes before EFAULT; but the record is copied before its turn, so before that wait.
                let bad = (transfer.good < len).then_some(Errno::EFAULT);
                let errors = [Errno::EINTR].into_iter().chain(bad);
                return Expected::one_of(errors.map(Outcome::Fails)).after_a_signal();
            }
            self.open_mut(number).refused = len;
            return Expected::fails(Errno::EAGAIN);
        }
        if transfer.good < len {
            return Expected::fails(Errno::EFAULT);
        }
        while !stack
            && (self.used() + len as u64 > largest
                || self.records.len() as u64 >= self.most_records())
        {
            self.counters.evicted += self.lose_oldest();
        }
        self.records.push_back(Record {
            number: self.next,
            bytes: bytes.to_vec(),
        });
        self.next += 1;
        self.count_write(len);
        Expected::number(len as u64)
    }

    fn count_write(&mut self, moved: usize) {
        self.counters.writes += 1;
        self.counters.bytes_written += moved as u64;
        self.counters.high_water = self.counters.high_water.max(self.used());
    }
}
