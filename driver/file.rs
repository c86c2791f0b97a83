// SPDX-License-Identifier: GPL-2.0

//! An open file: what the VFS asks of it, passed on to its instance.

#![forbid(unsafe_code)]

use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    prelude::*,
    sync::Arc,
};

use crate::{
    control,
    instance::{short::WORTH_A_TRY, Instance, Opened},
    kapi::{
        file::{is_nonblocking, nonblocking, position, FileOperations, Opening, SeekEnd},
        poll::{Events, PollTable},
        print::debug_line,
        user::UserBuffer,
    },
    params,
};

/// Which way bytes go through a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Both ways.
    Both,
    /// In: it can only be written.
    Write,
    /// Out: it can only be read.
    Read,
    /// There is no node.
    None,
}

/// What a device leads to.
pub(crate) struct Endpoint {
    /// The instance.
    pub(crate) instance: Arc<Instance>,
    /// Which of its directions.
    pub(crate) direction: Direction,
}

/// An open file description of an instance.
#[pin_data]
pub(crate) struct OpenFile {
    instance: Arc<Instance>,
    #[pin]
    opened: Opened,
    /// It came through a node that serves one direction.
    split: bool,
}

impl OpenFile {
    /// The instance it was opened on.
    pub(crate) fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What it has to do with the instance.
    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether it came through a node that serves one direction.
    pub(crate) fn is_split(&self) -> bool {
        self.split
    }

    /// Whether it can write.
    pub(crate) fn writes(&self) -> bool {
        self.opened.writes
    }

    /// Reads the short way, if there is one for this read. What is logged takes the usual one.
    #[inline(always)]
    fn read_short(&self, to: UserBuffer, nonblocking: bool) -> Option<Result<usize>> {
        match params::log_transfers() {
            true => None,
            false => self.instance.read_short(&self.opened, to, nonblocking),
        }
    }

    /// Writes the short way, if there is one for this write.
    #[inline(always)]
    fn write_short(&self, from: UserBuffer, nonblocking: bool) -> Option<Result<usize>> {
        match params::log_transfers() {
            true => None,
            false => self.instance.write_short(from, nonblocking),
        }
    }
}

#[vtable]
impl FileOperations for OpenFile {
    type Device = Endpoint;
    type Module = crate::LocalModule;
    type Ptr = Pin<KBox<Self>>;

    fn open(endpoint: &Endpoint, file: &Opening) -> Result<Pin<KBox<Self>>> {
        let (reads, writes) = (file.reads(), file.writes());
        let split = match (endpoint.direction, reads, writes) {
            (Direction::Both, _, _) => false,
            (Direction::Write, false, true) | (Direction::Read, true, false) => true,
            _ => return Err(EACCES),
        };
        // Allocate first: from `Instance::open` on, somebody has to call `release`.
        let open = KBox::<Self>::new_uninit(GFP_KERNEL_ACCOUNT)?;
        let opened = endpoint.instance.open(reads, writes)?;
        let instance = endpoint.instance.clone();
        let open = open.write_pin_init(pin_init!(Self {
            instance,
            opened <- opened,
            split,
        }));
        let Ok(open) = open;
        if !open.opened.seeks {
            file.stream();
        }
        file.nowait();
        Ok(open)
    }

    fn release(open: Pin<KBox<Self>>) {
        open.instance.release(&open.opened);
    }

    #[inline(always)]
    fn read_buffer(open: Pin<&Self>, file: &File, to: UserBuffer) -> Option<Result<usize>> {
        open.read_short(to, is_nonblocking(file))
    }

    #[inline(always)]
    fn write_buffer(open: Pin<&Self>, file: &File, from: UserBuffer) -> Option<Result<usize>> {
        open.write_short(from, is_nonblocking(file))
    }

    fn read_iter(
        mut kiocb: Kiocb<'_, Pin<KBox<Self>>>,
        iov: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let open = kiocb.file();
        let wanted = iov.len();
        let nonblocking = nonblocking(&kiocb);
        if wanted <= WORTH_A_TRY {
            let short = UserBuffer::of_dest(iov).and_then(|to| open.read_short(to, nonblocking));
            if let Some(result) = short {
                iov.advance(*result.as_ref().unwrap_or(&0));
                return result;
            }
        }
        let at = match open.opened.seeks {
            true => u64::try_from(kiocb.ki_pos())?,
            false => 0,
        };
        let result = open.instance.read(&open.opened, at, iov, nonblocking);
        if let (true, Ok(n)) = (open.opened.seeks, &result) {
            let position = kiocb.ki_pos_mut();
            *position = position.saturating_add_unsigned(*n as u64);
        }
        log_transfer(&open.instance, "read", wanted, &result);
        result
    }

    fn write_iter(kiocb: Kiocb<'_, Pin<KBox<Self>>>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        // A write always appends and leaves the position, which is that of reading, where it is.
        let open = kiocb.file();
        let wanted = iov.len();
        let nonblocking = nonblocking(&kiocb);
        if wanted <= WORTH_A_TRY {
            let short =
                UserBuffer::of_source(iov).and_then(|from| open.write_short(from, nonblocking));
            if let Some(result) = short {
                iov.advance(*result.as_ref().unwrap_or(&0));
                return result;
            }
        }
        let result = open.instance.write(&open.opened, iov, nonblocking);
        log_transfer(&open.instance, "write", wanted, &result);
        result
    }

    fn poll<'file>(open: Pin<&'file Self>, file: &File, table: PollTable<'file>) -> Events {
        let at = u64::try_from(position(file)).unwrap_or(0);
        let open = open.get_ref();
        open.instance.poll(&open.opened, at, &table)
    }

    fn ioctl(open: Pin<&Self>, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        control::ioctl(&open, file, cmd, arg)
    }

    fn seek_end(open: Pin<&Self>) -> SeekEnd {
        SeekEnd {
            end: i64::try_from(open.instance.snapshot().used).unwrap_or(i64::MAX),
            max: i64::MAX,
        }
    }
}

/// Logs a read or a write, if the parameter says so.
fn log_transfer(instance: &Instance, what: &str, wanted: usize, result: &Result<usize>) {
    if params::log_transfers() {
        match result {
            Ok(n) => debug_line!("{}: {what} {n} of {wanted}\n", instance.label()),
            Err(error) => debug_line!("{}: {what} of {wanted}: {error:?}\n", instance.label()),
        }
    }
}
