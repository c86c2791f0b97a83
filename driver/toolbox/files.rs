// SPDX-License-Identifier: GPL-2.0

//! File descriptors.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/file.h`](srctree/include/linux/file.h), [`include/linux/fs.h`](srctree/include/linux/fs.h)

use kernel::{
    fs::{
        file::{flags, FileDescriptorReservation},
        File, LocalFile,
    },
    prelude::*,
};

use crate::ktap::{check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("files":
    a_number_that_is_no_file,
    a_reservation_is_given_back,
);

// ANCHOR: fget
/// `file = fget(fd)`, a look at it, and `fput(file)` by leaving the block.
fn is_nonblocking(fd: u32) -> Result<bool> {
    let file = LocalFile::fget(fd)?;
    Ok(file.flags() & flags::O_NONBLOCK != 0)
}
// ANCHOR_END: fget

fn a_number_that_is_no_file() -> Result {
    check_eq!(is_nonblocking(u32::MAX), Err(EBADF));
    Ok(())
}

// ANCHOR: fd_install
/// Gives the caller one more descriptor of an open file: `get_unused_fd_flags`, `get_file`, `fd_install`.
///
/// What may fail comes between the first and the last of them: until then nobody sees the number, and an error that
/// drops the reservation is `put_unused_fd`.
pub(crate) fn another(file: &File) -> Result<isize> {
    let reservation = FileDescriptorReservation::get_unused_fd_flags(flags::O_CLOEXEC)?;
    let fd = reservation.reserved_fd();
    reservation.fd_install(file.into());
    Ok(isize::try_from(fd)?)
}
// ANCHOR_END: fd_install

fn a_reservation_is_given_back() -> Result {
    let reserve = || FileDescriptorReservation::get_unused_fd_flags(flags::O_CLOEXEC);
    let first = reserve()?;
    let number = first.reserved_fd();
    // Reserved, and no file yet.
    check_eq!(is_nonblocking(number), Err(EBADF));
    drop(first);
    check_eq!(reserve()?.reserved_fd(), number);
    Ok(())
}
