// SPDX-License-Identifier: GPL-2.0

//! Addresses that no caller should hand in.

use std::ptr;

use mydevice_tests::memory::PAGE;
use nix::errno::Errno;

/// A page that can be read and written, a page that can be read, and one that can be neither. Nothing of them is
/// ever used through a reference.
pub struct Pages {
    start: *mut u8,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Pages {}
// SAFETY: as above; it is used through raw pointers alone.
unsafe impl Sync for Pages {}

impl Pages {
    /// The first two hold `x` everywhere.
    pub fn new() -> Self {
        let start = map(3 * PAGE);
        // SAFETY: the pages are in the mapping that was just made.
        unsafe {
            start.write_bytes(b'x', 2 * PAGE);
            protect(start.add(PAGE), PAGE, libc::PROT_READ);
            protect(start.add(2 * PAGE), PAGE, libc::PROT_NONE);
        }
        Self { start }
    }

    /// `offset` bytes into the first page.
    pub fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < 3 * PAGE);
        // SAFETY: it is in the mapping.
        unsafe { self.start.add(offset) }
    }

    /// The first byte that can only be read.
    pub fn read_only(&self) -> *mut u8 {
        self.at(PAGE)
    }

    /// The first byte that cannot even be read.
    pub fn none(&self) -> *mut u8 {
        self.at(2 * PAGE)
    }

    /// How many bytes from `address` on can be written, or read.
    pub fn good(&self, address: usize, written: bool) -> usize {
        let start = self.start as usize;
        let end = start + if written { PAGE } else { 2 * PAGE };
        match (start..end).contains(&address) {
            true => end - address,
            false => 0,
        }
    }

    /// Puts these bytes at the beginning of the first page.
    pub fn fill(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= PAGE);
        // SAFETY: they fit into the page, and nobody else uses it now.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(offset), bytes.len()) }
    }

    /// What stands in the first page.
    pub fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; PAGE];
        // SAFETY: the page is there, and nobody writes to it now.
        unsafe { ptr::copy_nonoverlapping(self.start, bytes.as_mut_ptr(), PAGE) }
        bytes
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        unmap(self.start, 3 * PAGE);
    }
}

/// Addresses of which nothing can be read or written: none, the kernel's, what no pointer can be, what nobody has
/// mapped.
pub fn bad_addresses(pages: &Pages) -> Vec<*mut u8> {
    let numbers = [
        0usize,
        1,
        PAGE,
        0x7fff_ffff_f000,
        0x7fff_ffff_ffff,
        0x8000_0000_0000,
        0xffff_8880_0000_0000,
        0xffff_ffff_8100_0000,
        0xffff_ffff_c000_0000,
        usize::MAX - 4096,
        usize::MAX - 9,
        usize::MAX,
    ];
    let numbers = numbers.into_iter().map(|number| number as *mut u8);
    numbers.chain([pages.none()]).collect()
}

/// A new private mapping.
pub fn map(len: usize) -> *mut u8 {
    // SAFETY: at an address of the kernel's choice, it touches nothing that exists.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
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
    start.cast()
}

/// Takes a mapping of [`map`] away.
pub fn unmap(start: *mut u8, len: usize) {
    // SAFETY: the callers hand in what they mapped, and use it no more.
    unsafe { libc::munmap(start.cast(), len) };
}

/// # Safety
///
/// Of a mapping that no Rust object lies in.
pub unsafe fn protect(start: *mut u8, len: usize, protection: i32) {
    // SAFETY: as above.
    let result = unsafe { libc::mprotect(start.cast(), len, protection) };
    assert_eq!(result, 0, "mprotect: {}", Errno::last());
}
