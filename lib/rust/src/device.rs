// SPDX-License-Identifier: GPL-2.0

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    path::Path,
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::{Files, OpenOptions, Records, Stats, Status, ioctl};

/// An open device.
///
/// Reading and writing are `read(2)` and `write(2)`, one call each, and need no exclusive borrow: as with a
/// [`File`], `&Device` implements [`Read`] and [`Write`], so that a device can be shared by threads.
///
/// What a read or a write does is told by the [discipline](crate::Discipline) of the instance.
///
/// ```
/// use std::io::{Read, Write};
/// use mydevice::Device;
///
/// # fn main() -> std::io::Result<()> {
/// let device = Device::open("mydevice")?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| (&device).write_all(b"from another thread"));
///     let mut buffer = [0; 4];
///     (&device).read_exact(&mut buffer)?;
///     assert_eq!(&buffer, b"from");
///     std::io::Result::Ok(())
/// })?;
/// device.clear()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Device {
    file: File,
}

impl Device {
    /// Opens a device for reading and writing, by name or by path.
    ///
    /// A split instance has no node for both: see [`Device::reader`] and [`Device::writer`].
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    pub fn open(target: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(target)
    }

    /// Opens a device for reading.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    pub fn reader(target: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(target)
    }

    /// Opens a device for writing.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    pub fn writer(target: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().write(true).open(target)
    }

    /// The counters at one moment (`MYDEV_STATUS`). Each stays at its largest value where the true one does not fit.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the instance was removed; `ENOTTY` if the file is no such device.
    pub fn status(&self) -> io::Result<Status> {
        ioctl::status(self.as_fd())
    }

    /// The counters since the instance was made, whole, and what this open missed (`MYDEV_STATS`).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::io::Write;
    ///
    /// let mut device = mydevice::Device::open("mydevice")?;
    /// let before = device.stats()?;
    /// device.write_all(b"12345")?;
    /// assert_eq!(device.stats()?.bytes_written, before.bytes_written + 5);
    /// # device.clear()
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Device::status`].
    pub fn stats(&self) -> io::Result<Stats> {
        ioctl::stats(self.as_fd())
    }

    /// The bytes that the next read could get now (`FIONREAD`): in a `log` or a `stack`, of one record.
    ///
    /// # Errors
    ///
    /// As [`Device::status`].
    pub fn unread(&self) -> io::Result<u32> {
        // The kernel hands out an int that is never negative.
        ioctl::unread(self.as_fd()).map(|n| u32::try_from(n).unwrap_or(0))
    }

    /// Sets the capacity (`MYDEV_RESIZE`). What does not fit any more is dropped, except in a `spool`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::io::{Read, Write};
    ///
    /// let mut device = mydevice::Device::open("mydevice")?;
    /// let capacity = device.status()?.buffer_size;
    /// device.write_all(b"1234567890")?;
    /// device.resize(5)?;
    /// let mut buffer = [0; 10];
    /// let n = device.read(&mut buffer)?;
    /// assert_eq!(&buffer[..n], b"12345");
    ///
    /// let error = device.resize(0).expect_err("0 is no capacity");
    /// assert_eq!(error.raw_os_error(), Some(22)); // EINVAL
    /// # device.resize(capacity)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `EBADF` if the file was not opened for writing; `EPERM` through a split node without `CAP_SYS_ADMIN`;
    /// `EINVAL` for 0 or more than `max_capacity`; `EBUSY` if a `spool` stores more; `ENOMEM`; `EAGAIN` with
    /// `O_NONBLOCK` while somebody copies; `EINTR`; `ENODEV`.
    pub fn resize(&self, capacity: u32) -> io::Result<()> {
        ioctl::resize(self.as_fd(), capacity)
    }

    /// Drops what is stored and zeroes its memory (`MYDEV_CLEAR`).
    ///
    /// # Errors
    ///
    /// `EBADF` if the file was not opened for writing; `EPERM` through a split node without `CAP_SYS_ADMIN`;
    /// `EAGAIN` with `O_NONBLOCK` while somebody copies; `EINTR`; `ENODEV`.
    pub fn clear(&self) -> io::Result<()> {
        ioctl::clear(self.as_fd())
    }

    /// Lets go of the file that this open reads, so that its next read takes the next one (`MYDEV_NEXT`).
    ///
    /// [`Device::files`] calls this after each file.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if the instance is no `spool`; `ENODEV`.
    pub fn next_file(&self) -> io::Result<()> {
        ioctl::next(self.as_fd())
    }

    /// The records of a `log` or a `stack`, one after the other.
    pub fn records(&self) -> Records<'_> {
        Records::new(self)
    }

    /// The files of a `spool`, one after the other.
    pub fn files(&self) -> Files<'_> {
        Files::new(self)
    }

    /// Whether calls that would wait fail with `EAGAIN` instead (`O_NONBLOCK`).
    ///
    /// # Errors
    ///
    /// Those of `fcntl(2)`.
    pub fn is_nonblocking(&self) -> io::Result<bool> {
        Ok(self.flags()?.contains(OFlag::O_NONBLOCK))
    }

    /// Sets whether calls that would wait fail with `EAGAIN` instead. This holds for all who share the open file.
    ///
    /// # Errors
    ///
    /// Those of `fcntl(2)`.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        let mut flags = self.flags()?;
        flags.set(OFlag::O_NONBLOCK, nonblocking);
        fcntl(self, FcntlArg::F_SETFL(flags))?;
        Ok(())
    }

    /// Another descriptor of the same open file (`dup(2)`), which shares position, claimed file and `O_NONBLOCK`.
    ///
    /// # Errors
    ///
    /// Those of `fcntl(2)`.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.file.try_clone().map(Self::from)
    }

    /// Waits until a read would not wait, or the instance was removed.
    pub(crate) fn wait_readable(&self) -> io::Result<()> {
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE)?;
        Ok(())
    }

    fn flags(&self) -> io::Result<OFlag> {
        Ok(OFlag::from_bits_retain(fcntl(self, FcntlArg::F_GETFL)?))
    }
}

impl Read for &Device {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.file).read_vectored(buffers)
    }
}

impl Write for &Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.file).write_vectored(buffers)
    }

    /// Does nothing: what was written is in the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Moves the reading position in a `buffer`; elsewhere `ESPIPE`.
impl Seek for &Device {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&self.file).seek(to)
    }
}

impl Read for Device {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Device {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// For a file that was opened elsewhere. If it is no such device, the ioctl commands give `ENOTTY`.
impl From<File> for Device {
    fn from(file: File) -> Self {
        Self { file }
    }
}

impl From<OwnedFd> for Device {
    fn from(fd: OwnedFd) -> Self {
        Self::from(File::from(fd))
    }
}

impl From<Device> for File {
    fn from(device: Device) -> Self {
        device.file
    }
}

impl From<Device> for OwnedFd {
    fn from(device: Device) -> Self {
        device.file.into()
    }
}
