// SPDX-License-Identifier: GPL-2.0

//! Signal handlers that do nothing but count.

use std::{
    os::fd::{AsFd, AsRawFd},
    sync::atomic::{AtomicUsize, Ordering},
};

use nix::{
    errno::Errno,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
    unistd::{getpid, gettid},
};

/// Its handler interrupts a call: installed without `SA_RESTART`.
pub const INTERRUPTING: Signal = Signal::SIGUSR1;
/// Its handler lets the kernel restart a call: installed with `SA_RESTART`.
pub const RESTARTING: Signal = Signal::SIGUSR2;

static CAUGHT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_signal: libc::c_int) {
    CAUGHT.fetch_add(1, Ordering::SeqCst);
}

/// How many signals were handled, in this process, ever.
pub fn caught() -> usize {
    CAUGHT.load(Ordering::SeqCst)
}

/// Installs the handlers of [`INTERRUPTING`] and [`RESTARTING`].
pub fn install() {
    handle(INTERRUPTING, SaFlags::empty());
    handle(RESTARTING, SaFlags::SA_RESTART);
}

/// Installs the counting handler for `signal`.
pub fn handle(signal: Signal, flags: SaFlags) {
    let action = SigAction::new(SigHandler::Handler(count), flags, SigSet::empty());
    // SAFETY: the handler only adds to an atomic, which is safe at any moment.
    unsafe { sigaction(signal, &action) }.expect("installing a signal handler");
}

/// Has the SIGIO of `file` sent to this process.
pub fn own(file: impl AsFd) {
    // SAFETY: the command takes a number.
    let result =
        unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_SETOWN, getpid().as_raw()) };
    Errno::result(result).expect("F_SETOWN");
}

/// Has the SIGIO of `file` sent to the thread that calls this: it is handled before the call that has it sent returns.
pub fn own_by_this_thread(file: impl AsFd) {
    // Not in `libc` yet: the command, and `struct f_owner_ex` with the type F_OWNER_TID.
    const F_SETOWN_EX: libc::c_int = 15;
    let owner: [libc::c_int; 2] = [0, gettid().as_raw()];
    // SAFETY: the command only reads the structure.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), F_SETOWN_EX, &raw const owner) };
    Errno::result(result).expect("F_SETOWN_EX");
}
