// SPDX-License-Identifier: GPL-2.0

//! What is measured, and on what.

use serde::{Deserialize, Serialize};

/// What is done. Each says for what one value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A message from one writer to one reader, in processes of their own.
    OneToOne,
    /// A message from four writers to four readers.
    FourToFour,
    /// A message to a process and another back: the median of a round.
    PingPong,
    /// The same: what 99 of 100 did not exceed in a round.
    PingPongTail,
    /// A write while `count` readers sleep.
    WriteToSleepers,
    /// A `poll` of `count` descriptors, of which one is ready.
    Poll,
    /// An `epoll_wait` on `count` descriptors, of which one is ready.
    Epoll,
    /// A message from one writer to one reader, both with `count` requests of io_uring in flight; 0: plain calls.
    Uring,
    /// The worker threads that the kernel made for both sides of that.
    UringWorkers,
    /// MYDEV_STATUS.
    Status,
    /// FIONREAD, which is what a pipe can be asked.
    Unread,
    /// RESIZE, or F_SETPIPE_SZ, to twice the `size` that is stored.
    Resize,
    /// Opening, reading and closing the `/proc` entry.
    ProcRead,
    /// `open`.
    Open,
    /// `close`.
    Close,
    /// A write for which there is room, and nobody waits.
    Write,
    /// A read of what is there.
    Read,
    /// The same through an open with O_NONBLOCK, which cannot wait.
    ReadNonblocking,
    /// A call that the kernel answers at once: what a system call costs by itself.
    SystemCall,
    /// From one process to another on one processor, by `sched_yield`.
    ContextSwitch,
    /// A message from one writer to one reader beside `count` idle instances, each with a sleeping reader.
    BesideIdle,
    /// What the driver allocates for an idle instance, without its capacity and what the driver core has.
    IdleMemory,
    /// Loading a module.
    Load,
    /// Unloading it.
    Unload,
    /// The memory that a loaded module has after its start.
    ModuleSize,
    /// Compiling a module.
    Build,
}

/// What a value of a work is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds; instructions where the guest's clock counts them.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Threads.
    Threads,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::OneToOne,
        Self::FourToFour,
        Self::PingPong,
        Self::PingPongTail,
        Self::WriteToSleepers,
        Self::Poll,
        Self::Epoll,
        Self::Uring,
        Self::UringWorkers,
        Self::Status,
        Self::Unread,
        Self::Resize,
        Self::ProcRead,
        Self::Open,
        Self::Close,
        Self::Write,
        Self::Read,
        Self::ReadNonblocking,
        Self::SystemCall,
        Self::ContextSwitch,
        Self::BesideIdle,
        Self::IdleMemory,
        Self::Load,
        Self::Unload,
        Self::ModuleSize,
        Self::Build,
    ];

    /// What its values are counted in.
    pub fn unit(self) -> Unit {
        match self {
            Self::UringWorkers => Unit::Threads,
            Self::IdleMemory | Self::ModuleSize => Unit::Bytes,
            _ => Unit::Nanoseconds,
        }
    }

    /// What it is called in the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::OneToOne => "1 writer, 1 reader",
            Self::FourToFour => "4 writers, 4 readers",
            Self::PingPong => "ping-pong, median",
            Self::PingPongTail => "ping-pong, 99%",
            Self::WriteToSleepers => "a write to sleeping readers",
            Self::Poll => "poll",
            Self::Epoll => "epoll_wait",
            Self::Uring => "io_uring",
            Self::UringWorkers => "io_uring's worker threads",
            Self::Status => "STATUS",
            Self::Unread => "FIONREAD",
            Self::Resize => "RESIZE, F_SETPIPE_SZ",
            Self::ProcRead => "open, read and close the /proc entry",
            Self::Open => "open",
            Self::Close => "close",
            Self::Write => "write with room",
            Self::Read => "read of what is there",
            Self::ReadNonblocking => "the same with O_NONBLOCK",
            Self::SystemCall => "a system call that does nothing",
            Self::ContextSwitch => "a context switch",
            Self::BesideIdle => "beside idle instances",
            Self::IdleMemory => "memory of an idle instance",
            Self::Load => "load",
            Self::Unload => "unload",
            Self::ModuleSize => "memory of a module",
            Self::Build => "build",
        }
    }
}

/// By what the work is done, or on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// A `stream` of ours.
    MyDevice,
    /// `pipe(2)`.
    Pipe,
    /// A named pipe.
    Fifo,
    /// A pair of `AF_UNIX` stream sockets.
    Socket,
    /// A POSIX message queue.
    Queue,
    /// The floor: the same bytes copied into the kernel and out of it, with nothing between.
    Floor,
    /// The module `hello`.
    Hello,
    /// The kernel itself.
    Kernel,
}

impl Who {
    /// Ways to hand bytes from one process to another, ours first.
    pub const CONTENDERS: [Self; 5] = [
        Self::MyDevice,
        Self::Pipe,
        Self::Fifo,
        Self::Socket,
        Self::Queue,
    ];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::MyDevice => "mydevice",
            Self::Pipe => "pipe",
            Self::Fifo => "named pipe",
            Self::Socket => "unix socket",
            Self::Queue => "message queue",
            Self::Floor => "copy floor",
            Self::Hello => "hello",
            Self::Kernel => "kernel",
        }
    }
}
