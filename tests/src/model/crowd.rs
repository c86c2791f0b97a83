// SPDX-License-Identifier: GPL-2.0

//! Several processes on one instance: what must hold whatever comes first.
//!
//! Each process draws operations as [`super::run`] does, and does them on the same instance. Every byte says
//! who wrote it, see [`chunk`]. Nobody can foresee what a call brings, but bytes are conserved, the bytes of one
//! write stay together, records and files are whole, and every look at the counters balances.

pub mod chunk;
mod files;
mod worker;

use std::{
    io::Read,
    os::fd::AsFd,
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use mydevice_uapi::ioctl::MYDEV_STATUS;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::Pid,
};

use super::{
    operation::LONGEST,
    settings::{Discipline, LARGEST},
};
use crate::{
    Device, Instance,
    device::GONE,
    instance::Proc,
    patience::PATIENCE,
    sleeper::{sleeps_in, times_slept},
};

/// The instance is always of this name.
const NAME: &str = "m0";
/// What a process says that has nothing to do but to wait for the end.
const WAITS: &str = "waits";
/// So many processes can sign their bytes.
pub const MOST: usize = 8;

/// Capacities to try, and how a run goes.
pub const VARIANTS: [(u64, Course); 10] = [
    (1, Course::Keeps),
    (31, Course::Keeps),
    (4096, Course::Keeps),
    (31, Course::Drops),
    (4096, Course::Drops),
    (65536, Course::Drops),
    (31, Course::Removes),
    (4096, Course::Removes),
    (31, Course::Files),
    (4096, Course::Files),
];

/// How a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Course {
    /// Nothing is dropped.
    Keeps,
    /// The processes call CLEAR and RESIZE, too.
    Drops,
    /// Nothing is dropped, until the instance is removed while all of them are in the middle of a call.
    Removes,
    /// Half of the processes write files and the other half read them, each whole: a spool alone.
    Files,
}

impl Course {
    /// Whether instances of that discipline can go it.
    pub fn suits(self, discipline: Discipline) -> bool {
        self != Self::Files || discipline == Discipline::Spool
    }

    /// Whether bytes may be dropped.
    fn drops(self) -> bool {
        self == Self::Drops
    }

    /// Whether processes wait for the removal of the instance.
    fn ends_by_removal(self) -> bool {
        matches!(self, Self::Removes | Self::Files)
    }
}

/// What the processes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the operations come from.
    pub seed: u64,
    /// Operations of each process; files of each writer ([`Course::Files`]).
    pub operations: usize,
    /// How many processes.
    pub processes: usize,
    /// The instance's.
    pub discipline: Discipline,
    /// The instance's.
    pub capacity: u64,
    /// How the run goes.
    pub course: Course,
}

/// What one process, or all of them, did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Bytes that writes took.
    pub written: u64,
    /// Writes that took any.
    pub writes: u64,
    /// Bytes that reads brought.
    pub read: u64,
    /// Reads that brought any.
    pub reads: u64,
    /// Over all bytes or records written, in any order.
    pub sum_written: u64,
    /// The same of those read.
    pub sum_read: u64,
}

impl Account {
    fn add(&mut self, other: &Self) {
        self.written += other.written;
        self.writes += other.writes;
        self.read += other.read;
        self.reads += other.reads;
        self.sum_written = self.sum_written.wrapping_add(other.sum_written);
        self.sum_read = self.sum_read.wrapping_add(other.sum_read);
    }

    /// As a process tells it.
    pub fn line(&self) -> String {
        format!(
            "{} {} {} {} {} {}",
            self.written, self.writes, self.read, self.reads, self.sum_written, self.sum_read
        )
    }
}

impl FromStr for Account {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let words: Vec<u64> = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("a process said {line:?}"))?;
        let [written, writes, read, reads, sum_written, sum_read] = words[..] else {
            bail!("a process said {line:?}");
        };
        Ok(Self {
            written,
            writes,
            read,
            reads,
            sum_written,
            sum_read,
        })
    }
}

/// Runs `program`, which is `model`, so many times on one instance of a loaded module, and checks what must
/// hold meanwhile and in the end.
pub fn run(plan: &Plan, program: &Path) -> Result<Account> {
    ensure!(
        (2..=MOST).contains(&plan.processes),
        "{} processes: 2 to {MOST} can sign their bytes",
        plan.processes
    );
    let Plan {
        discipline,
        capacity,
        ..
    } = *plan;
    let most = match discipline {
        Discipline::Stack => capacity,
        _ => LARGEST,
    };
    // Stack's capacity is where it starts; what bounds it is the other one.
    let instance = Instance::try_add(&format!(
        "{NAME} discipline={} capacity={capacity} max_capacity={most}",
        discipline.name()
    ))
    .context("adding the instance")?;
    let result = on(&instance, plan, program).with_context(|| format!("{plan:?}"));
    match instance.remove() {
        Err(Errno::ENODEV) if plan.course.ends_by_removal() => result,
        removed => result.and_then(|account| removed.map(|()| account).context("removing it")),
    }
}

