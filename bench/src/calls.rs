// SPDX-License-Identifier: GPL-2.0

//! What single calls cost when nobody waits.

use std::{
    fs::{self, File},
    hint::black_box,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use mydevice_figures::{Entry, Who, Work};
use mydevice_tests::{Device, Instance};
use mydevice_uapi::ioctl::{MYDEV_STATUS, Status};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
    unistd::{mkfifo, pipe2, read, write},
};

use crate::{
    book::Book,
    channel::{instance, set_size},
    plan::Plan,
    stopwatch::Stopwatch,
};

/// What reads and writes go through holds so many bytes.
const CAPACITY: usize = 1 << 20;
/// The bytes of a read or a write.
const SIZES: [usize; 2] = [64, 4096];
/// The capacities, full, that RESIZE doubles.
const RESIZED: [usize; 2] = [4 << 10, 1 << 20];
/// The files that are open at once while opening is measured.
const OPENS: usize = 200;

/// All calls by turns.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let ours = instance("calls", CAPACITY)?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    set_size(&writer, CAPACITY)?;
    let fifo = std::env::temp_dir().join("mydevice-bench-opened");
    mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR).context("making a named pipe")?;
    let resized: Vec<_> = RESIZED
        .iter()
        .map(|size| Resized::new(*size))
        .collect::<Result<_>>()?;
    let calls = plan.scaled(2_000);
    for _ in 0..plan.rounds {
        questions(book, calls, &ours, &reader)?;
        reads_and_writes(book, calls, &ours, (&reader, &writer))?;
        open_and_close(book, Who::MyDevice, &ours.node())?;
        open_and_close(book, Who::Fifo, &fifo)?;
        open_and_close(book, Who::Kernel, Path::new("/dev/null"))?;
        proc_read(book, calls.div_ceil(10), ours.proc_file())?;
        for resized in &resized {
            resized.measure(book, plan)?;
        }
    }
    fs::remove_file(&fifo)?;
    ours.remove()?;
    resized.into_iter().try_for_each(Resized::end)
}

/// Reads and writes of an instance and of a pipe.
fn reads_and_writes(
    book: &mut Book,
    calls: usize,
    ours: &Instance,
    (reader, writer): (&OwnedFd, &OwnedFd),
) -> Result<()> {
    let device = ours.open(OFlag::O_RDWR)?;
    let nonblocking = ours.open(OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
    for size in SIZES {
        let calls = calls.min(CAPACITY / size);
        let entry = |work, who| (Entry::new(work, who).size(size), size, calls);
        fill(book, entry(Work::Write, Who::MyDevice), &device)?;
        drain(book, entry(Work::Read, Who::MyDevice), &device)?;
        fill(
            &mut Book::default(),
            entry(Work::Write, Who::MyDevice),
            &device,
        )?;
        drain(
            book,
            entry(Work::ReadNonblocking, Who::MyDevice),
            &nonblocking,
        )?;
        fill(book, entry(Work::Write, Who::Pipe), writer)?;
        drain(book, entry(Work::Read, Who::Pipe), reader)?;
    }
    Ok(())
}

/// What can be asked: STATUS, FIONREAD, and the cheapest call that there is.
fn questions(book: &mut Book, calls: usize, ours: &Instance, pipe: impl AsFd) -> Result<()> {
    let device = ours.open(OFlag::O_RDWR)?;
    let pipe = Device::from_fd(pipe.as_fd().try_clone_to_owned()?);
    book.time(Entry::new(Work::SystemCall, Who::Kernel), calls, || {
        // SAFETY: It takes nothing and changes nothing.
        black_box(unsafe { libc::syscall(libc::SYS_getppid) });
        Ok(())
    })?;
    let mut status = Status::default();
    book.time(Entry::new(Work::Status, Who::MyDevice), calls, || {
        device.ioctl(MYDEV_STATUS, &raw mut status as usize)?;
        Ok(())
    })?;
    for (who, device) in [(Who::MyDevice, &device), (Who::Pipe, &pipe)] {
        book.time(Entry::new(Work::Unread, who), calls, || {
            black_box(device.unread());
            Ok(())
        })?;
    }
    Ok(())
}

/// An entry, the bytes of a call, and how many calls.
type Calls = (Entry, usize, usize);

/// Writes that find room. What is not to be noted has a book of its own.
fn fill(book: &mut Book, (entry, size, calls): Calls, writer: impl AsFd) -> Result<()> {
    let message = vec![7; size];
    book.time(entry, calls, || {
        ensure!(write(&writer, &message)? == size, "a short write");
        Ok(())
    })
}

/// Reads that find all that they ask for.
fn drain(book: &mut Book, (entry, size, calls): Calls, reader: impl AsFd) -> Result<()> {
    let mut message = vec![0; size];
    book.time(entry, calls, || {
        ensure!(read(&reader, &mut message)? == size, "a short read");
        Ok(())
    })
}

/// Opens that stay, and then their ends.
fn open_and_close(book: &mut Book, who: Who, path: &Path) -> Result<()> {
    let mut files = Vec::with_capacity(OPENS);
    // A named pipe that is opened both ways waits for nobody.
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    book.time(Entry::new(Work::Open, who), OPENS, || {
        files.push(open(path, flags, Mode::empty())?);
        Ok(())
    })?;
    book.time(Entry::new(Work::Close, who), OPENS, || {
        drop(files.pop());
        Ok(())
    })
}

fn proc_read(book: &mut Book, calls: usize, path: PathBuf) -> Result<()> {
    book.time(Entry::new(Work::ProcRead, Who::MyDevice), calls, || {
        black_box(fs::read(&path)?);
        Ok(())
    })
}

/// An instance and a pipe that are full, and whose capacities are doubled and halved.
struct Resized {
    size: usize,
    instance: Instance,
    device: Device,
    pipe: File,
    _reader: File,
}

impl Resized {
    fn new(size: usize) -> Result<Self> {
        let instance = instance(&format!("resized{size}"), size)?;
        let device = instance.open(OFlag::O_RDWR)?;
        let (reader, pipe) = pipe2(OFlag::O_CLOEXEC)?;
        set_size(&pipe, size)?;
        let content = vec![7; size];
        ensure!(device.write(&content)? == size, "a short write");
        ensure!(write(&pipe, &content)? == size, "a short write");
        Ok(Self {
            size,
            instance,
            device,
            pipe: pipe.into(),
            _reader: reader.into(),
        })
    }

    fn measure(&self, book: &mut Book, plan: &Plan) -> Result<()> {
        let times = plan.scaled(100);
        let entry = |who| Entry::new(Work::Resize, who).size(self.size);
        let resize = |capacity| Ok(self.device.resize(u32::try_from(capacity)?)?);
        let time = self.doubled(times, resize)?;
        book.note_time(entry(Who::MyDevice), time, times);
        let time = self.doubled(times, |capacity| set_size(&self.pipe, capacity))?;
        book.note_time(entry(Who::Pipe), time, times);
        Ok(())
    }

    /// How long it takes to double the capacity so often; it is halved each time, which is not counted.
    fn doubled(&self, times: usize, resize: impl Fn(usize) -> Result<()>) -> Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..times {
            let watch = Stopwatch::start();
            resize(2 * self.size)?;
            time += watch.stop();
            resize(self.size)?;
        }
        Ok(time)
    }

    fn end(self) -> Result<()> {
        drop(self.device);
        Ok(self.instance.remove()?)
    }
}
