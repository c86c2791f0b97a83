// SPDX-License-Identifier: GPL-2.0

//! Does operations on the device.

use std::{
    fs, io, mem,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
};

use mydevice_uapi::ioctl::{MYDEV_CLEAR, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl, open},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        pthread::{pthread_kill, pthread_self},
        stat::Mode,
    },
    unistd::gettid,
};

use super::{
    Subject,
    operation::{Command, DESCRIPTORS, LONGEST, NAMES, Operation, Transfer, pattern},
    outcome::Outcome,
};
use crate::{
    guest::write_once, instance::CLASS, kmemleak, memory::PAGE, patience::PATIENCE, signals,
};

/// How long a call that is to be interrupted has to fall asleep, and then between signals, in nanoseconds. It may have to
/// move some bytes first, which takes a debugging kernel longer than 2 ms.
fn before_signal() -> i64 {
    match kmemleak::is_there() {
        true => 40_000_000,
        false => 2_000_000,
    }
}

/// After so long a call that should not sleep is taken to hang. One that does not sleep may be cut short by that, between
/// the pieces of what it copies: on a debugging kernel a search for leaks can hold it up for so long.
const HANGS: i64 = 900_000_000;

/// The device, by the names of a loaded module's instances.
#[derive(Debug)]
pub struct Real {
    descriptors: [Option<OwnedFd>; DESCRIPTORS],
    memory: Memory,
    alarm: Alarm,
    before_signal: i64,
    calls: Arc<AtomicU64>,
    disturbed: bool,
    /// Nothing is sent: the watchdog notices when this goes.
    _leash: Sender<()>,
}

impl Real {
    /// For the thread that calls: a call of its that hangs is interrupted in the end.
    pub fn new() -> Self {
        signals::install();
        let calls = Arc::new(AtomicU64::new(0));
        let (leash, end) = channel::<()>();
        let (thread, watched) = (pthread_self(), Arc::clone(&calls));
        thread::spawn(move || {
            let mut last = 0;
            while end.recv_timeout(PATIENCE / 3) == Err(RecvTimeoutError::Timeout) {
                let now = watched.load(Ordering::Relaxed);
                if now == last {
                    // It lives as long as the leash.
                    let _ = pthread_kill(thread, signals::INTERRUPTING);
                }
                last = now;
            }
        });
        Self {
            descriptors: Default::default(),
            memory: Memory::new(),
            alarm: Alarm::new(),
            before_signal: before_signal(),
            calls,
            disturbed: false,
            _leash: leash,
        }
    }

    /// A write of those bytes, interrupted should it sleep.
    pub fn put(&mut self, fd: usize, transfer: Transfer, bytes: &[u8]) -> nix::Result<usize> {
        self.alarm.set(self.before_signal);
        let result = self.put_patiently(fd, transfer, bytes);
        self.alarm.set(0);
        result
    }

