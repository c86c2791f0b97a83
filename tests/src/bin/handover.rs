// SPDX-License-Identifier: GPL-2.0

//! `handover [STEP]... -- STEP...`: takes the steps before `--` once and those behind it again and again, until it
//! is killed.
//!
//! | step | does |
//! | --- | --- |
//! | `w:NODE:LEN` | one write, which must take all |
//! | `r:NODE:LEN` | as many reads as it takes |
//! | `z:NODE:LEN`, `Z:NODE:LEN` | the same, of zeros, for writers who share a reader |
//! | `f:NODE:LEN` | writes a whole file: opens, writes, closes |
//! | `F:NODE:LEN` | the same, of zeros, by a write for each byte |
//! | `l:NODE:LEN` | opens, reads LEN zeros, and closes, which lets go of the rest of the file |
//! | `t:NODE:LEN` | opens, and reads a zero in each of LEN threads, all of that open |
//! | `n:NODE:LEN` | reads a whole file to its end, and asks for the next (`MYDEV_NEXT`) |
//! | `j:MICROS` | computes for a random time of that length at most |
//! | `c:NODE` | CLEAR, and back to position 0 |
//! | `e:NODE:LEN` | one write of zeros, which takes all, or finds no room at all (ENOSPC) |
//! | `W:NODE:LEN:OTHER` | opens, and writes zeros in one write, which is stalled in mid-copy: until it has written two zeros to OTHER, and for a random time after that |
//! | `R:NODE:LEN:OTHER` | the same for a read, which must bring all of the last `w` or `f` |
//! | `C:NODE:LEN:OTHER`, `S:NODE:LEN:OTHER` | CLEAR, or RESIZE to LEN; if it slept, it says so by a zero to OTHER |
//!
//! Who writes and who reads a node count the same: the bytes of a step are all the number of the step, unless they
//! are zeros.

use std::{
    collections::HashMap,
    os::fd::AsFd,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use mydevice_tests::{Device, memory::Stall};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::resource::{UsageWho, getrusage},
    unistd::{Whence, lseek},
};

/// For how long a stalled copy stays stalled at most, in microseconds.
const STALL: u64 = 300;

/// One end of a node: open, and how many steps it has taken.
struct End {
    device: Device,
    steps: u8,
    buffer: Vec<u8>,
}

impl End {
    /// Fills the buffer with what the next step moves.
    fn next(&mut self, step: &Step) {
        let byte = match step.what {
            'z' | 'Z' | 'e' => 0,
            _ => {
                self.steps = self.steps.wrapping_add(1);
                self.steps
            }
        };
        self.buffer.clear();
        self.buffer.resize(step.len, byte);
    }
}

struct Ends {
    start: Instant,
    readers: HashMap<String, End>,
    writers: HashMap<String, End>,
    stall: Option<Stall>,
}

fn end<'a>(ends: &'a mut HashMap<String, End>, node: &str, way: OFlag) -> Result<&'a mut End> {
    if !ends.contains_key(node) {
        let device =
            Device::open(Path::new(node), way).with_context(|| format!("opening {node}"))?;
        let end = End {
            device,
            steps: 0,
            buffer: Vec::new(),
        };
        ends.insert(node.to_owned(), end);
    }
    ends.get_mut(node).context("it was just made")
}

impl Ends {
    fn take(&mut self, step: &Step) -> Result<()> {
        let (node, len) = (&step.node, step.len);
        match step.what {
            'w' | 'z' => {
                let end = end(&mut self.writers, node, OFlag::O_WRONLY)?;
                end.next(step);
                let written = end.device.write(&end.buffer)?;
                ensure!(written == len, "a write of {len} bytes took {written}");
            }
            'f' => {
                let end = end(&mut self.writers, node, OFlag::O_WRONLY)?;
                end.next(step);
                let file = Device::open(Path::new(node), OFlag::O_WRONLY)?;
                let written = file.write(&end.buffer)?;
                ensure!(written == len, "a write of {len} bytes took {written}");
            }
            'F' => {
                let file = Device::open(Path::new(node), OFlag::O_WRONLY)?;
                for _ in 0..len {
                    ensure!(file.write(&[0])? == 1, "a write of a byte");
                }
            }
            'l' => {
                let file = Device::open(Path::new(node), OFlag::O_RDONLY)?;
                for _ in 0..len {
                    read_zero(&file)?;
                }
            }
            't' => {
                let file = Device::open(Path::new(node), OFlag::O_RDONLY)?;
                std::thread::scope(|scope| {
                    let readers: Vec<_> =
                        (0..len).map(|_| scope.spawn(|| read_zero(&file))).collect();
                    readers.into_iter().try_for_each(|reader| {
                        let read = reader.join();
                        read.map_err(|_| anyhow!("a thread that reads panicked"))?
                    })
                })?;
            }
            'r' | 'n' | 'Z' => {
                let end = end(&mut self.readers, node, OFlag::O_RDONLY)?;
                end.next(step);
                let mut left = len;
                while left > 0 {
                    let got = end.device.read(left)?;
                    ensure!(!got.is_empty(), "0 where {left} more bytes were to come");
                    ensure!(
                        got == end.buffer[..got.len()],
                        "{:?} in step {}",
                        got,
                        end.steps
                    );
                    left -= got.len();
                }
                if step.what == 'n' {
                    let more = end.device.read(1)?;
                    ensure!(more.is_empty(), "{more:?} behind the end of a file");
                    end.device.next()?;
                }
            }
            'c' => {
                end(&mut self.writers, node, OFlag::O_WRONLY)?
                    .device
                    .clear()?;
                let reader = &end(&mut self.readers, node, OFlag::O_RDONLY)?.device;
                // Only a text has positions.
                let back = lseek(reader.as_fd(), 0, Whence::SeekSet);
                ensure!(matches!(back, Ok(0) | Err(Errno::ESPIPE)), "{back:?}");
            }
            'e' => {
                let end = end(&mut self.writers, node, OFlag::O_WRONLY)?;
                end.next(step);
                let written = end.device.write(&end.buffer);
                ensure!(
                    written == Ok(len) || written == Err(Errno::ENOSPC),
                    "a write of {len} bytes: {written:?}"
                );
            }
            'W' | 'R' => self.stalled(step)?,
            'C' | 'S' => {
                let device = &end(&mut self.writers, node, OFlag::O_WRONLY)?.device;
                let before = times_slept()?;
                match step.what {
                    'C' => device.clear()?,
                    _ => device.resize(len.try_into()?)?,
                }
                if times_slept()? > before {
                    tell(&mut self.writers, &step.other, 1)?;
                }
            }
            'j' => compute(self.start, node.parse()?),
            other => bail!("{other:?} is no step"),
        }
        Ok(())
    }

