// SPDX-License-Identifier: GPL-2.0

//! Memory that is bad for the kernel to copy: pages that are not there, and pages that do not come.

use std::{
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::patience::PATIENCE;

/// What x86-64 has; it is checked before it is relied on.
pub const PAGE: usize = 4096;

/// Private anonymous pages, none of them touched yet.
#[derive(Debug)]
struct Pages {
    start: *mut u8,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Pages {}
// SAFETY: as above; the pages are only used through raw pointers.
unsafe impl Sync for Pages {}

impl Pages {
    fn new(count: usize) -> Self {
        // SAFETY: asks for a number.
        assert_eq!(
            unsafe { libc::sysconf(libc::_SC_PAGESIZE) },
            PAGE as i64,
            "the page size"
        );
        let len = count * PAGE;
        // SAFETY: a new mapping, at an address of the kernel's choice, touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(
            start,
            libc::MAP_FAILED,
            "mapping {len} bytes: {}",
            Errno::last()
        );
        Self {
            start: start.cast(),
            len,
        }
    }

    /// Forbids all access to the second page.
    ///
    /// # Safety
    ///
    /// There must be one, and no Rust object in it.
    unsafe fn forbid_second(&self) {
        // SAFETY: by the function's requirements.
        let result = unsafe { libc::mprotect(self.start.add(PAGE).cast(), PAGE, libc::PROT_NONE) };
        assert_eq!(result, 0, "protecting a page: {}", Errno::last());
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody has a reference into it.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// A page that can be used, and behind it one that cannot.
#[derive(Debug)]
pub struct Fence {
    pages: Pages,
}

impl Fence {
    /// The good page holds `x` everywhere.
    pub fn new() -> Self {
        let pages = Pages::new(2);
        // SAFETY: both pages are in the mapping.
        unsafe {
            pages.start.write_bytes(b'x', PAGE);
            pages.forbid_second();
        }
        Self { pages }
    }

    /// An address of which the next `good` bytes can be used and the ones behind them cannot.
    pub fn before(&self, good: usize) -> *mut u8 {
        assert!(good <= PAGE, "only a page is good");
        // SAFETY: it is in the mapping.
        unsafe { self.pages.start.add(PAGE - good) }
    }

    /// What now stands in the last `good` bytes of the good page.
    pub fn contents(&self, good: usize) -> Vec<u8> {
        // SAFETY: the bytes are in the good page, and nobody writes to it now.
        unsafe { std::slice::from_raw_parts(self.before(good), good) }.to_vec()
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::new()
    }
}

/// A page that is there, and behind it one that does not come until [`Stall::release`]: whoever copies
/// there is stalled in mid-copy. Made of `userfaultfd(2)`.
#[derive(Debug)]
pub struct Stall {
    faults: OwnedFd,
    pages: Pages,
}

/// The part of `linux/userfaultfd.h` that is used.
mod uffd {
    pub const API: u64 = 0xaa;
    pub const REGISTER_MODE_MISSING: u64 = 1;
    pub const EVENT_PAGEFAULT: u8 = 0x12;

    #[repr(C)]
    pub struct Api {
        pub api: u64,
        pub features: u64,
        pub ioctls: u64,
    }

    #[repr(C)]
    pub struct Register {
        pub start: u64,
        pub len: u64,
        pub mode: u64,
        pub ioctls: u64,
    }

    #[repr(C)]
    pub struct ZeroPage {
        pub start: u64,
        pub len: u64,
        pub mode: u64,
        pub zeropage: i64,
    }

    #[repr(C)]
    pub struct Range {
        pub start: u64,
        pub len: u64,
    }

    nix::ioctl_readwrite!(api, 0xaa, 0x3f, Api);
    nix::ioctl_read!(wake, 0xaa, 0x02, Range);
    nix::ioctl_readwrite!(register, 0xaa, 0x00, Register);
    nix::ioctl_readwrite!(zeropage, 0xaa, 0x04, ZeroPage);
}

impl Stall {
    /// The good page holds `x` everywhere.
    pub fn new() -> Self {
        let pages = Pages::new(2);
        // SAFETY: the page is in the mapping.
        unsafe { pages.start.write_bytes(b'x', PAGE) };

        // SAFETY: makes a descriptor, which is ours from here on.
        let faults = unsafe {
            let fd = libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK);
            OwnedFd::from_raw_fd(Errno::result(fd).expect("userfaultfd (needs root)") as i32)
        };
        let mut api = uffd::Api {
            api: uffd::API,
            features: 0,
            ioctls: 0,
        };
        let mut register = uffd::Register {
            start: pages.start as u64 + PAGE as u64,
            len: PAGE as u64,
            mode: uffd::REGISTER_MODE_MISSING,
            ioctls: 0,
        };
        // SAFETY: both structures are what the commands read and write.
        unsafe {
            uffd::api(faults.as_raw_fd(), &mut api).expect("UFFDIO_API");
            uffd::register(faults.as_raw_fd(), &mut register).expect("UFFDIO_REGISTER");
        }
        Self { faults, pages }
    }

    /// An address of which the next `good` bytes are there and those behind them do not come.
    pub fn before(&self, good: usize) -> Address {
        assert!(good <= PAGE, "only a page is good");
        // SAFETY: it is in the mapping.
        Address(unsafe { self.pages.start.add(PAGE - good) })
    }

    /// Waits until somebody is stalled.
    #[track_caller]
    pub fn wait_stalled(&self) {
        let patience = PollTimeout::try_from(PATIENCE).expect("a timeout that fits");
        let mut fds = [PollFd::new(
            std::os::fd::AsFd::as_fd(&self.faults),
            PollFlags::POLLIN,
        )];
        assert_eq!(
            poll(&mut fds, patience),
            Ok(1),
            "nobody touched the page that does not come"
        );
        let mut message = [0; 32];
        assert_eq!(
            nix::unistd::read(&self.faults, &mut message),
            Ok(32),
            "reading the fault"
        );
        assert_eq!(message[0], uffd::EVENT_PAGEFAULT, "a message about a fault");
    }

    /// Lets the page come, as zeros; the copy goes on.
    pub fn release(&self) {
        let mut zero = uffd::ZeroPage {
            start: self.pages.start as u64 + PAGE as u64,
            len: PAGE as u64,
            mode: 0,
            zeropage: 0,
        };
        // SAFETY: the structure is what the command reads and writes, and the page is missing.
        unsafe { uffd::zeropage(self.faults.as_raw_fd(), &mut zero).expect("UFFDIO_ZEROPAGE") };
    }

    /// Forbids the page, so that the copy fails there.
    pub fn fail(&self) {
        let mut range = uffd::Range {
            start: self.pages.start as u64 + PAGE as u64,
            len: PAGE as u64,
        };
        // SAFETY: the page is in the mapping, and holds no Rust object; the structure is what the command reads.
        unsafe {
            self.pages.forbid_second();
            uffd::wake(self.faults.as_raw_fd(), &mut range).expect("UFFDIO_WAKE");
        }
    }

    /// What now stands in the first `len` bytes of the page that has come.
    pub fn came(&self, len: usize) -> Vec<u8> {
        assert!(len <= PAGE, "only a page comes");
        // SAFETY: the bytes are in that page, and nobody writes to it now.
        unsafe { std::slice::from_raw_parts(self.pages.start.add(PAGE), len) }.to_vec()
    }

    /// Takes a page that has come away, so that the next copy stalls, too.
    pub fn take_away(&self) {
        // SAFETY: the page is in the mapping, and holds no Rust object.
        let result = unsafe {
            let page = self.pages.start.add(PAGE);
            libc::madvise(page.cast(), PAGE, libc::MADV_DONTNEED)
        };
        assert_eq!(result, 0, "taking a page away: {}", Errno::last());
    }
}

impl Default for Stall {
    fn default() -> Self {
        Self::new()
    }
}

/// An address that can be handed to another thread.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub *mut u8);

// SAFETY: an address is a number; whoever uses it answers for it.
unsafe impl Send for Address {}

impl Address {
    /// The address itself. A method, so that a closure takes the whole value along and not just its field.
    pub fn get(self) -> *mut u8 {
        self.0
    }
}
