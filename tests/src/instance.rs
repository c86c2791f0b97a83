// SPDX-License-Identifier: GPL-2.0

//! One queue by its names: the node, the attributes, the `/proc` entry.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::{Result, fcntl::OFlag};

use crate::{Device, guest::write_once};

/// The folder of the class.
pub const CLASS: &str = "/sys/class/mydevice_class";

/// Every discipline, the default first.
pub const DISCIPLINES: [&str; 5] = ["stream", "buffer", "log", "spool", "stack"];

/// Whether each write to one of that discipline is a record, which goes in whole or not at all.
pub fn keeps_records(discipline: &str) -> bool {
    matches!(discipline, "log" | "stack")
}

/// Every attribute, in its folder of the class.
pub const ATTRIBUTES: [&str; 11] = [
    "discipline",
    "capacity",
    "max_capacity",
    "on_empty",
    "read_timeout_ms",
    "bytes_used",
    "high_water",
    "readers",
    "writers",
    "waiting_readers",
    "waiting_writers",
];

/// What the full name of an instance begins with that was added while the system runs.
const ADDED: &str = "mydevice-";

/// An instance of a loaded module.
#[derive(Clone, Debug)]
pub struct Instance {
    name: String,
}

/// What `/proc/<name>` says.
#[allow(missing_docs, reason = "the names are the file's own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proc {
    pub buffer_size: u64,
    pub bytes_used: u64,
    pub open_count: u64,
    pub read_count: u64,
    pub write_count: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub discipline: String,
}

impl Instance {
    /// The instance of that full name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }

    /// Adds one while the system runs: a name and keys, as in `jobs discipline=spool`.
    pub fn try_add(command: &str) -> Result<Self> {
        write_once(&Path::new(CLASS).join("add"), command)?;
        let name = command
            .split_whitespace()
            .next()
            .expect("a name, or it would have been refused");
        Ok(Self::named(&format!("{ADDED}{name}")))
    }

    /// Adds one that must be possible.
    #[track_caller]
    pub fn add(command: &str) -> Self {
        match Self::try_add(command) {
            Ok(instance) => instance,
            Err(errno) => panic!("adding {command:?}: {errno}"),
        }
    }

    /// Removes it, by the name that it was given.
    pub fn remove(&self) -> Result<()> {
        let name = self.name.strip_prefix(ADDED).unwrap_or(&self.name);
        write_once(&Path::new(CLASS).join("remove"), name)
    }

    /// The full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its node.
    pub fn node(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// The node of a split instance that can only be written.
    pub fn write_node(&self) -> PathBuf {
        Path::new("/dev").join(format!("{}_w", self.name))
    }

    /// The node of a split instance that can only be read.
    pub fn read_node(&self) -> PathBuf {
        Path::new("/dev").join(format!("{}_r", self.name))
    }

    /// Those of its names that are there: nodes, class entries, `/proc` entry.
    pub fn names(&self) -> Vec<PathBuf> {
        let suffixes = ["", "_w", "_r"];
        let places = suffixes.iter().flat_map(|suffix| {
            ["/dev", CLASS, "/proc"]
                .map(|folder| Path::new(folder).join(self.name.clone() + suffix))
        });
        places.filter(|place| place.exists()).collect()
    }

    /// Opens the node.
    pub fn open(&self, flags: OFlag) -> Result<Device> {
        Device::open(&self.node(), flags)
    }

    /// Opens the node for reading.
    #[track_caller]
    pub fn reader(&self) -> Device {
        self.opened(OFlag::O_RDONLY)
    }

    /// Opens the node for writing.
    #[track_caller]
    pub fn writer(&self) -> Device {
        self.opened(OFlag::O_WRONLY)
    }

    /// Opens the node for both.
    #[track_caller]
    pub fn both(&self) -> Device {
        self.opened(OFlag::O_RDWR)
    }

    /// Opens the node for both, with `O_NONBLOCK`.
    #[track_caller]
    pub fn nonblocking(&self) -> Device {
        self.opened(OFlag::O_RDWR | OFlag::O_NONBLOCK)
    }

    /// A file of a spool that is still written and of which all was taken: its writer, and its reader.
    #[track_caller]
    pub fn drained(&self) -> (Device, Device) {
        let (writer, reader) = (self.writer(), self.reader());
        writer.put("x");
        assert_eq!(reader.take(10), "x");
        (writer, reader)
    }

    #[track_caller]
    fn opened(&self, flags: OFlag) -> Device {
        match self.open(flags) {
            Ok(device) => device,
            Err(errno) => panic!("opening {} with {flags:?}: {errno}", self.node().display()),
        }
    }

    /// Its folder in the class.
    pub fn class_entry(&self) -> PathBuf {
        Path::new(CLASS).join(&self.name)
    }

    /// An attribute.
    #[track_caller]
    pub fn attribute(&self, attribute: &str) -> String {
        let file = self.class_entry().join(attribute);
        let text = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
        text.strip_suffix('\n')
            .expect("an attribute ends its line")
            .to_owned()
    }

    /// Sets an attribute.
    pub fn set_attribute(&self, attribute: &str, value: &str) -> Result<()> {
        write_once(&self.class_entry().join(attribute), value)
    }

    /// Its `/proc` entry.
    pub fn proc_file(&self) -> PathBuf {
        Path::new("/proc").join(&self.name)
    }

    /// The text of its `/proc` entry.
    #[track_caller]
    pub fn proc_text(&self) -> String {
        let file = self.proc_file();
        fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
    }

    /// Its `/proc` entry, which must have each key in its place, and nothing else.
    #[track_caller]
    pub fn proc(&self) -> Proc {
        let text = self.proc_text();
        let mut lines = text.lines();
        let mut value = |key: &str| {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("{key} is missing in:\n{text}"));
            let value = line
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix(": "));
            value.unwrap_or_else(|| panic!("{line:?} is where {key} belongs in:\n{text}"))
        };
        let number = |value: &str| {
            value
                .parse()
                .unwrap_or_else(|_| panic!("{value:?} is no plain number in:\n{text}"))
        };
        let proc = Proc {
            buffer_size: number(value("buffer_size")),
            bytes_used: number(value("bytes_used")),
            open_count: number(value("open_count")),
            read_count: number(value("read_count")),
            write_count: number(value("write_count")),
            bytes_read: number(value("bytes_read")),
            bytes_written: number(value("bytes_written")),
            discipline: value("discipline").to_owned(),
        };
        assert_eq!(lines.next(), None, "a line too many in:\n{text}");
        proc
    }
}
