// SPDX-License-Identifier: GPL-2.0

//! One instance as the contract has it, and the calls on its opens.

use std::collections::{BTreeMap, VecDeque};

use nix::errno::Errno;

use super::{
    open::{Claim, File, Open, Record},
    operation::Command,
    outcome::{Expected, Outcome},
    settings::{Discipline, OnEmpty, Settings},
};
use Discipline::{Buffer, Log, Spool, Stack, Stream};

/// `POLLIN|POLLRDNORM`.
const READABLE: i16 = libc::POLLIN | libc::POLLRDNORM;
/// `POLLOUT|POLLWRNORM`.
const WRITABLE: i16 = libc::POLLOUT | libc::POLLWRNORM;

/// The 64-bit counters.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the names are the header's")]
pub struct Counters {
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub reads: u64,
    pub writes: u64,
    pub truncated: u64,
    pub cleared: u64,
    pub evicted: u64,
    pub high_water: u64,
    /// A signal may come before the sleep that it should end, so these have a least and a most.
    pub reader_waits: (u64, u64),
    pub writer_waits: (u64, u64),
}

/// A modelled instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// It has its names.
    pub alive: bool,
    /// What can be set.
    pub settings: Settings,
    /// Its opens, by number.
    pub opens: BTreeMap<usize, Open>,
    /// What was counted.
    pub counters: Counters,
    /// `stream` and `buffer`.
    pub bytes: VecDeque<u8>,
    /// `log` and `stack`, in the order of their writes.
    pub records: VecDeque<Record>,
    /// `spool`, in the order of their first writes.
    pub files: VecDeque<File>,
    /// The number of the next record or file.
    pub next: u64,
    /// What the next write adds at most, where its end was left open and then seen.
    pub cut: Option<u64>,
}

/// What a read would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// So many bytes.
    Bytes(usize),
    /// The end of its file.
    End,
    /// Nothing, which `on_empty` makes an end.
    Nothing,
    /// A wait.
    Wait,
}

impl Instance {
    /// A new one.
    pub fn new(settings: Settings) -> Self {
        Self {
            alive: true,
            settings,
            opens: BTreeMap::new(),
            counters: Counters::default(),
            bytes: VecDeque::new(),
            records: VecDeque::new(),
            files: VecDeque::new(),
            next: 0,
            cut: None,
        }
    }

    /// The bytes that are stored.
    pub fn used(&self) -> u64 {
        let records = self.records.iter().map(|it| it.bytes.len());
        let files = self.files.iter().map(|it| it.bytes.len());
        (self.bytes.len() + records.sum::<usize>() + files.sum::<usize>()) as u64
    }

    /// The capacity as it is shown: a stack's doubles as often as what is stored needs it.
    pub fn capacity(&self) -> u64 {
        let Settings {
            capacity,
            max_capacity,
            ..
        } = self.settings;
        if self.settings.discipline != Stack {
            return capacity;
        }
        let doubled = std::iter::successors(Some(capacity), |it| Some(it * 2));
        let fits = doubled.into_iter().find(|it| *it >= self.used());
        fits.expect("doubling ends").min(max_capacity)
    }

    /// The most records: one for each 16 bytes, and 64 more.
    pub(super) fn most_records(&self) -> u64 {
        64 + match self.settings.discipline {
            Stack => self.settings.max_capacity,
            _ => self.settings.capacity,
        } / 16
    }

    /// Opens it.
    pub fn open(&mut self, number: usize, read: bool, write: bool, nonblock: bool) {
        let oldest = self.records.front().map_or(self.next, |it| it.number);
        let open = Open {
            read,
            write,
            nonblock,
            seen_writer: false,
            position: 0,
            record: oldest,
            had: 0,
            missed: 0,
            refused: 1,
            claim: Claim::Nothing,
            got: false,
            own: None,
        };
        self.opens.insert(number, open);
        if write {
            self.opens
                .values_mut()
                .for_each(|open| open.seen_writer = true);
        } else if self.writers() > 0 {
            self.open_mut(number).seen_writer = true;
        }
    }

