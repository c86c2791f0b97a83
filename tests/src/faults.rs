// SPDX-License-Identifier: GPL-2.0

//! Allocations and user copies that fail, one at a time: the kernel's fault injection.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use nix::errno::Errno;

/// The faults of the thread that made it (`fail-nth`); other threads and kernel threads have none.
#[derive(Debug)]
pub struct Faults {
    file: File,
}

/// A call that met no fault is reached after far fewer than this many.
const MANY: u32 = 1_000_000;

/// Failing slab allocations, page allocations and user copies, as debugfs sets them.
const KINDS: [(&str, &[&str]); 3] = [
    ("failslab", &["ignore-gfp-wait"]),
    ("fail_page_alloc", &["ignore-gfp-wait", "min-order"]),
    ("fail_usercopy", &[]),
];

impl Faults {
    /// Those of this thread.
    ///
    /// # Panics
    ///
    /// On a kernel that injects none.
    pub fn of_this_thread() -> Self {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth")
            .expect(
                "this kernel injects no faults; one that does: cargo xtask test --kernel debug",
            );
        for (kind, off) in KINDS {
            let folder = Path::new("/sys/kernel/debug").join(kind);
            // No stack of each fault in the log.
            for setting in off.iter().chain(&["verbose"]) {
                let file = folder.join(setting);
                fs::write(&file, "0")
                    .unwrap_or_else(|error| panic!("setting {}: {error}", file.display()));
            }
        }
        Self { file }
    }

    /// Does `work`, in which the `nth` of all allocations and copies fails. Tells whether there were so many.
    pub fn fail<T>(&self, nth: u32, work: impl FnOnce() -> T) -> (T, bool) {
        let nth = nth.to_string();
        self.file
            .write_all_at(nth.as_bytes(), 0)
            .expect("setting fail-nth");
        let result = work();
        (result, self.left() == Some(0))
    }

    /// Does `work`, and counts its allocations and copies, the more or less constant number of a few of ours included.
    pub fn count(&self, work: impl FnOnce()) -> u32 {
        self.file
            .write_all_at(MANY.to_string().as_bytes(), 0)
            .expect("setting fail-nth");
        work();
        MANY - self.left().expect("fewer than so many")
    }

    /// How many were left until the one that fails, none if that is not known; there is none after this.
    fn left(&self) -> Option<u32> {
        let mut text = [0; 16];
        // The copy of this very call may be the one that fails. Then the work had none.
        let left = self.file.read_at(&mut text, 0).ok().map(|n| {
            let text = String::from_utf8_lossy(&text[..n]);
            text.trim().parse().expect("a number in fail-nth")
        });
        while self.file.write_at(b"0", 0).is_err() {}
        left
    }

    /// Does `work` again and again, with the first, the second, ... fault, until it is through before the fault comes.
    /// `before` prepares each time; `after` checks, and is told what came out and whether there was a fault.
    pub fn each<S, T>(
        &self,
        what: &str,
        mut before: impl FnMut() -> S,
        mut work: impl FnMut(&S) -> T,
        mut after: impl FnMut(S, T, bool),
    ) {
        for nth in 1..MANY {
            let prepared = before();
            let (result, failed) = self.fail(nth, || work(&prepared));
            after(prepared, result, failed);
            if !failed {
                println!("{what}: {} faults", nth - 1);
                assert!(nth > 1, "{what}: a call without allocation and copy");
                return;
            }
        }
    }
}

/// Whether this is what an injected fault makes of a call: no memory, or a bad address.
pub fn is_fault(errno: Errno) -> bool {
    matches!(errno, Errno::ENOMEM | Errno::EFAULT)
}