    /// The same, which may sleep.
    pub fn put_patiently(
        &mut self,
        fd: usize,
        transfer: Transfer,
        bytes: &[u8],
    ) -> nix::Result<usize> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.memory.fill(&bytes[..transfer.good]);
        self.transfer(fd, &transfer, false)
    }

    /// Sleeps in `poll` for nothing but an error or a hang-up.
    pub fn wait_for_the_end(&self, fd: usize) -> nix::Result<()> {
        let mut fds = [PollFd::new(self.fd(fd).as_fd(), PollFlags::empty())];
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => self.calls.fetch_add(1, Ordering::Relaxed),
                result => return result.map(drop),
            };
        }
    }

    fn fd(&self, fd: usize) -> &OwnedFd {
        self.descriptors[fd]
            .as_ref()
            .expect("the model has it open")
    }

    fn attempt(&mut self, operation: &Operation) -> nix::Result<Outcome> {
        Ok(match operation {
            Operation::Add { name, keys } => {
                let keys = keys.iter().map(|(key, value)| format!(" {key}={value}"));
                let command = NAMES[*name].to_owned() + &keys.collect::<String>();
                write_once(&Path::new(CLASS).join("add"), &command)?;
                Outcome::Done
            }
            Operation::Remove { name } => {
                write_once(&Path::new(CLASS).join("remove"), NAMES[*name])?;
                Outcome::Done
            }
            Operation::Open {
                fd,
                name,
                side,
                flags,
            } => {
                let node = format!("/dev/mydevice-{}{side}", NAMES[*name]);
                let flags = OFlag::from_bits_retain(flags | libc::O_CLOEXEC);
                self.descriptors[*fd] = Some(open(node.as_str(), flags, Mode::empty())?);
                Outcome::Done
            }
            Operation::Close { fd } => {
                self.descriptors[*fd] = None;
                Outcome::Done
            }
            Operation::Dup { from, to } => {
                let copy = self.fd(*from).try_clone().map_err(errno_of)?;
                self.descriptors[*to] = Some(copy);
                Outcome::Done
            }
            Operation::Nonblock { fd, on } => {
                let fd = self.fd(*fd);
                let mut flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
                flags.set(OFlag::O_NONBLOCK, *on);
                fcntl(fd, FcntlArg::F_SETFL(flags))?;
                Outcome::Done
            }
            Operation::Read { fd, transfer } => {
                let n = self.transfer(*fd, transfer, true)?;
                Outcome::Bytes(self.memory.contents(transfer.good, n))
            }
            Operation::Write { fd, transfer, from } => {
                self.memory.fill(pattern(*from, transfer.good));
                Outcome::Number(self.transfer(*fd, transfer, false)? as i64)
            }
            Operation::Seek { fd, whence, offset } => {
                // SAFETY: takes numbers.
                let result = unsafe { libc::lseek(self.fd(*fd).as_raw_fd(), *offset, *whence) };
                Outcome::Number(Errno::result(result)?)
            }
            Operation::Poll { fd } => {
                let every = libc::POLLIN | libc::POLLRDNORM | libc::POLLOUT | libc::POLLWRNORM;
                let every = PollFlags::from_bits_retain(every);
                let mut fds = [PollFd::new(self.fd(*fd).as_fd(), every)];
                poll(&mut fds, PollTimeout::ZERO)?;
                Outcome::Events(fds[0].revents().map_or(-1, |events| events.bits()))
            }
            Operation::Control { fd, command, bad } => self.control(*fd, *command, *bad)?,
            Operation::Proc { name } => {
                let file = format!("/proc/mydevice-{}", NAMES[*name]);
                Outcome::Text(fs::read_to_string(file).map_err(errno_of)?)
            }
            Operation::Show { name, attribute } => {
                let file = format!("{CLASS}/mydevice-{}/{attribute}", NAMES[*name]);
                Outcome::Text(fs::read_to_string(file).map_err(errno_of)?)
            }
            Operation::Store {
                name,
                attribute,
                value,
            } => {
                let file = format!("{CLASS}/mydevice-{}/{attribute}", NAMES[*name]);
                write_once(Path::new(&file), value)?;
                Outcome::Done
            }
        })
    }

    /// Any read or write.
    fn transfer(&self, fd: usize, transfer: &Transfer, read: bool) -> nix::Result<usize> {
        let fd = self.fd(fd).as_raw_fd();
        let start = self.memory.before(transfer.good);
        let len = transfer.len;
        let each = len / transfer.pieces.max(1);
        let mut pieces: Vec<_> = (0..transfer.pieces)
            .map(|piece| libc::iovec {
                iov_base: start.wrapping_add(piece * each).cast(),
                iov_len: each,
            })
            .collect();
        if let Some(last) = pieces.last_mut() {
            last.iov_len = len - each * (transfer.pieces - 1);
        }
        let (iov, count) = (pieces.as_ptr(), pieces.len() as i32);
        let flags = if transfer.nowait { libc::RWF_NOWAIT } else { 0 };
        let start = start.cast();
        // SAFETY: the kernel checks the addresses; they lead to the mapping of `Memory`, where nothing of
        // Rust's lives.
        let result = unsafe {
            match (read, transfer.at, transfer.pieces) {
                (true, None, 0) => libc::read(fd, start, len),
                (true, Some(at), 0) => libc::pread(fd, start, len, at),
                (true, at, _) => libc::preadv2(fd, iov, count, at.unwrap_or(-1), flags),
                (false, None, 0) => libc::write(fd, start, len),
                (false, Some(at), 0) => libc::pwrite(fd, start, len, at),
                (false, at, _) => libc::pwritev2(fd, iov, count, at.unwrap_or(-1), flags),
            }
        };
        Errno::result(result).map(|n| n as usize)
    }

    fn control(&self, fd: usize, command: Command, bad: bool) -> nix::Result<Outcome> {
        let mut status = [u32::MAX; 6];
        let mut stats = [u64::MAX; 16];
        let mut unread: i32 = -1;
        let mut capacity = 0;
        let (number, argument) = match command {
            Command::Clear => (MYDEV_CLEAR, ptr::null_mut()),
            Command::Next => (MYDEV_NEXT, ptr::null_mut()),
            Command::Resize(to) => {
                capacity = to;
                (MYDEV_RESIZE, (&raw mut capacity).cast())
            }
            Command::Status => (MYDEV_STATUS, status.as_mut_ptr().cast()),
            Command::Stats => (MYDEV_STATS, stats.as_mut_ptr().cast()),
            Command::Unread => (libc::FIONREAD as u32, (&raw mut unread).cast::<u8>()),
            Command::Wrong(number) => (number, stats.as_mut_ptr().cast()),
        };
        // Its first bytes are there, to see that none of them is used.
        let argument = if bad { self.memory.before(3) } else { argument };
        // SAFETY: every command's argument is a variable of its size above, or bad.
        let result = unsafe { libc::ioctl(self.fd(fd).as_raw_fd(), number.into(), argument) };
        let result = Errno::result(result)?;
        // What was written by the kernel behind the compiler's back.
        let _ = capacity;
        Ok(match command {
            Command::Status => Outcome::Status(status),
            Command::Stats => Outcome::Stats(stats),
            Command::Unread if result == 0 => Outcome::Number(unread.into()),
            _ => Outcome::Number(result.into()),
        })
    }
}

