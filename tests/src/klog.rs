// SPDX-License-Identifier: GPL-2.0

//! The kernel's log, read from a mark on.

use std::{
    cell::RefCell,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use mydevice_init::kernel_log::begins_report;

/// One record of the kernel's own (what user space wrote to the log is left out).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// 0 (emergency) to 7 (debug); see [`level`].
    pub level: u8,
    /// The text, without its time.
    pub text: String,
}

/// The levels that tests look for.
pub mod level {
    /// `pr_err`
    pub const ERR: u8 = 3;
    /// `pr_warn`
    pub const WARNING: u8 = 4;
    /// `pr_info`
    pub const INFO: u8 = 6;
    /// `pr_debug`
    pub const DEBUG: u8 = 7;
}

/// Words that only a kernel in trouble says, wherever they stand; how reports begin, the VM's init knows.
const REPORTS: &[&str] = &[
    "BUG:",
    "WARNING:",
    "Oops",
    "RIP:",
    "Call Trace",
    "general protection",
    "INFO: task",
    "rcu: INFO",
    "possible circular locking",
    "possible recursive locking",
    "inconsistent lock state",
    "refcount_t:",
    "KASAN",
    "KCSAN",
    "UBSAN",
    "page allocation failure",
    "vmalloc error",
    "blocked for more than",
];

/// A place in the kernel's log; [`Klog::records`] gives what was logged after it.
#[derive(Debug)]
pub struct Klog {
    kmsg: File,
    records: RefCell<Vec<Record>>,
}

impl Klog {
    /// Marks the end of the log as it is now.
    pub fn mark() -> Self {
        let mut kmsg = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .expect("opening /dev/kmsg (run the tests as root in the VM: cargo xtask test)");
        kmsg.seek(SeekFrom::End(0))
            .expect("seeking to the end of /dev/kmsg");
        Self {
            kmsg,
            records: RefCell::default(),
        }
    }

    /// What was logged since the mark; a second call gives the same and what came since.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.records.borrow_mut();
        let mut line = [0; 8192];
        loop {
            match (&self.kmsg).read(&mut line) {
                Ok(n) => records.extend(parse(&String::from_utf8_lossy(&line[..n]))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return records.clone(),
                // The ring has moved on: what was overwritten is gone.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) => panic!("reading /dev/kmsg: {error}"),
            }
        }
    }
}

/// `priority,sequence,time,flags;text`, then lines that begin with a space; None for user space's own.
fn parse(record: &str) -> Option<Record> {
    let (prefix, text) = record.split_once(';')?;
    let priority: u32 = prefix.split(',').next()?.parse().ok()?;
    let kernel_said_it = priority >> 3 == 0;
    kernel_said_it.then(|| Record {
        level: (priority & 7) as u8,
        text: text.lines().next().unwrap_or_default().to_owned(),
    })
}

/// Those of `records` that report a fault of the kernel.
pub fn reports(records: &[Record]) -> Vec<&Record> {
    records
        .iter()
        .filter(|record| {
            begins_report(&record.text) || REPORTS.iter().any(|word| record.text.contains(word))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_taken_apart() {
        let record = parse("6,339,5140900,-;NET: Registered protocol family\n SUBSYSTEM=net\n");
        assert_eq!(
            record,
            Some(Record {
                level: 6,
                text: "NET: Registered protocol family".into()
            })
        );
    }

    #[test]
    fn what_user_space_wrote_is_left_out() {
        assert_eq!(
            parse("12,340,5140900,-;mydevice: oops, said a user\n"),
            None
        );
    }

    #[test]
    fn a_report_is_noticed() {
        let said = |text: &str| Record {
            level: 4,
            text: text.into(),
        };
        let records = [
            said("mydevice: module unloaded"),
            said("WARNING: CPU: 0 PID: 1 at mm/slub.c"),
        ];
        assert_eq!(reports(&records), [&records[1]]);
    }
}
