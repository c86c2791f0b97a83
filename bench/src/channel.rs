// SPDX-License-Identifier: GPL-2.0

//! What is compared: ways to hand bytes from one process to another.

use std::{
    fs::{self, File},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use mydevice_figures::Who;
use mydevice_tests::Instance;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_unlink},
    sys::{
        socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt::SndBuf},
        stat::Mode,
    },
    unistd::{mkfifo, pipe2},
};

use crate::end::End;

/// The most messages that the kernel lets a queue have.
const QUEUE_MESSAGES: usize = 65_536;

/// One channel, made and not opened yet where opening is by name.
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
    /// A message queue, deleted at the end.
    Queue(String),
    /// Ends that this process has closed.
    Closed,
}

impl Channel {
    /// Makes one that holds `capacity` bytes in messages of `size`. The name is for those that have one.
    pub fn new(who: Who, capacity: usize, size: usize, name: &str) -> Result<Self> {
        Ok(match who {
            Who::MyDevice => Self::MyDevice(instance(name, capacity)?),
            Who::Pipe => {
                let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
                set_size(&writer, capacity)?;
                Self::Ends { reader, writer }
            }
            Who::Fifo => {
                let path = std::env::temp_dir().join(format!("mydevice-bench-{name}"));
                mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).context("making a named pipe")?;
                Self::Fifo(path)
            }
            Who::Socket => {
                let flags = SockFlag::SOCK_CLOEXEC;
                let (reader, writer) =
                    socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
                setsockopt(&writer, SndBuf, &capacity).context("setting SO_SNDBUF")?;
                Self::Ends { reader, writer }
            }
            Who::Queue => {
                let name = format!("/mydevice-bench-{name}");
                make_queue(&name, (capacity / size).clamp(1, QUEUE_MESSAGES), size)?;
                Self::Queue(name)
            }
            Who::Floor | Who::Hello | Who::Kernel => bail!("{who:?} is no channel"),
        })
    }

    /// The end that bytes go into, for a process that uses this end alone. `capacity` is that of the channel.
    pub fn writer(&mut self, capacity: usize) -> Result<End> {
        let end = match self {
            Self::MyDevice(instance) => End::File(open(instance.node(), true)?),
            Self::Ends { writer, .. } => End::File(writer.try_clone()?.into()),
            Self::Queue(name) => End::Queue(open_queue(name, MQ_OFlag::O_WRONLY, None)?),
            Self::Closed => bail!("this end was closed before"),
            Self::Fifo(path) => {
                let writer = open(path.clone(), true)?;
                set_size(&writer, capacity)?;
                End::File(writer)
            }
        };
        self.close_ends();
        Ok(end)
    }

    /// The end that bytes come out of, for a process that uses this end alone.
    pub fn reader(&mut self) -> Result<End> {
        let end = match self {
            Self::MyDevice(instance) => End::File(open(instance.node(), false)?),
            Self::Ends { reader, .. } => End::File(reader.try_clone()?.into()),
            Self::Queue(name) => End::Queue(open_queue(name, MQ_OFlag::O_RDONLY, None)?),
            Self::Closed => bail!("this end was closed before"),
            Self::Fifo(path) => End::File(open(path.clone(), false)?),
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
            Self::Queue(name) => Ok(mq_unlink(name.as_str())?),
            Self::Ends { .. } | Self::Closed => Ok(()),
        }
    }
}

/// Adds a `stream` that ends when its last writer closes, as a pipe does.
pub fn instance(name: &str, capacity: usize) -> Result<Instance> {
    let limit = capacity.max(4 << 20);
    let command = format!(
        "{name} discipline=stream capacity={capacity} max_capacity={limit} on_empty=hangup"
    );
    Instance::try_add(&command).context(command)
}

/// Opens for writing or for reading.
pub fn open(path: PathBuf, write: bool) -> Result<File> {
    let file = File::options().read(!write).write(write).open(&path);
    file.with_context(|| format!("opening {}", path.display()))
}

/// Gives a pipe its capacity.
pub fn set_size(pipe: impl AsFd, capacity: usize) -> Result<()> {
    let bytes = i32::try_from(capacity)?;
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes)).context("setting the size of a pipe")?;
    Ok(())
}

fn make_queue(name: &str, messages: usize, size: usize) -> Result<()> {
    let attributes = MqAttr::new(0, i64::try_from(messages)?, i64::try_from(size)?, 0);
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR;
    open_queue(name, flags, Some(&attributes)).map(drop)
}

fn open_queue(name: &str, flags: MQ_OFlag, attributes: Option<&MqAttr>) -> Result<MqdT> {
    mq_open(name, flags, Mode::S_IRUSR | Mode::S_IWUSR, attributes)
        .with_context(|| format!("opening the message queue {name}"))
}