/// Does what process `number` of a plan is to do.
pub fn work(plan: &Plan, number: usize) -> Result<Account> {
    match plan.course {
        Course::Files if files::writes(number) => files::write(plan, number),
        Course::Files => files::read(&Instance::named(&format!("mydevice-{NAME}"))),
        _ => worker::work(plan, number),
    }
}

fn on(instance: &Instance, plan: &Plan, program: &Path) -> Result<Account> {
    let device = instance.nonblocking();
    let mut children = (0..plan.processes)
        .map(|number| start(program, plan, number))
        .collect::<Result<Vec<_>>>()?;
    let mut looks = Looks::default();
    let counted = loop {
        let now = instance.proc();
        looks.look(&now, plan)?;
        let mut running = Vec::new();
        let mut failed = false;
        for (number, child) in children.iter_mut().enumerate() {
            match child.try_wait().context("looking after a process")? {
                Some(status) => failed |= !status.success(),
                None => running.push(number),
            }
        }
        let over = match plan.course {
            Course::Keeps | Course::Drops => running.is_empty(),
            Course::Removes => children.iter().all(waits) && all_sleep(&children),
            Course::Files => !running.into_iter().any(files::writes) && now.bytes_used == 0,
        };
        if over || failed {
            break instance.proc();
        }
        ensure!(looks.since.elapsed() < PATIENCE, "nobody goes on: {now:?}");
        std::thread::sleep(Duration::from_millis(1));
    };
    if plan.course.ends_by_removal() {
        instance.remove().context("removing it in mid-run")?;
    }
    let mut account = Account::default();
    for child in children {
        account.add(&ended(child)?);
    }
    match plan.course {
        Course::Keeps | Course::Drops => {
            looks.look(&instance.proc(), plan)?;
            let waiting = ["waiting_readers", "waiting_writers"].map(|it| instance.attribute(it));
            ensure!(
                waiting == ["0", "0"],
                "all have ended, and {waiting:?} wait"
            );
            settle(&device, instance, plan, &mut account)?;
        }
        Course::Removes | Course::Files => after_removal(&device, plan, &counted, &account)?,
    }
    Ok(account)
}

/// Whether a process has said that it waits for the end, or has ended.
fn waits(child: &Child) -> bool {
    child.stdout.as_ref().is_some_and(|output| {
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    })
}

/// Whether all processes are asleep at the same time: none of them has slept anew between a look at all and another.
fn all_sleep(children: &[Child]) -> bool {
    let look = || -> Vec<_> {
        let pids = children
            .iter()
            .map(|child| Pid::from_raw(child.id() as i32));
        let asleep = |pid| [libc::SYS_write, libc::SYS_poll].map(|call| sleeps_in(pid, pid, call));
        pids.map(|pid| (asleep(pid).contains(&true), times_slept(pid)))
            .collect()
    };
    let (first, second) = (look(), look());
    first == second && first.iter().all(|(asleep, _)| *asleep)
}

/// What was counted until the removal was done, and those who did it were told so, in whatever call it found them;
/// nothing can be done any more.
fn after_removal(device: &Device, plan: &Plan, counted: &Proc, account: &Account) -> Result<()> {
    let counts = [
        (counted.bytes_written, account.written),
        (counted.write_count, account.writes),
        (counted.bytes_read, account.read),
        (counted.read_count, account.reads),
    ];
    ensure!(
        counts.iter().all(|(counted, done)| counted == done),
        "what was counted is not what was done: {counted:?}, {account:?}"
    );
    // All files had been taken, so nothing is missing.
    ensure!(
        plan.course != Course::Files || account.sum_read == account.sum_written,
        "what was read is not what was written: {account:?}"
    );
    let gone = [
        device.read(1).map(drop),
        device.write(b"x").map(drop),
        device.ioctl(MYDEV_STATUS, 0).map(drop),
    ];
    ensure!(
        gone == [Err(Errno::ENODEV); 3] && device.ready() == GONE,
        "{gone:?} of what is gone"
    );
    Ok(())
}

