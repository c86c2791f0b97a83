// SPDX-License-Identifier: GPL-2.0

//! One open of a node, with the calls that the tests make on it.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    path::Path,
    sync::Arc,
};

use mydevice_uapi::ioctl::{
    MYDEV_CLEAR, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS, Stats, Status,
};
use nix::{
    Result,
    errno::Errno,
    fcntl::{OFlag, open},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::Mode,
    unistd,
};

/// Every event that the driver may report.
const EVENTS: PollFlags = PollFlags::POLLIN
    .union(PollFlags::POLLRDNORM)
    .union(PollFlags::POLLOUT)
    .union(PollFlags::POLLWRNORM);

/// What a readable open reports: always the pair.
pub const READABLE: PollFlags = PollFlags::POLLIN.union(PollFlags::POLLRDNORM);
/// What every open of a removed instance reports, and nothing beside it.
pub const GONE: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP);
/// What a writable open reports: always the pair.
pub const WRITABLE: PollFlags = PollFlags::POLLOUT.union(PollFlags::POLLWRNORM);

/// An open file description. Clones share it, as descriptors that were dup'ed do.
#[derive(Clone, Debug)]
pub struct Device {
    fd: Arc<OwnedFd>,
}

impl Device {
    /// Opens the node at `path`.
    pub fn open(path: &Path, flags: OFlag) -> Result<Self> {
        let fd = open(path, flags | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Self { fd: Arc::new(fd) })
    }

    /// What came by other ways than by opening a node.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self { fd: Arc::new(fd) }
    }

    /// One read of at most `max` bytes.
    pub fn read(&self, max: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; max];
        let n = unistd::read(&self.fd, &mut buffer)?;
        buffer.truncate(n);
        Ok(buffer)
    }

    /// One write.
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        unistd::write(&self.fd, bytes)
    }

    /// One read that must succeed, as text.
    #[track_caller]
    pub fn take(&self, max: usize) -> String {
        match self.read(max) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(errno) => panic!("a read of {max} bytes: {errno}"),
        }
    }

    /// One write that must take all of `bytes`.
    #[track_caller]
    pub fn put(&self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        assert_eq!(
            self.write(bytes),
            Ok(bytes.len()),
            "a write of {} bytes",
            bytes.len()
        );
    }

    /// As many reads as it takes to get exactly `len` bytes.
    #[track_caller]
    pub fn collect(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            match self.read(len - bytes.len()) {
                Ok(more) if more.is_empty() => panic!("0 after {} of {len} bytes", bytes.len()),
                Ok(more) => bytes.extend(more),
                Err(errno) => panic!("a read after {} of {len} bytes: {errno}", bytes.len()),
            }
        }
        bytes
    }

    /// One read to any address, for those that are bad.
    pub fn read_at_address(&self, address: *mut u8, len: usize) -> Result<usize> {
        // SAFETY: the kernel checks the address; the callers hand in memory that holds no Rust object.
        Errno::result(unsafe { libc::read(self.as_raw_fd(), address.cast(), len) })
            .map(|n| n as usize)
    }

    /// One write from any address, for those that are bad.
    pub fn write_from_address(&self, address: *const u8, len: usize) -> Result<usize> {
        // SAFETY: the kernel checks the address, and only reads.
        Errno::result(unsafe { libc::write(self.as_raw_fd(), address.cast(), len) })
            .map(|n| n as usize)
    }

    /// One `readv` into pieces at any addresses, each with a length.
    pub fn read_at_addresses(&self, pieces: &[(*mut u8, usize)]) -> Result<usize> {
        self.vector(libc::readv, pieces)
    }

    /// One `writev` of such pieces.
    pub fn write_from_addresses(&self, pieces: &[(*mut u8, usize)]) -> Result<usize> {
        self.vector(libc::writev, pieces)
    }

    fn vector(
        &self,
        call: unsafe extern "C" fn(RawFd, *const libc::iovec, i32) -> isize,
        pieces: &[(*mut u8, usize)],
    ) -> Result<usize> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|(base, len)| libc::iovec {
                iov_base: base.cast(),
                iov_len: *len,
            })
            .collect();
        // SAFETY: the kernel checks the addresses; the callers hand in memory that holds no Rust object.
        let moved = unsafe { call(self.as_raw_fd(), pieces.as_ptr(), pieces.len() as i32) };
        Errno::result(moved).map(|n| n as usize)
    }

    /// `MYDEV_CLEAR`.
    pub fn clear(&self) -> Result<()> {
        self.ioctl(MYDEV_CLEAR, 0).map(drop)
    }

    /// `MYDEV_RESIZE`.
    pub fn resize(&self, capacity: u32) -> Result<()> {
        self.ioctl(MYDEV_RESIZE, &raw const capacity as usize)
            .map(drop)
    }

    /// `MYDEV_NEXT`.
    pub fn next(&self) -> Result<()> {
        self.ioctl(MYDEV_NEXT, 0).map(drop)
    }

    /// `MYDEV_STATUS`, which must succeed.
    #[track_caller]
    pub fn status(&self) -> Status {
        // The pattern shows up in a field that the driver forgets to fill.
        let mut status = Status {
            _reserved: u32::MAX,
            ..Status::default()
        };
        self.ioctl(MYDEV_STATUS, &raw mut status as usize)
            .expect("MYDEV_STATUS");
        status
    }

    /// `MYDEV_STATS`, which must succeed.
    #[track_caller]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            _spare: [u64::MAX; 5],
            ..Stats::default()
        };
        self.ioctl(MYDEV_STATS, &raw mut stats as usize)
            .expect("MYDEV_STATS");
        stats
    }

    /// `FIONREAD`, which must succeed.
    #[track_caller]
    pub fn unread(&self) -> i32 {
        let mut bytes: i32 = -1;
        self.ioctl(libc::FIONREAD as u32, &raw mut bytes as usize)
            .expect("FIONREAD");
        bytes
    }

    /// Any ioctl. An `argument` that is an address must be good for what the command does there, or bad for
    /// the whole process.
    pub fn ioctl(&self, command: u32, argument: usize) -> Result<i32> {
        // SAFETY: as this function's documentation asks.
        Errno::result(unsafe { libc::ioctl(self.as_raw_fd(), command.into(), argument) })
    }

    /// What a `poll` that does not wait reports.
    #[track_caller]
    pub fn ready(&self) -> PollFlags {
        let mut fds = [PollFd::new(self.as_fd(), EVENTS)];
        poll(&mut fds, PollTimeout::ZERO).expect("polling");
        fds[0].revents().expect("flags that nix knows")
    }

    /// Sleeps in `poll` until one of `events`, an error or a hang-up is there.
    pub fn wait_ready(&self, events: PollFlags) -> Result<PollFlags> {
        let mut fds = [PollFd::new(self.as_fd(), events)];
        poll(&mut fds, PollTimeout::NONE)?;
        Ok(fds[0].revents().expect("flags that nix knows"))
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
