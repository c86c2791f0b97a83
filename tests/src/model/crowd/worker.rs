// SPDX-License-Identifier: GPL-2.0

//! One of the processes.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use nix::{errno::Errno, poll::PollFlags};

use super::{
    super::{
        Real, Subject,
        generate::Generator,
        operation::{Command, DESCRIPTORS, LONGEST, Operation, Transfer},
        outcome::Outcome,
        settings::Discipline,
        world::World,
    },
    Account, Course, Plan, WAITS, chunk,
};

/// Does what is drawn for process `number` of a plan.
pub fn work(plan: &Plan, number: usize) -> Result<Account> {
    let mut worker = Worker {
        plan: *plan,
        number,
        world: World::default(),
        real: Real::new(),
        reader: Reader::new(plan.discipline, plan.course.drops()),
        written: BTreeMap::new(),
        records: 0,
        account: Account::default(),
        patient: false,
        gone: false,
    };
    // The model of this process knows only what it does itself: enough to draw sizes that matter.
    worker.world.step(&Operation::Add {
        name: 0,
        keys: vec![
            ("discipline", plan.discipline.name().to_owned()),
            ("capacity", plan.capacity.to_string()),
        ],
    });
    let seed = plan.seed.wrapping_mul(31).wrapping_add(number as u64);
    let mut source = Generator::new(seed, Some(plan.discipline));
    let mut done = 0;
    while done < plan.operations {
        let operation = source.draw(&worker.world);
        done += usize::from(worker.perform(operation)?);
        ensure!(!worker.gone, "it is gone, and nobody has removed it");
    }
    if plan.course == Course::Removes {
        println!("{WAITS}");
        worker.wait_for_the_end()?;
    }
    Ok(worker.account)
}

/// More writes than fill the instance.
const WRITES: usize = 300;

struct Worker {
    plan: Plan,
    number: usize,
    world: World,
    real: Real,
    reader: Reader,
    /// How much each open has written.
    written: BTreeMap<usize, u64>,
    records: u32,
    account: Account,
    /// Its writes may sleep.
    patient: bool,
    /// A call has found the instance removed.
    gone: bool,
}

impl Worker {
    fn records(&self) -> bool {
        matches!(self.plan.discipline, Discipline::Log | Discipline::Stack)
    }

    /// Does an operation, if it is one for a crowd.
    fn perform(&mut self, mut operation: Operation) -> Result<bool> {
        match &mut operation {
            Operation::Add { .. } | Operation::Remove { .. } | Operation::Store { .. } => {
                return Ok(false);
            }
            Operation::Control {
                command: Command::Clear | Command::Resize(_),
                ..
            } if !self.plan.course.drops() => return Ok(false),
            // A whole record is what can be checked.
            Operation::Read { transfer, .. } if self.records() => {
                *transfer = Transfer {
                    at: None,
                    ..Transfer::plain(LONGEST)
                };
            }
            _ => {}
        }
        if self.world.step(&operation).is_none() {
            return Ok(false);
        }
        if let Operation::Write { fd, transfer, .. } = operation {
            self.write(fd, transfer)?;
            return Ok(true);
        }
        // Whether a call sleeps depends on the others.
        let sleeps = matches!(
            operation,
            Operation::Read { .. } | Operation::Control { .. }
        );
        let outcome = self.real.perform(&operation, sleeps);
        if finds_it_gone(&operation, &outcome) {
            self.gone = true;
            return Ok(true);
        }
        match operation {
            Operation::Read { fd, .. } => {
                let open = self.world.descriptor(fd).map_or(0, |it| it.open);
                match outcome {
                    Outcome::Bytes(bytes) if bytes.is_empty() => self.reader.anew(open),
                    Outcome::Bytes(bytes) => {
                        self.account.read += bytes.len() as u64;
                        self.account.reads += 1;
                        let sum = self.reader.check(open, &bytes)?;
                        self.account.sum_read = self.account.sum_read.wrapping_add(sum);
                    }
                    _ => {}
                }
            }
            Operation::Control {
                fd,
                command: Command::Next,
                ..
            } => {
                let open = self.world.descriptor(fd).map_or(0, |it| it.open);
                self.reader.anew(open);
            }
            _ => {}
        }
        Ok(true)
    }

    fn write(&mut self, fd: usize, transfer: Transfer) -> Result<()> {
        let open = self.world.descriptor(fd).map_or(0, |it| it.open);
        // A file goes on where its last write ended; everywhere else a write is a beginning.
        let start = match self.plan.discipline {
            Discipline::Spool => self.written.get(&open).copied().unwrap_or(0),
            _ => 0,
        };
        let bytes = if self.records() {
            self.records += 1;
            chunk::record(self.number, self.records, transfer.len)
        } else {
            let places = start..start + transfer.len as u64;
            places
                .map(|place| chunk::byte(self.number, place))
                .collect()
        };
        let result = match self.patient {
            true => self.real.put_patiently(fd, transfer, &bytes),
            false => self.real.put(fd, transfer, &bytes),
        };
        let n = match result {
            Ok(n) => n,
            Err(errno) => {
                self.gone |= errno == Errno::ENODEV;
                return Ok(());
            }
        };
        ensure!(
            n <= transfer.good,
            "{n} of {} bytes were written",
            transfer.good
        );
        ensure!(
            !self.records() || n == transfer.len,
            "a record of {} bytes was cut to {n}",
            transfer.len
        );
        if n > 0 {
            self.account.written += n as u64;
            self.account.writes += 1;
            let sum = chunk::sum(&bytes[..n], self.records());
            self.account.sum_written = self.account.sum_written.wrapping_add(sum);
            *self.written.entry(open).or_default() += n as u64;
        }
        Ok(())
    }