    /// The opens for reading.
    pub fn readers(&self) -> usize {
        self.opens.values().filter(|open| open.read).count()
    }

    /// The opens for writing.
    pub fn writers(&self) -> usize {
        self.opens.values().filter(|open| open.write).count()
    }

    /// The last close of an open.
    pub fn close(&mut self, number: usize) {
        let open = self.opens.remove(&number).expect("it is open");
        if let Some(own) = open.own {
            self.finish(own);
        }
        if let Claim::File(file) = open.claim {
            self.let_go(file);
        }
    }

    /// What a read from `open` would meet; at `at`, in a buffer, or at its position.
    pub fn ready(&self, open: &Open, at: Option<u64>) -> Ready {
        let bytes = match self.settings.discipline {
            Stream => self.bytes.len(),
            Buffer => self
                .bytes
                .len()
                .saturating_sub(at.unwrap_or(open.position) as usize),
            Log => self
                .record_of(open)
                .map_or(0, |(record, had)| record.bytes.len() - had),
            Stack => self.records.back().map_or(0, |it| it.bytes.len()),
            Spool => match self.file_for(open) {
                Ok(file) => file.map_or(0, |it| self.files[it].bytes.len()),
                Err(()) => return Ready::End,
            },
        };
        match (bytes, self.settings.on_empty) {
            (1.., _) => Ready::Bytes(bytes),
            (0, OnEmpty::Eof) => Ready::Nothing,
            (0, OnEmpty::Hangup) if open.seen_writer && self.writers() == 0 => Ready::Nothing,
            _ => Ready::Wait,
        }
    }

    /// The record that an open of a log reads next, and what it has had of it.
    pub(super) fn record_of(&self, open: &Open) -> Option<(&Record, usize)> {
        let oldest = self.records.front()?;
        if oldest.number > open.record {
            return Some((oldest, 0));
        }
        let record = self.records.get((open.record - oldest.number) as usize)?;
        Some((record, open.had))
    }

    pub(super) fn open_mut(&mut self, number: usize) -> &mut Open {
        self.opens.get_mut(&number).expect("it is open")
    }

    /// Drops the oldest record of a log, which every open misses that has not read it; its length.
    pub(super) fn lose_oldest(&mut self) -> u64 {
        let lost = self.records.pop_front().expect("a record to lose");
        let log = self.settings.discipline == Log;
        for open in self.opens.values_mut().filter(|_| log) {
            if open.record <= lost.number {
                open.missed += (lost.bytes.len() - open.had) as u64;
                (open.record, open.had) = (lost.number + 1, 0);
            }
        }
        lost.bytes.len() as u64
    }

    /// What poll says of an open.
    pub fn events(&self, number: usize) -> Expected {
        if !self.alive {
            return Expected::exactly(Outcome::Events(libc::POLLERR | libc::POLLHUP));
        }
        let open = &self.opens[&number];
        let mut events = 0;
        if open.read {
            events |= match self.ready(open, None) {
                Ready::Bytes(_) | Ready::End => READABLE,
                Ready::Nothing if self.settings.on_empty == OnEmpty::Hangup => {
                    READABLE | libc::POLLHUP
                }
                Ready::Nothing => READABLE,
                Ready::Wait => 0,
            };
        }
        let writable = match self.settings.discipline {
            Stream | Spool => self.room(open) > 0,
            Buffer | Log => true,
            Stack => {
                open.refused as u64 > self.settings.max_capacity || !self.full_for(open.refused)
            }
        };
        if open.write && writable {
            events |= WRITABLE;
        }
        // After the last writer's close and the last byte there is a hang-up; whether also at the end of a
        // file, which `on_empty` does not affect otherwise, is left open.
        let ended = open.read && self.ready(open, None) == Ready::End;
        let hangup = self.settings.on_empty == OnEmpty::Hangup
            && open.seen_writer
            && self.writers() == 0
            && self.used() == 0;
        let both = (ended && hangup).then_some(events | libc::POLLHUP);
        Expected::one_of([events].into_iter().chain(both).map(Outcome::Events))
    }

