// SPDX-License-Identifier: GPL-2.0

//! What is compared: ways to hand bytes from one process to another.

use std::{
    fs::{self, File},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use mydevice_tests::Instance;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt::SndBuf},
        stat::Mode,
    },
    unistd::{mkfifo, pipe2},
};

/// A way to hand bytes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// A `stream` of ours.
    MyDevice,
    /// `pipe(2)`.
    Pipe,
    /// A named pipe.
    Fifo,
    /// A pair of `AF_UNIX` stream sockets.
    Socket,
}

impl Contender {
    /// All of them, ours first.
    pub const ALL: [Self; 4] = [Self::MyDevice, Self::Pipe, Self::Fifo, Self::Socket];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::MyDevice => "mydevice",
            Self::Pipe => "pipe",
            Self::Fifo => "named pipe",
            Self::Socket => "unix socket",
        }
    }
}

/// One channel, made and not opened yet where opening is by name; gone when it is dropped.
pub enum Channel {
    /// An instance, removed at the end.
    MyDevice(Instance),
    /// Both ends are open from the beginning.
    Ends {
        /// Where bytes come out.
        reader: OwnedFd,
        /// Where they go in.
        writer: OwnedFd,
    },
    /// A named pipe, deleted at the end.
    Fifo(PathBuf),
    /// Ends that this process has closed.
    Closed,
}

impl Channel {
    /// Makes one that holds `capacity` bytes. The name is for those that have one.
    pub fn new(contender: Contender, capacity: usize, name: &str) -> Result<Self> {
        Ok(match contender {
            Contender::MyDevice => {
                let command =
                    format!("{name} discipline=stream capacity={capacity} on_empty=hangup");
                Self::MyDevice(Instance::try_add(&command).context(command)?)
            }
            Contender::Pipe => {
                let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
                set_size(&writer, capacity)?;
                Self::Ends { reader, writer }
            }
            Contender::Fifo => {
                let path = std::env::temp_dir().join(format!("mydevice-bench-{name}"));
                mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).context("making a named pipe")?;
                Self::Fifo(path)
            }
            Contender::Socket => {
                let flags = SockFlag::SOCK_CLOEXEC;
                let (reader, writer) =
                    socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
                setsockopt(&writer, SndBuf, &capacity).context("setting SO_SNDBUF")?;
                Self::Ends { reader, writer }
            }
        })
    }

    /// The end that bytes go into, for a process that uses this end alone. `capacity` is that of the channel.
    pub fn writer(&mut self, capacity: usize) -> Result<OwnedFd> {
        let end = match self {
            Self::MyDevice(instance) => open(instance.node(), true)?,
            Self::Ends { writer, .. } => writer.try_clone()?,
            Self::Closed => bail!("this end was closed before"),
            Self::Fifo(path) => {
                let writer = open(path.clone(), true)?;
                set_size(&writer, capacity)?;
                writer
            }
        };
        self.close_ends();
        Ok(end)
    }

    /// The end that bytes come out of, for a process that uses this end alone.
    pub fn reader(&mut self) -> Result<OwnedFd> {
        let end = match self {
            Self::MyDevice(instance) => open(instance.node(), false)?,
            Self::Ends { reader, .. } => reader.try_clone()?,
            Self::Closed => bail!("this end was closed before"),
            Self::Fifo(path) => open(path.clone(), false)?,
        };
        self.close_ends();
        Ok(end)
    }

    /// Closes the ends that this process has, so that those who read see when the last writer is done.
    pub fn close_ends(&mut self) {
        if let Self::Ends { .. } = self {
            *self = Self::Closed;
        }
    }

    /// Ends it, where it has a name.
    pub fn remove(&self) -> Result<()> {
        match self {
            Self::MyDevice(instance) => Ok(instance.remove()?),
            Self::Fifo(path) => Ok(fs::remove_file(path)?),
            Self::Ends { .. } | Self::Closed => Ok(()),
        }
    }
}

fn open(path: PathBuf, write: bool) -> Result<OwnedFd> {
    let file = File::options().read(!write).write(write).open(&path);
    Ok(file
        .with_context(|| format!("opening {}", path.display()))?
        .into())
}

/// Gives a pipe its capacity.
fn set_size(pipe: impl AsFd, capacity: usize) -> Result<()> {
    let bytes = i32::try_from(capacity)?;
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes)).context("setting the size of a pipe")?;
    Ok(())
}