impl Default for Real {
    fn default() -> Self {
        Self::new()
    }
}

impl Subject for Real {
    fn reset(&mut self) {
        self.descriptors = Default::default();
        for name in NAMES {
            // Most are not there.
            let _ = write_once(&Path::new(CLASS).join("remove"), name);
        }
    }

    fn perform(&mut self, operation: &Operation, sleeps: bool) -> Outcome {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let may_hang = matches!(
            operation,
            Operation::Read { .. } | Operation::Write { .. } | Operation::Control { .. }
        );
        match sleeps {
            true => self.alarm.set(self.before_signal),
            false if may_hang => self.alarm.set(HANGS),
            false => {}
        }
        let caught = signals::caught();
        let result = self.attempt(operation);
        if may_hang {
            self.alarm.set(0);
        }
        self.disturbed = signals::caught() > caught;
        result.unwrap_or_else(Outcome::Fails)
    }

    fn was_disturbed(&self) -> bool {
        self.disturbed
    }
}

fn errno_of(error: io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().expect("an error of the kernel's"))
}

/// Memory whose first part is there and whose second part is not, each as long as the longest transfer.
#[derive(Debug)]
struct Memory {
    start: *mut u8,
}

impl Memory {
    /// The part that is there.
    const PART: usize = LONGEST.next_multiple_of(PAGE);

    fn new() -> Self {
        // SAFETY: a new mapping, at an address of the kernel's choice, touches nothing that exists; its
        // first half is then made usable.
        let start = unsafe {
            let start = libc::mmap(
                ptr::null_mut(),
                2 * Self::PART,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED, "mapping memory: {}", Errno::last());
            let result = libc::mprotect(start, Self::PART, libc::PROT_READ | libc::PROT_WRITE);
            assert_eq!(result, 0, "unprotecting memory: {}", Errno::last());
            start
        };
        Self {
            start: start.cast(),
        }
    }

    /// An address of which the next `good` bytes are there.
    fn before(&self, good: usize) -> *mut u8 {
        self.start.wrapping_add(Self::PART - good)
    }

    fn fill(&mut self, bytes: &[u8]) {
        // SAFETY: that many bytes are there, by `before`.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.before(bytes.len()), bytes.len()) };
    }

    /// The first `len` of `good` bytes.
    fn contents(&self, good: usize, len: usize) -> Vec<u8> {
        assert!(len <= good, "{len} bytes were read into {good}");
        // SAFETY: that many bytes are there, and nobody writes to them now.
        unsafe { std::slice::from_raw_parts(self.before(good), len) }.to_vec()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody has a reference into it.
        unsafe { libc::munmap(self.start.cast(), 2 * Self::PART) };
    }
}

/// A timer whose signal goes to the thread that made it, again and again: one that comes too early harms
/// nothing.
#[derive(Debug)]
struct Alarm {
    timer: OwnedTimer,
}

#[derive(Debug)]
struct OwnedTimer(libc::timer_t);

impl Alarm {
    fn new() -> Self {
        // SAFETY: both structures are plain numbers, and live through the call.
        let timer = unsafe {
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = signals::INTERRUPTING as i32;
            event.sigev_notify_thread_id = gettid().as_raw();
            let mut timer = mem::zeroed();
            let made = libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer);
            Errno::result(made).expect("making a timer");
            timer
        };
        Self {
            timer: OwnedTimer(timer),
        }
    }

    /// Every so many nanoseconds; 0 is never.
    fn set(&self, nanoseconds: i64) {
        let time = libc::timespec {
            tv_sec: 0,
            tv_nsec: nanoseconds,
        };
        let times = libc::itimerspec {
            it_interval: time,
            it_value: time,
        };
        // SAFETY: the timer is ours, and the structure lives through the call.
        let result = unsafe { libc::timer_settime(self.timer.0, 0, &times, ptr::null_mut()) };
        Errno::result(result).expect("setting a timer");
    }
}

impl Drop for OwnedTimer {
    fn drop(&mut self) {
        // SAFETY: made by `Alarm::new`.
        unsafe { libc::timer_delete(self.0) };
    }
}
