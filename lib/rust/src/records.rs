// SPDX-License-Identifier: GPL-2.0

use std::io::{self, Read};

use crate::Device;

/// The records of a `log` or a `stack`, one after the other: see [`Device::records`].
///
/// Each item is what one write had put in. Where there is nothing, the iterator does what a read does: it waits,
/// or with `O_NONBLOCK` gives `EAGAIN`, or, where a read returns 0, `None`. It may be asked again after each of these.
///
/// ```
/// use std::io::Write;
/// use mydevice::{Add, Device, Discipline};
///
/// # fn main() -> std::io::Result<()> {
/// let undo = Add::new("undo").discipline(Discipline::Stack).add()?;
/// let mut device = Device::open("undo")?;
/// for step in ["one", "two", "three"] {
///     device.write_all(step.as_bytes())?;
/// }
///
/// // A stack hands out the newest first, and its reads return 0 when it is empty.
/// let steps = device.records().collect::<std::io::Result<Vec<_>>>()?;
/// assert_eq!(steps, [b"three".as_slice(), b"two", b"one"]);
/// # drop(device);
/// # undo.remove()
/// # }
/// ```
///
/// # How a record comes whole
///
/// A read with too small a buffer cuts a record. So before each read the iterator waits with `poll(2)`, which means that
/// `read_timeout_ms` does not end the wait, and then asks how long the next record is. Another reader of a `stack` may take
/// that record first. Then the read meets another one, and cuts it if it is longer than that, than the capacity, and
/// than 4096 bytes; in a `log` the same can happen only if the capacity grows at that moment.
#[derive(Debug)]
pub struct Records<'a> {
    device: &'a Device,
    buffer: Vec<u8>,
}

/// A buffer at least, and at most if nothing is known to be longer.
const SMALL: usize = 4096;
const LARGE: usize = 1 << 20;

impl<'a> Records<'a> {
    pub(crate) fn new(device: &'a Device) -> Self {
        Self {
            device,
            buffer: Vec::new(),
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        if !self.device.is_nonblocking()? {
            self.device.wait_readable()?;
        }
        let unread = self.device.unread()? as usize;
        let capacity = self.device.status()?.buffer_size as usize;
        let long = unread.max(capacity.clamp(SMALL, LARGE));
        if self.buffer.len() < long {
            self.buffer.resize(long, 0);
        }
        self.device.read_into(&mut self.buffer)
    }
}

impl Device {
    /// One `read(2)`.
    fn read_into(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Iterator for Records<'_> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(0) => None,
            Ok(n) => Some(Ok(self.buffer.iter().take(n).copied().collect())),
            Err(error) => Some(Err(error)),
        }
    }
}
