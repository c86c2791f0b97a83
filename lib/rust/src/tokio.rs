// SPDX-License-Identifier: GPL-2.0

//! Devices for an event loop of tokio's.

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

use crate::{Device, OpenOptions};

/// An open device that waits in an event loop instead of in the kernel.
///
/// Reads and writes are those of the [`Device`], one call each, so that boundaries are kept. In a `stream`, a write that
/// does not fit at once comes in pieces, between which others may write: the promise that a write is contiguous is one
/// of blocking writes.
///
/// ```
/// use mydevice::tokio::AsyncDevice;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = AsyncDevice::reader("mydevice")?;
/// let mut writer = AsyncDevice::writer("mydevice")?;
///
/// let mut buffer = [0; 5];
/// let (read, written) = tokio::join!(reader.read_exact(&mut buffer), writer.write_all(b"hello"));
/// read?;
/// written?;
/// assert_eq!(&buffer, b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncDevice {
    fd: AsyncFd<Device>,
}

impl AsyncDevice {
    /// Opens a device for reading and writing, by name or by path. This and its kin must be called in a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`], and of adding the file to the event loop.
    pub fn open(target: impl AsRef<Path>) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(target)?;
        Self::new(device, Interest::READABLE | Interest::WRITABLE)
    }

    /// Opens a device for reading.
    ///
    /// # Errors
    ///
    /// As [`AsyncDevice::open`].
    pub fn reader(target: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(Device::reader(target)?, Interest::READABLE)
    }

    /// Opens a device for writing.
    ///
    /// # Errors
    ///
    /// As [`AsyncDevice::open`].
    pub fn writer(target: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(Device::writer(target)?, Interest::WRITABLE)
    }

    /// Takes an open device into the event loop. It becomes nonblocking for all who share the open file.
    ///
    /// # Errors
    ///
    /// Those of adding the file to the event loop.
    #[allow(
        unsafe_code,
        reason = "tokio wants to be promised what it cannot see: that the descriptor stays the same"
    )]
    pub fn new(device: Device, interest: Interest) -> io::Result<Self> {
        device.set_nonblocking(true)?;
        // SAFETY: a `Device` owns its file, which stays open as long as the device exists, and never takes another one;
        // the `AsyncFd` is private here, so nobody can put another device into it.
        let fd = unsafe { AsyncFd::register_with_interest(device, interest) };
        let fd = fd.map_err(|error| error.into_parts().1)?;
        Ok(Self { fd })
    }

    /// The device, for its ioctl commands. None of them waits for data.
    pub fn device(&self) -> &Device {
        self.fd.get_ref()
    }

    /// Takes the device out of the event loop. It stays nonblocking.
    pub fn into_device(self) -> Device {
        self.fd.into_inner()
    }

    /// One read, when there is something to read.
    ///
    /// # Errors
    ///
    /// Those of `read(2)`, without `EAGAIN`.
    pub async fn read_once(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = |mut device: &Device| device.read(buffer);
        self.fd.async_io(Interest::READABLE, read).await
    }

    /// One write, when there is room: of a record the whole, of bytes what fits.
    ///
    /// # Errors
    ///
    /// Those of `write(2)`, without `EAGAIN`.
    pub async fn write_once(&self, bytes: &[u8]) -> io::Result<usize> {
        let write = |mut device: &Device| device.write(bytes);
        self.fd.async_io(Interest::WRITABLE, write).await
    }
}

impl AsyncRead for AsyncDevice {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(context))?;
            let unfilled = buffer.initialize_unfilled();
            if let Ok(result) = guard.try_io(|fd| fd.get_ref().read(unfilled)) {
                return Poll::Ready(result.map(|n| buffer.advance(n)));
            }
        }
    }
}

impl AsyncWrite for AsyncDevice {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(context))?;
            if let Ok(result) = guard.try_io(|fd| fd.get_ref().write(bytes)) {
                return Poll::Ready(result);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the device is closed when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsFd for AsyncDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
