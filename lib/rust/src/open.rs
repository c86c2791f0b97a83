// SPDX-License-Identifier: GPL-2.0

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::libc;

use crate::{Device, name};

/// How to open a device.
///
/// ```
/// use std::io::{ErrorKind, Read};
/// use mydevice::OpenOptions;
///
/// # fn main() -> std::io::Result<()> {
/// let mut device = OpenOptions::new().read(true).nonblocking(true).open("/dev/mydevice")?;
/// let error = device.read(&mut [0; 10]).expect_err("nothing was written yet");
/// assert_eq!(error.kind(), ErrorKind::WouldBlock);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is opened before `open` is called"]
pub struct OpenOptions {
    read: bool,
    write: bool,
    nonblocking: bool,
}

impl OpenOptions {
    /// Neither for reading nor for writing, and blocking.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the device can be read.
    pub fn read(mut self, read: bool) -> Self {
        self.read = read;
        self
    }

    /// Whether the device can be written. CLEAR and RESIZE need this, too.
    pub fn write(mut self, write: bool) -> Self {
        self.write = write;
        self
    }

    /// Whether calls that would wait fail with `EAGAIN` instead (`O_NONBLOCK`).
    pub fn nonblocking(mut self, nonblocking: bool) -> Self {
        self.nonblocking = nonblocking;
        self
    }

    /// Opens the node of an instance, by name, or any node, by path.
    ///
    /// By name, this takes the node of a split instance that leads in the right direction; there is none for both.
    ///
    /// # Errors
    ///
    /// What `open(2)` gives: `ENOENT` if there is no such node, `EACCES` without permission or against the direction
    /// of a split node, `ENODEV` or `ENXIO` if the instance was removed.
    pub fn open(&self, target: impl AsRef<Path>) -> io::Result<Device> {
        let file = fs::OpenOptions::new()
            .read(self.read)
            .write(self.write)
            .custom_flags(if self.nonblocking {
                libc::O_NONBLOCK
            } else {
                0
            })
            .open(self.node(target.as_ref()))?;
        Ok(Device::from(file))
    }

    /// The node to open.
    fn node(&self, target: &Path) -> PathBuf {
        let Some(name) = target.to_str().filter(|text| !text.contains('/')) else {
            return target.to_owned();
        };
        let node = Path::new("/dev").join(name::full(name));
        let suffix = match (self.read, self.write) {
            (true, false) => "_r",
            (false, true) => "_w",
            _ => return node,
        };
        if node.exists() {
            return node;
        }
        let mut directed = node.clone().into_os_string();
        directed.push(suffix);
        let directed = PathBuf::from(directed);
        if directed.exists() { directed } else { node }
    }
}