    /// A copy that goes on only after others were told of it, and some time.
    fn stalled(&mut self, step: &Step) -> Result<()> {
        let len = step.len;
        let device = Device::open(Path::new(&step.node), OFlag::O_RDWR)?;
        let stall = &*self.stall.get_or_insert_with(Stall::new);
        let address = stall.before(0);
        let (start, others) = (self.start, &mut self.writers);
        let (copied, told) = std::thread::scope(|scope| {
            let helper = scope.spawn(move || {
                stall.wait_stalled();
                let told = tell(others, &step.other, 2);
                compute(start, STALL);
                stall.release();
                told
            });
            let copied = match step.what {
                'W' => device.write_from_address(address.get(), len),
                _ => device.read_at_address(address.get(), len),
            };
            (copied, helper.join())
        });
        told.map_err(|_| anyhow!("the helper of a stalled copy panicked"))??;
        ensure!(copied == Ok(len), "a copy of {len} bytes: {copied:?}");
        if step.what == 'R' {
            let number = self.writers.get(&step.node).map(|end| end.steps);
            let got = stall.came(len);
            ensure!(
                got.iter().all(|byte| Some(*byte) == number),
                "{got:?} in step {number:?}"
            );
        }
        stall.take_away();
        Ok(())
    }
}

/// Reads a byte, which must be a zero.
fn read_zero(file: &Device) -> Result<()> {
    let got = file.read(1)?;
    ensure!(got == [0], "{got:?} where a zero was to come");
    Ok(())
}

/// Writes so many zeros to a node.
fn tell(writers: &mut HashMap<String, End>, node: &str, len: usize) -> Result<()> {
    let written = end(writers, node, OFlag::O_WRONLY)?
        .device
        .write(&vec![0; len])?;
    ensure!(written == len, "a write of {len} bytes took {written}");
    Ok(())
}

/// How often this thread has gone to sleep so far.
fn times_slept() -> Result<i64> {
    Ok(getrusage(UsageWho::RUSAGE_THREAD)?.voluntary_context_switches())
}

/// Computes for a random time of so many microseconds at most. Chance enough: from how long it took to come here.
fn compute(start: Instant, most: u64) {
    let nanos = u64::from(start.elapsed().subsec_nanos());
    let pause = Duration::from_nanos(nanos.wrapping_mul(2_654_435_761) % (most * 1000));
    let begin = Instant::now();
    while begin.elapsed() < pause {
        std::hint::spin_loop();
    }
}

#[derive(Debug)]
struct Step {
    what: char,
    node: String,
    len: usize,
    other: String,
}

impl Step {
    fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let what = parts.next().and_then(|what| what.chars().next());
        let (Some(what), Some(node)) = (what, parts.next()) else {
            bail!("{text:?} is no step");
        };
        Ok(Self {
            what,
            node: node.to_owned(),
            len: parts.next().map_or(Ok(0), str::parse)?,
            other: parts.next().unwrap_or_default().to_owned(),
        })
    }
}

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let behind = arguments.iter().position(|argument| argument == "--");
    let behind = behind.context("usage: handover [STEP]... -- STEP...")?;
    let parse = |steps: &[String]| -> Result<Vec<_>> {
        steps.iter().map(|step| Step::parse(step)).collect()
    };
    let (first, forever) = (
        parse(&arguments[..behind])?,
        parse(&arguments[behind + 1..])?,
    );
    ensure!(!forever.is_empty(), "nothing to be done");

    let mut ends = Ends {
        start: Instant::now(),
        readers: HashMap::new(),
        writers: HashMap::new(),
        stall: None,
    };
    for step in first.iter().chain(forever.iter().cycle()) {
        ends.take(step).with_context(|| format!("{step:?}"))?;
    }
    Ok(())
}