    /// Is at some call when the instance goes: half of the processes write until it is full, and sleep, with a part of
    /// their bytes moved or with none; the others sleep in `poll`.
    fn wait_for_the_end(&mut self) -> Result<()> {
        let fd = 0;
        self.perform(Operation::Close { fd })?;
        self.perform(Operation::Open {
            fd,
            name: 0,
            side: "",
            flags: libc::O_WRONLY,
        })?;
        self.patient = true;
        // Where none waits for room they come to an end.
        for _ in 0..WRITES {
            if self.number.is_multiple_of(2) && !self.gone {
                self.write(fd, Transfer::plain(1000))?;
            }
        }
        self.real.wait_for_the_end(fd)?;
        self.stays_gone()
    }

    /// Every later read, write and ioctl gives ENODEV, through whichever open; poll `POLLERR|POLLHUP` alone.
    fn stays_gone(&mut self) -> Result<()> {
        let end = Outcome::Events((PollFlags::POLLERR | PollFlags::POLLHUP).bits());
        for fd in (0..DESCRIPTORS).filter(|fd| self.world.descriptor(*fd).is_some()) {
            let transfer = Transfer::plain(1);
            let status = Operation::Control {
                fd,
                command: Command::Status,
                bad: false,
            };
            let transfers = [
                self.real.perform(&Operation::Read { fd, transfer }, false),
                self.real.put(fd, transfer, b"x").map(drop).into(),
            ];
            let (status, events) = (
                self.real.perform(&status, false),
                self.real.perform(&Operation::Poll { fd }, false),
            );
            // The open's mode comes first.
            let refused = |it: &Outcome| {
                [Errno::ENODEV, Errno::EBADF]
                    .map(Outcome::Fails)
                    .contains(it)
            };
            ensure!(
                transfers.iter().all(refused)
                    && status == Outcome::Fails(Errno::ENODEV)
                    && events == end,
                "{transfers:?} {status:?} {events:?} of what is gone"
            );
        }
        Ok(())
    }
}

/// Whether what an operation brought says that the instance was removed.
fn finds_it_gone(operation: &Operation, outcome: &Outcome) -> bool {
    let Outcome::Fails(errno) = outcome else {
        return false;
    };
    match operation {
        // Of the other names there are no instances.
        Operation::Open {
            name: 0, side: "", ..
        } => {
            matches!(errno, Errno::ENODEV | Errno::ENXIO | Errno::ENOENT)
        }
        Operation::Open { .. } | Operation::Proc { .. } | Operation::Show { .. } => false,
        _ => *errno == Errno::ENODEV,
    }
}

/// Checks what reads bring.
pub struct Reader {
    discipline: Discipline,
    drops: bool,
    /// What each open expects next of its file (`spool`).
    next: BTreeMap<usize, (u8, u8)>,
    /// The last record of each writer that each open has had (`log`).
    last: BTreeMap<(usize, usize), u32>,
}

impl Reader {
    /// For an instance of that kind.
    pub fn new(discipline: Discipline, drops: bool) -> Self {
        Self {
            discipline,
            drops,
            next: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// The open has let go of its file.
    pub fn anew(&mut self, open: usize) {
        self.next.remove(&open);
    }

    /// Checks what one read through `open` brought, and adds it up.
    pub fn check(&mut self, open: usize, bytes: &[u8]) -> Result<u64> {
        match self.discipline {
            Discipline::Stream | Discipline::Buffer => self.together(bytes)?,
            Discipline::Spool => self.one_file(open, bytes)?,
            Discipline::Log | Discipline::Stack => {
                let writer = chunk::whole(bytes)?;
                if let (Discipline::Log, Some((writer, number))) = (self.discipline, writer) {
                    let last = self.last.insert((open, writer), number);
                    ensure!(
                        last.is_none_or(|last| last < number),
                        "record {number} of process {writer} comes after {last:?}"
                    );
                }
            }
        }
        let records = matches!(self.discipline, Discipline::Log | Discipline::Stack);
        Ok(chunk::sum(bytes, records))
    }

    /// The bytes of one write are contiguous: who follows another begins. (RESIZE may cut a write anywhere.)
    fn together(&self, bytes: &[u8]) -> Result<()> {
        for pair in bytes.windows(2) {
            let ((writer, place), next) = (chunk::signature(pair[0]), chunk::signature(pair[1]));
            ensure!(
                self.drops || next == (writer, (place + 1) % 32) || next.1 == 0,
                "byte {next:?} follows byte {:?}",
                (writer, place)
            );
        }
        Ok(())
    }

    /// What one open reads is one file, in order.
    fn one_file(&mut self, open: usize, bytes: &[u8]) -> Result<()> {
        let mut expected = self.next.get(&open).copied();
        for byte in bytes {
            let (writer, place) = chunk::signature(*byte);
            ensure!(
                expected.is_none_or(|it| it == (writer, place)),
                "byte {:?} comes where {expected:?} belongs",
                (writer, place)
            );
            expected = Some((writer, (place + 1) % 32));
        }
        if let Some(expected) = expected {
            self.next.insert(open, expected);
        }
        Ok(())
    }
}
