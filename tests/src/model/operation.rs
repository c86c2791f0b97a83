// SPDX-License-Identifier: GPL-2.0

//! What can be done: one operation is one system call, or one text written to sysfs.
//!
//! Instances and descriptors are named by slots, so that any operation can be left out of a sequence and
//! the rest still means something. One on an empty slot does nothing.

use std::{fmt, sync::OnceLock};

/// The names that instances are added by. The last one collides with the writing side of a split `m0`.
pub const NAMES: [&str; 4] = ["m0", "m1", "m2", "m0_w"];
/// Descriptors.
pub const DESCRIPTORS: usize = 10;
/// The longest read or write.
pub const LONGEST: usize = 140_000;

/// One step of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A command for the class's file `add`.
    Add {
        /// Whose name.
        name: usize,
        /// Keys and values. A bad key is an error, too.
        keys: Vec<(&'static str, String)>,
    },
    /// A command for the class's file `remove`.
    Remove {
        /// Whose name.
        name: usize,
    },
    /// `open` of a node.
    Open {
        /// The descriptor to be.
        fd: usize,
        /// Whose node.
        name: usize,
        /// What the node's name ends in: nothing, `_w` or `_r`.
        side: &'static str,
        /// The flags, with the mode.
        flags: i32,
    },
    /// `close`.
    Close {
        /// Which.
        fd: usize,
    },
    /// `dup`.
    Dup {
        /// Of which.
        from: usize,
        /// The descriptor to be.
        to: usize,
    },
    /// `F_SETFL` with or without `O_NONBLOCK`.
    Nonblock {
        /// Of which.
        fd: usize,
        /// With.
        on: bool,
    },
    /// A read of any kind.
    Read {
        /// From which.
        fd: usize,
        /// How.
        transfer: Transfer,
    },
    /// A write of any kind.
    Write {
        /// To which.
        fd: usize,
        /// How.
        transfer: Transfer,
        /// Where in the pattern its bytes begin.
        from: u16,
    },
    /// `lseek`.
    Seek {
        /// Of which.
        fd: usize,
        /// `SEEK_SET`, `SEEK_CUR` or `SEEK_END`.
        whence: i32,
        /// The offset.
        offset: i64,
    },
    /// `poll` for everything, without waiting.
    Poll {
        /// Of which.
        fd: usize,
    },
    /// `ioctl`.
    Control {
        /// Of which.
        fd: usize,
        /// What.
        command: Command,
        /// With a bad pointer.
        bad: bool,
    },
    /// The instance's `/proc` entry.
    Proc {
        /// Whose.
        name: usize,
    },
    /// Reading an attribute.
    Show {
        /// Whose.
        name: usize,
        /// Which.
        attribute: &'static str,
    },
    /// Writing an attribute.
    Store {
        /// Whose.
        name: usize,
        /// Which.
        attribute: &'static str,
        /// The text.
        value: String,
    },
}

/// How a read or write is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes asked for.
    pub len: usize,
    /// The bytes of those whose memory is there; the rest faults.
    pub good: usize,
    /// In so many pieces: `readv`, `writev`. 0 is a plain call.
    pub pieces: usize,
    /// `pread`, `pwrite` at that offset.
    pub at: Option<i64>,
    /// `RWF_NOWAIT`.
    pub nowait: bool,
}

impl Transfer {
    /// A plain call.
    pub fn plain(len: usize) -> Self {
        Self {
            len,
            good: len,
            pieces: 0,
            at: None,
            nowait: false,
        }
    }
}

/// What an `ioctl` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `MYDEV_CLEAR`.
    Clear,
    /// `MYDEV_RESIZE`.
    Resize(u32),
    /// `MYDEV_STATUS`.
    Status,
    /// `MYDEV_STATS`.
    Stats,
    /// `MYDEV_NEXT`.
    Next,
    /// `FIONREAD`.
    Unread,
    /// A number that the driver does not have.
    Wrong(u32),
}

/// The bytes that are written: `len` of them from the place `from` of an endless pattern on.
pub fn pattern(from: u16, len: usize) -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    let whole = PATTERN.get_or_init(|| {
        let mut rng = fastrand::Rng::with_seed(1);
        (0..usize::from(u16::MAX) + LONGEST + 1)
            .map(|_| rng.u8(..))
            .collect()
    });
    &whole[usize::from(from)..][..len]
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { name, keys } => {
                write!(f, "add {}", NAMES[*name])?;
                keys.iter()
                    .try_for_each(|(key, value)| write!(f, " {key}={value}"))
            }
            Self::Remove { name } => write!(f, "remove {}", NAMES[*name]),
            Self::Open {
                fd,
                name,
                side,
                flags,
            } => {
                let mode = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"]
                    [(flags & libc::O_ACCMODE) as usize];
                write!(f, "fd{fd} = open({}{side}, {mode}", NAMES[*name])?;
                for (flag, text) in [
                    (libc::O_NONBLOCK, "O_NONBLOCK"),
                    (libc::O_APPEND, "O_APPEND"),
                    (libc::O_TRUNC, "O_TRUNC"),
                    (libc::O_DIRECTORY, "O_DIRECTORY"),
                ] {
                    if flags & flag == flag {
                        write!(f, "|{text}")?;
                    }
                }
                write!(f, ")")
            }
            Self::Close { fd } => write!(f, "close(fd{fd})"),
            Self::Dup { from, to } => write!(f, "fd{to} = dup(fd{from})"),
            Self::Nonblock { fd, on } => write!(f, "fcntl(fd{fd}, O_NONBLOCK {on})"),
            Self::Read { fd, transfer } => write!(f, "read(fd{fd}, {transfer})"),
            Self::Write { fd, transfer, from } => {
                write!(f, "write(fd{fd}, {transfer}, from {from})")
            }
            Self::Seek { fd, whence, offset } => write!(f, "lseek(fd{fd}, {offset}, {whence})"),
            Self::Poll { fd } => write!(f, "poll(fd{fd})"),
            Self::Control { fd, command, bad } => {
                let bad = if *bad { ", a bad pointer" } else { "" };
                write!(f, "ioctl(fd{fd}, {command:?}{bad})")
            }
            Self::Proc { name } => write!(f, "cat /proc/{}", NAMES[*name]),
            Self::Show { name, attribute } => write!(f, "cat {}/{attribute}", NAMES[*name]),
            Self::Store {
                name,
                attribute,
                value,
            } => write!(f, "echo {value:?} > {}/{attribute}", NAMES[*name]),
        }
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)?;
        if self.good < self.len {
            write!(f, " of which {} are mapped", self.good)?;
        }
        if self.pieces > 0 {
            write!(f, " in {} pieces", self.pieces)?;
        }
        if let Some(offset) = self.at {
            write!(f, " at {offset}")?;
        }
        if self.nowait {
            write!(f, ", RWF_NOWAIT")?;
        }
        Ok(())
    }
}
