// SPDX-License-Identifier: GPL-2.0

//! Processes whose memory is counted, and limited.

use std::{fs, thread::sleep, time::Duration};

use crate::{
    eventually,
    guest::{Process, sh, try_sh},
    kmemleak,
};

/// A control group with a memory limit, gone when dropped.
#[derive(Debug)]
pub struct MemoryGroup;

impl MemoryGroup {
    /// Where its files are.
    pub const FOLDER: &str = "/sys/fs/cgroup/mydevice-tests";

    /// With a limit, as `memory.max` takes it.
    #[track_caller]
    pub fn new(limit: &str) -> Self {
        sh(&format!(
            "echo +memory > /sys/fs/cgroup/cgroup.subtree_control && mkdir {0} && echo {limit} > {0}/memory.max",
            Self::FOLDER
        ));
        Self
    }

    /// What one of its files says.
    #[track_caller]
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("{}/{name}", Self::FOLDER)).expect("reading a file of the group")
    }

    /// The bytes that are charged to it.
    #[track_caller]
    pub fn charged(&self) -> u64 {
        let text = self.file("memory.current");
        text.trim().parse().expect("a number of bytes")
    }

    /// The bytes of the kernel's own that are charged to it: without its processes' memory and the files they read.
    #[track_caller]
    pub fn kernel(&self) -> u64 {
        let text = self.file("memory.stat");
        let line = text.lines().find_map(|line| line.strip_prefix("kernel "));
        line.and_then(|bytes| bytes.parse().ok())
            .expect("a number of bytes")
    }

    /// Runs a line of bash in the group; what it prints.
    #[track_caller]
    pub fn sh(&self, line: &str) -> String {
        sh(&format!(
            "echo $$ > {}/cgroup.procs && {line}",
            Self::FOLDER
        ))
    }

    /// Starts a line of bash in the group.
    #[track_caller]
    pub fn start(&self, line: &str) -> Process {
        let line = format!("echo $$ > {}/cgroup.procs && {line}", Self::FOLDER);
        Process::start("bash", &["-c", &line])
    }

    /// Freezes its processes, or lets them go on; returns when that has happened.
    #[track_caller]
    pub fn freeze(&self, frozen: bool) {
        let state = u8::from(frozen);
        sh(&format!("echo {state} > {}/cgroup.freeze", Self::FOLDER));
        let line = format!("frozen {state}");
        eventually("the group is frozen, or is not any more", || {
            self.file("cgroup.events").lines().any(|said| said == line)
        });
    }

    /// Runs lines of Python in the group, with the device as `fd`; what they print.
    #[track_caller]
    pub fn python(&self, line: &str) -> String {
        self.sh(&format!(
            "exec python3 -c \"import errno, fcntl, os, struct\n\
             fd = os.open('/dev/mydevice', os.O_RDWR)\n{line}\""
        ))
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Its last process may be on its way out. What is left is in the way of the next test alone, and told by that.
        let gone = || try_sh(&format!("rmdir {}", Self::FOLDER)).status.success();
        for _ in 0..100 {
            if gone() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
    }
}

/// How many times the memory that was asked for a kernel may charge: a debugging kernel puts marks around each
/// allocation.
pub fn marks() -> u64 {
    if kmemleak::is_there() { 3 } else { 1 }
}
