// SPDX-License-Identifier: GPL-2.0

use std::io::{self, Read};

use crate::Device;

/// The files of a `spool`, one after the other: see [`Device::files`].
///
/// Each item is a whole file; the next one is taken by [`Device::next_file`]. Where there is no file, the iterator does
/// what a read does: it waits, or with `O_NONBLOCK` gives `EAGAIN`, or, where a read returns 0, `None`. It may be asked
/// again after each of these, and keeps what it has of a file that is still being written.
///
/// ```
/// use std::io::Write;
/// use mydevice::{Add, Device, Discipline, OnEmpty};
///
/// # fn main() -> std::io::Result<()> {
/// let jobs = Add::new("jobs").discipline(Discipline::Spool).on_empty(OnEmpty::Eof).add()?;
/// // What is written through one open is one file.
/// for job in ["first\njob\n", "second\n"] {
///     Device::writer("jobs")?.write_all(job.as_bytes())?;
/// }
///
/// let reader = Device::reader("jobs")?;
/// let files = reader.files().collect::<std::io::Result<Vec<_>>>()?;
/// assert_eq!(files, [b"first\njob\n".as_slice(), b"second\n"]);
/// # drop(reader);
/// # jobs.remove()
/// # }
/// ```
///
/// An iterator that is dropped half way through a file has taken what it has read of it; the rest is for the next
/// reader. With `on_empty=eof`, a file that is still being written ends where its writer has come to.
///
/// A file that does not fit into memory is read from the [`Device`] itself, up to a read that returns 0.
#[derive(Debug)]
pub struct Files<'a> {
    device: &'a Device,
    file: Vec<u8>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(device: &'a Device) -> Self {
        Self {
            device,
            file: Vec::new(),
        }
    }
}

impl Iterator for Files<'_> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut device = self.device;
        // It keeps what came before an error, so that nothing is lost by asking again.
        let ended = device
            .read_to_end(&mut self.file)
            .and_then(|_| device.next_file());
        match ended {
            Err(error) => Some(Err(error)),
            Ok(()) if self.file.is_empty() => None,
            Ok(()) => Some(Ok(std::mem::take(&mut self.file))),
        }
    }
}
