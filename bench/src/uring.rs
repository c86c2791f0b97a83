// SPDX-License-Identifier: GPL-2.0

//! Transfers by io_uring, with so many requests in flight on both sides, beside plain calls: of an instance, and of a pipe.

use std::{
    fs::{self, File},
    io::{Read, Write},
    mem,
    os::fd::AsRawFd,
    time::Duration,
};

use anyhow::{Result, ensure};
use io_uring::{IoUring, opcode, squeue::Entry as Request, types::Fd};
use mydevice_figures::{Entry, Who, Work};
use nix::{errno::Errno, fcntl::OFlag, unistd::pipe2};

use crate::{book::Book, channel::Channel, crew::Crew, plan::Plan, transfer::Transfer};

/// Who has files that io_uring can read and write, of those worth looking at.
const WHO: [Who; 2] = [Who::MyDevice, Who::Pipe];
/// How many requests are in flight on each side.
const DEPTHS: [usize; 2] = [1, 32];
/// "At the file's position", which is the only one that a stream has.
const CURRENT: u64 = u64::MAX;

/// Both depths and plain calls, by turns.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let contenders = WHO.into_iter().filter(|who| plan.contenders.contains(who));
    for &(size, messages) in &plan.uring_transfers {
        let transfer = Transfer {
            writers: 1,
            readers: 1,
            size,
            messages: plan.scaled(messages),
        };
        for _ in 0..plan.rounds {
            for who in contenders.clone() {
                let entry = |work| Entry::new(work, who).size(size);
                let plain = transfer.time(who)?;
                book.note_time(entry(Work::Uring), plain, transfer.total());
                for depth in DEPTHS {
                    let (time, workers) = by_ring(&transfer, who, depth)?;
                    book.note_time(entry(Work::Uring).count(depth), time, transfer.total());
                    book.note(entry(Work::UringWorkers).count(depth), workers);
                }
            }
        }
    }
    Ok(())
}

/// The transfer with a ring on each side; returns how long it took, and how many worker threads there were.
fn by_ring(transfer: &Transfer, who: Who, depth: usize) -> Result<(Duration, f64)> {
    let Transfer { size, .. } = *transfer;
    let capacity = transfer.capacity();
    let total = size * transfer.total();
    let mut channel = Channel::new(who, capacity, size, "uring")?;
    let (workers, say_workers) = pipe2(OFlag::O_CLOEXEC)?;
    let mut crew = Crew::new()?;
    for writes in [true, false] {
        let mut say = File::from(say_workers.try_clone()?);
        crew.fork(|| {
            let end = match writes {
                true => channel.writer(capacity)?,
                false => channel.reader()?,
            };
            let mut pump = Pump::new(end.into_file()?, size, depth)?;
            Ok(move || {
                match writes {
                    true => pump.write(total)?,
                    false => pump.read(total)?,
                }
                say.write_all(&[worker_threads()?])?;
                // To take a ring apart takes long. The end of the process does it.
                mem::forget(pump);
                Ok(())
            })
        })?;
    }
    channel.close_ends();
    let time = crew.run()?;
    channel.remove()?;
    let mut counts = [0; 2];
    File::from(workers).read_exact(&mut counts)?;
    Ok((time, counts.into_iter().map(f64::from).sum()))
}

/// One side: a ring, a file, and memory for each request that may be in flight.
struct Pump {
    ring: IoUring,
    file: File,
    buffers: Vec<Vec<u8>>,
    /// The requests that are not in flight, by the numbers of their buffers.
    idle: Vec<usize>,
}

impl Pump {
    fn new(file: File, size: usize, depth: usize) -> Result<Self> {
        Ok(Self {
            ring: IoUring::new(u32::try_from(depth)?)?,
            file,
            buffers: vec![vec![7; size]; depth],
            idle: (0..depth).collect(),
        })
    }

    /// Writes so many bytes. The kernel does not continue a write that was short.
    fn write(&mut self, total: usize) -> Result<()> {
        let size = self.buffers[0].len();
        let (mut written, mut asked) = (0, 0);
        while written < total {
            while asked < total
                && let Some(buffer) = self.idle.pop()
            {
                let len = size.min(total - asked);
                asked += len;
                let bytes = self.buffers[buffer].as_ptr();
                let write = opcode::Write::new(Fd(self.file.as_raw_fd()), bytes, len as u32);
                self.push(buffer, len, write.offset(CURRENT).build())?;
            }
            self.complete(|len, n| {
                written += n;
                asked -= len - n;
            })?;
        }
        Ok(())
    }

    /// Reads until the last writer is gone, and checks that it was so many bytes.
    fn read(&mut self, total: usize) -> Result<()> {
        let (mut got, mut ended) = (0, false);
        loop {
            while !ended && let Some(buffer) = self.idle.pop() {
                let len = self.buffers[buffer].len();
                let bytes = self.buffers[buffer].as_mut_ptr();
                let read = opcode::Read::new(Fd(self.file.as_raw_fd()), bytes, len as u32);
                self.push(buffer, len, read.offset(CURRENT).build())?;
            }
            if self.idle.len() == self.buffers.len() {
                break;
            }
            self.complete(|_, n| {
                got += n;
                ended |= n == 0;
            })?;
        }
        ensure!(got == total, "{got} bytes came of {total}");
        Ok(())
    }

    /// Puts a request of `len` bytes into the ring, to be handed in with others.
    fn push(&mut self, buffer: usize, len: usize, request: Request) -> Result<()> {
        let request = request.user_data((buffer as u64) << 32 | len as u64);
        // SAFETY: The buffer is used by this request alone until it completes, and it and the file outlive the ring: what
        // has a ring is forgotten whole.
        unsafe { self.ring.submission().push(&request)? };
        Ok(())
    }

    /// Hands in what there is, waits for one at least, and tells of each that completes what it asked for and got.
    fn complete(&mut self, mut each: impl FnMut(usize, usize)) -> Result<()> {
        self.ring.submit_and_wait(1)?;
        for done in self.ring.completion() {
            let n = Errno::result(done.result()).map_err(|_| Errno::from_raw(-done.result()))?;
            each(
                (done.user_data() & u64::from(u32::MAX)) as usize,
                n as usize,
            );
            self.idle.push((done.user_data() >> 32) as usize);
        }
        Ok(())
    }
}

/// How many threads the kernel has made for this process's requests.
fn worker_threads() -> Result<u8> {
    let mut count = 0;
    for task in fs::read_dir("/proc/self/task")? {
        // One that ends meanwhile counts no more.
        let name = fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        count += u8::from(name.starts_with("iou-wrk"));
    }
    Ok(count)
}