    /// An ioctl.
    pub fn control(&mut self, number: usize, command: Command, bad: bool) -> Expected {
        if !self.alive {
            return Expected::fails(Errno::ENODEV);
        }
        let open = &self.opens[&number];
        match command {
            Command::Wrong(_) => Expected::fails(Errno::ENOTTY),
            Command::Next if self.settings.discipline != Spool => Expected::fails(Errno::ENOTTY),
            Command::Clear | Command::Resize(_) if !open.write => Expected::fails(Errno::EBADF),
            Command::Clear => {
                self.clear();
                Expected::number(0)
            }
            Command::Next => {
                if let Claim::File(file) =
                    std::mem::replace(&mut self.open_mut(number).claim, Claim::Nothing)
                {
                    self.let_go(file);
                }
                Expected::number(0)
            }
            _ if bad => Expected::fails(Errno::EFAULT),
            Command::Resize(capacity) => match self.resize(capacity.into()) {
                Ok(()) => Expected::number(0),
                Err(errno) => Expected::fails(errno),
            },
            Command::Status => Expected::exactly(Outcome::Status(self.status())),
            Command::Stats => self.stats(number),
            Command::Unread => match self.ready(open, None) {
                Ready::Bytes(bytes) => Expected::number(bytes as u64),
                _ => Expected::number(0),
            },
        }
    }

    fn clear(&mut self) {
        self.counters.cleared += self.used();
        self.bytes.clear();
        // In a stack nobody has a place of his own that could miss something.
        while !self.records.is_empty() {
            self.lose_oldest();
        }
        self.clear_files();
    }

    /// RESIZE, and the attribute `capacity`.
    pub fn resize(&mut self, capacity: u64) -> Result<(), Errno> {
        if capacity == 0 || capacity > self.settings.max_capacity {
            return Err(Errno::EINVAL);
        }
        let used = self.used();
        if self.settings.discipline == Spool && used > capacity {
            return Err(Errno::EBUSY);
        }
        self.settings.capacity = capacity;
        match self.settings.discipline {
            Stream | Buffer => self.bytes.truncate(capacity as usize),
            Log => {
                while self.used() > capacity || self.records.len() as u64 > self.most_records() {
                    self.lose_oldest();
                }
            }
            Stack => {
                while self.used() > capacity {
                    self.records.pop_front();
                }
            }
            Spool => {}
        }
        self.counters.truncated += used - self.used();
        Ok(())
    }

    /// The words of `struct mydev_status`.
    pub fn status(&self) -> [u32; 6] {
        [
            self.capacity(),
            self.used(),
            self.opens.len() as u64,
            self.counters.reads,
            self.counters.writes,
            0,
        ]
        .map(|word| u32::try_from(word).unwrap_or(u32::MAX))
    }

    fn stats(&self, number: usize) -> Expected {
        let it = &self.counters;
        let (from, to) = (it.reader_waits, it.writer_waits);
        let waits = (from.0..=from.1).flat_map(|reader| (to.0..=to.1).map(move |w| (reader, w)));
        Expected::one_of(waits.map(|(reader_waits, writer_waits)| {
            let mut words = [0; 16];
            words[..11].copy_from_slice(&[
                it.bytes_read,
                it.bytes_written,
                it.reads,
                it.writes,
                reader_waits,
                writer_waits,
                it.truncated,
                it.cleared,
                it.evicted,
                self.opens[&number].missed,
                it.high_water,
            ]);
            Outcome::Stats(words)
        }))
    }

    /// The text of the `/proc` entry.
    pub fn proc(&self) -> String {
        let [buffer_size, bytes_used, open_count, ..] = self.status();
        let Counters {
            reads,
            writes,
            bytes_read,
            bytes_written,
            ..
        } = self.counters;
        format!(
            "buffer_size: {buffer_size}\nbytes_used: {bytes_used}\nopen_count: {open_count}\n\
             read_count: {reads}\nwrite_count: {writes}\nbytes_read: {bytes_read}\n\
             bytes_written: {bytes_written}\ndiscipline: {}\n",
            self.settings.discipline.name()
        )
    }
}
