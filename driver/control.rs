// SPDX-License-Identifier: GPL-2.0

//! The ioctl commands, as `uapi/mydevice_ioctl.h` has them.

#![forbid(unsafe_code)]

use kernel::{
    fs::File,
    prelude::*,
    transmute::AsBytes,
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    file::OpenFile,
    instance::Instance,
    kapi::{
        capability::is_admin,
        file::{is_nonblocking, position, FIONREAD},
    },
    queue::{
        counters::saturate,
        ioctl::{
            Stats, Status, MYDEV_CLEAR, MYDEV_MAGIC, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS,
            MYDEV_STATUS,
        },
    },
};

// The ABI is written without the kernel, which programs do not have: where C's macros lay a command out in
// another way than it thinks, nothing is built.
const _: () = {
    use kernel::ioctl::{_IO, _IOR, _IOW};

    assert!(MYDEV_CLEAR == _IO(MYDEV_MAGIC, 0));
    assert!(MYDEV_RESIZE == _IOW::<u32>(MYDEV_MAGIC, 1));
    assert!(MYDEV_STATUS == _IOR::<Status>(MYDEV_MAGIC, 2));
    assert!(MYDEV_STATS == _IOR::<Stats>(MYDEV_MAGIC, 3));
    assert!(MYDEV_NEXT == _IO(MYDEV_MAGIC, 4));
};

/// Does a command.
///
/// Errors, in the order in which they are looked for: ENODEV if the instance was removed, ENOTTY for an unknown command or one that means nothing
/// to the discipline, EBADF for a change through a file that was not opened for writing, EPERM for one through
/// a split node without CAP_SYS_ADMIN, EFAULT for a
/// bad argument, and what the command itself gives.
pub(crate) fn ioctl(open: &OpenFile, file: &File, cmd: u32, arg: usize) -> Result<isize> {
    let instance = open.instance();
    let arg = UserPtr::from_addr(arg);
    // What is asked for most often, first: these look by themselves whether it was removed.
    match cmd {
        MYDEV_STATUS => return put(arg, &status(instance)?.words()),
        MYDEV_STATS => return put(arg, &stats(open)?.words()),
        FIONREAD => return put(arg, &available(open, file)?),
        _ => instance.alive()?,
    }
    let nonblocking = is_nonblocking(file);
    match cmd {
        MYDEV_CLEAR => {
            may_change(open)?;
            instance.clear(nonblocking)?;
        }
        MYDEV_RESIZE => {
            may_change(open)?;
            let capacity: u32 = UserSlice::new(arg, size_of::<u32>()).reader().read()?;
            instance.resize(usize::try_from(capacity)?, nonblocking)?;
        }
        MYDEV_NEXT => instance.next(open.opened())?,
        _ => return Err(ENOTTY),
    }
    Ok(0)
}

/// Copies what a command gives to where the caller wants it.
fn put<T: AsBytes>(arg: UserPtr, value: &T) -> Result<isize> {
    UserSlice::new(arg, size_of::<T>()).writer().write(value)?;
    Ok(0)
}

/// The bytes that the next read could get, as `FIONREAD` gives them.
fn available(open: &OpenFile, file: &File) -> Result<i32> {
    let at = u64::try_from(position(file))?;
    let bytes = open.instance().available(open.opened(), at)?;
    Ok(i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// CLEAR and RESIZE take bytes away from others: a file that was opened to read only may not.
fn may_change(open: &OpenFile) -> Result {
    if !open.writes() {
        return Err(EBADF);
    }
    // A producer who may only put in must not take out.
    if open.is_split() && !is_admin() {
        return Err(EPERM);
    }
    Ok(())
}

fn status(instance: &Instance) -> Result<Status> {
    let now = instance.snapshot_alive()?;
    Ok(Status {
        buffer_size: saturate(now.capacity as u64),
        bytes_used: saturate(now.used as u64),
        open_count: saturate(now.counters.opens),
        read_count: saturate(now.counters.reads),
        write_count: saturate(now.counters.writes),
        _reserved: 0,
    })
}

fn stats(open: &OpenFile) -> Result<Stats> {
    let (now, bytes_missed) = open.instance().snapshot_for(open.opened())?;
    let counters = now.counters;
    Ok(Stats {
        bytes_read: counters.bytes_read,
        bytes_written: counters.bytes_written,
        reads: counters.reads,
        writes: counters.writes,
        reader_waits: counters.reader_waits,
        writer_waits: counters.writer_waits,
        bytes_truncated: counters.bytes_truncated,
        bytes_cleared: counters.bytes_cleared,
        bytes_evicted: counters.bytes_evicted,
        bytes_missed,
        high_water: counters.high_water,
        _spare: [0; 5],
    })
}
