// SPDX-License-Identifier: GPL-2.0

//! What a function that the kernel calls returns, when it is over.

use kernel::{error::from_result, prelude::*};

/// [`from_result`] for what has ended when it returns. The error that says that it has not, EIOCBQUEUED, would have the
/// caller wait for an end that nobody tells it, or stop the kernel: it becomes EIO.
pub(super) fn from_ended<T: From<i16>>(work: impl FnOnce() -> Result<T>) -> T {
    from_result(|| work().map_err(ended))
}

/// The error of what has ended.
pub(super) fn ended(error: Error) -> Error {
    match error == EIOCBQUEUED {
        true => EIO,
        false => error,
    }
}