fn start(program: &Path, plan: &Plan, number: usize) -> Result<Child> {
    let mut command = Command::new(program);
    command.args(["--worker", &number.to_string()]);
    command.args(["--seed", &plan.seed.to_string()]);
    command.args(["--operations", &plan.operations.to_string()]);
    command.args(["--discipline", plan.discipline.name()]);
    command.args(["--capacity", &plan.capacity.to_string()]);
    let course = plan.course.to_possible_value().context("a course")?;
    command.args(["--course", course.get_name()]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

fn ended(mut child: Child) -> Result<Account> {
    let mut line = String::new();
    let mut output = child.stdout.take().context("a pipe")?;
    output
        .read_to_string(&mut line)
        .context("reading what a process says")?;
    let status = child.wait().context("waiting for a process")?;
    ensure!(status.success(), "a process ended with {status}: {line}");
    line.trim_start_matches(WAITS).parse()
}

/// What was seen at the last look, and since when nothing else was.
#[derive(Debug)]
struct Looks {
    last: Option<Proc>,
    since: Instant,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            last: None,
            since: Instant::now(),
        }
    }
}

impl Looks {
    /// The values of one look belong together, and none goes back.
    fn look(&mut self, now: &Proc, plan: &Plan) -> Result<()> {
        let used = now.bytes_used;
        let taken = match plan.discipline {
            Discipline::Stream | Discipline::Spool | Discipline::Stack => now.bytes_read,
            // Reading takes nothing away.
            Discipline::Buffer | Discipline::Log => 0,
        };
        let keeps = !plan.course.drops() && plan.discipline != Discipline::Log;
        ensure!(
            now.bytes_written >= taken + used && (!keeps || now.bytes_written == taken + used),
            "the bytes do not balance: {now:?}"
        );
        // A file that is followed may go beyond the limit.
        ensure!(
            used <= now.buffer_size || plan.discipline == Discipline::Spool,
            "more is stored than fits: {now:?}"
        );
        ensure!(
            now.write_count <= now.bytes_written && now.read_count <= now.bytes_read,
            "calls that moved nothing are counted: {now:?}"
        );
        if self.last.as_ref() != Some(now) {
            self.since = Instant::now();
        }
        if let Some(last) = self.last.replace(now.clone()) {
            ensure!(
                last.bytes_written <= now.bytes_written
                    && last.bytes_read <= now.bytes_read
                    && last.write_count <= now.write_count
                    && last.read_count <= now.read_count,
                "a counter goes back: {last:?}, then {now:?}"
            );
        }
        Ok(())
    }
}

/// When all is quiet: the instance has counted what the processes have, and what is left is what is missing.
fn settle(device: &Device, instance: &Instance, plan: &Plan, account: &mut Account) -> Result<()> {
    let (stats, status) = (device.stats(), device.status());
    let counted = [
        stats.bytes_written,
        stats.writes,
        stats.bytes_read,
        stats.reads,
    ];
    let done = [account.written, account.writes, account.read, account.reads];
    ensure!(
        counted == done,
        "counted {counted:?}, done {done:?}: {stats:?}"
    );
    let proc = instance.proc();
    let shown = [
        proc.bytes_written,
        proc.write_count,
        proc.bytes_read,
        proc.read_count,
    ];
    ensure!(
        shown == counted && proc.bytes_used == u64::from(status.bytes_used),
        "/proc shows {proc:?} of {stats:?} {status:?}"
    );
    ensure!(status.open_count == 1, "opens are left: {status:?}");

    let taken = match plan.discipline {
        Discipline::Stream | Discipline::Spool | Discipline::Stack => stats.bytes_read,
        Discipline::Buffer | Discipline::Log => 0,
    };
    let gone = taken + stats.bytes_truncated + stats.bytes_cleared + stats.bytes_evicted;
    ensure!(
        stats.bytes_written == gone + u64::from(status.bytes_used),
        "the books do not balance: {stats:?} {status:?}"
    );
    if plan.course.drops() || matches!(plan.discipline, Discipline::Buffer | Discipline::Log) {
        return Ok(());
    }
    // Nothing was dropped, so with the rest everything that was written has been read, once.
    let mut reader = worker::Reader::new(plan.discipline, plan.course.drops());
    loop {
        match device.read(LONGEST) {
            Ok(bytes) if bytes.is_empty() && plan.discipline == Discipline::Spool => {
                device.next().context("MYDEV_NEXT")?;
                reader.anew(0);
            }
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => account.sum_read = account.sum_read.wrapping_add(reader.check(0, &bytes)?),
            Err(Errno::EAGAIN) => break,
            Err(errno) => bail!("reading the rest: {errno}"),
        }
    }
    ensure!(instance.attribute("bytes_used") == "0", "bytes are left");
    ensure!(
        account.sum_written == account.sum_read,
        "what was read is not what was written: {account:?}"
    );
    Ok(())
}
