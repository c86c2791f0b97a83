// SPDX-License-Identifier: GPL-2.0

//! Finding the kernel's own reports of defects in its log.
//!
//! Reports begin in a few known ways, always at the beginning of a record, which keeps out records
//! that merely quote such words (a refused module parameter, a process name). Records that user
//! space wrote into `/dev/kmsg` are told apart by their facility, see [`kernel_text`].

/// How a record begins that no healthy kernel prints.
const BEGINNINGS: &[&str] = &[
    "------------[ cut here ]",
    "BUG:",
    "BUG ",
    "[ BUG:",
    "WARNING:",
    "kernel BUG at",
    "Oops",
    "Kernel panic",
    "PANIC:",
    "Internal error",
    "general protection fault",
    "Unable to handle kernel",
    "divide error:",
    "invalid opcode:",
    "stack segment:",
    "double fault:",
    "unchecked MSR access error",
    "INFO: task ",
    "INFO: possible ",
    "INFO: inconsistent ",
    "INFO: rcu",
    "INFO: trying to register non-static key",
    "INFO: lockdep is turned off",
    "possible deadlock",
    "rcu: INFO:",
    "rcu: rcu_",
    "watchdog: BUG:",
    "watchdog: CPU",
    "UBSAN:",
    "KASAN:",
    "KCSAN:",
    "kmemleak: ",
    "ODEBUG:",
    "kmem_cache_destroy",
    "refcount_t:",
    "list_add corruption",
    "list_del corruption",
    "sysfs: cannot create duplicate filename",
    "kobject_add_internal failed",
    "DEBUG_LOCKS_WARN_ON",
    "Fixing recursive fault",
    "unwind stack type",
    "rust_kernel: panicked at",
];

/// Records that begin like a report and are none.
const HARMLESS: &[&str] = &[
    "kmemleak: Kernel memory leak detector initialized",
    "kmemleak: Automatic memory scanning",
    "kmemleak: Memory pool",
    // An allocation of its own was made to fail, and it does without.
    "kmemleak: Cannot allocate a scan area",
    "rcu: rcu_preempt: ",
];

/// How the kernel says that it does not look for lost memory: from here on it finds nothing, which must not look like
/// nothing to find.
const NO_KMEMLEAK: &str = "kmemleak: Kernel memory leak detector disabled";

/// What may stand anywhere in a record of the kernel and is a warning of its memory management.
const ANYWHERE: &[&str] = &[": page allocation failure: order:"];

/// Lines kept of one report; lockdep's longest ones stay below it.
const LINES_PER_REPORT: usize = 160;
/// Lines kept in all: a kernel that warns in a loop must not fill the host's memory.
const LINES_IN_ALL: usize = 1000;

/// Says whether a record's text is the beginning of a report.
pub fn begins_report(text: &str) -> bool {
    let text = text.trim_start();
    (BEGINNINGS.iter().any(|b| text.starts_with(b))
        && !HARMLESS.iter().any(|h| text.starts_with(h)))
        || ANYWHERE.iter().any(|a| text.contains(a))
}

/// Collects the reports out of a log that is fed in record by record.
#[derive(Debug, Default)]
pub struct Scanner {
    lines: Vec<String>,
    left: usize,
    reports: usize,
    /// The kernel was told not to look for lost memory.
    no_kmemleak: bool,
}

impl Scanner {
    /// A scanner that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the text of one record; returns true if a report begins with it.
    pub fn push(&mut self, text: &str) -> bool {
        // Which is said before the arguments are obeyed.
        if let Some(arguments) = text.strip_prefix("Command line: ") {
            self.no_kmemleak |= arguments.split(' ').any(|word| word == "kmemleak=off");
        }
        let asked_for = self.no_kmemleak && text.starts_with(NO_KMEMLEAK);
        let begins = self.left == 0 && begins_report(text) && !asked_for;
        if begins {
            self.left = LINES_PER_REPORT;
            self.reports += 1;
        }
        if self.left > 0 {
            self.left -= 1;
            if self.lines.len() < LINES_IN_ALL {
                self.lines.push(text.to_owned());
            }
            if text.starts_with("---[ end ") {
                self.left = 0;
            }
        }
        begins
    }

    /// How many reports there were.
    pub fn reports(&self) -> usize {
        self.reports
    }

    /// The text of all reports, or nothing if the kernel was content.
    pub fn text(&self) -> Option<String> {
        (self.reports > 0).then(|| self.lines.join("\n"))
    }
}

/// The text of a `/dev/kmsg` record, if the kernel wrote it and not user space.
///
/// A record reads `priority,sequence,microseconds,flags[,...];text`, then indented key=value lines.
/// The kernel stamps what user space writes with a facility other than 0.
pub fn kernel_text(record: &str) -> Option<&str> {
    let (head, rest) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    (priority >> 3 == 0).then(|| rest.lines().next().unwrap_or(""))
}

/// The text of a line of the serial console: `[    1.234567] text`, the stamp taken off.
pub fn console_text(line: &str) -> &str {
    let line = line.trim_end();
    match line.strip_prefix('[').and_then(|l| l.split_once(']')) {
        Some((stamp, text)) if stamp.trim().parse::<f64>().is_ok() => {
            text.strip_prefix(' ').unwrap_or(text)
        }
        _ => line,
    }
}

/// The reports in a whole console log.
pub fn scan_console(log: &str) -> Option<String> {
    let mut scanner = Scanner::new();
    for line in log.lines() {
        scanner.push(console_text(line));
    }
    scanner.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_log_has_no_report() {
        let log = "[    0.000000] Linux version 7.3.4\n\
                   [    1.5] hello: loading out-of-tree module taints kernel.\n\
                   [    1.6] hello: module verification failed: signature and/or required key missing - tainting kernel\n\
                   [    1.7] BUGs and WARNINGs are words, too\n\
                   [    1.7] mydevice: discipline=BUG: is not one of stream, buffer\n\
                   [    1.8] traps: python3[77] general protection fault ip:1 sp:2 error:0\n\
                   [    1.9] python3[78]: segfault at 0 ip 1 sp 2 error 4\n\
                   [    2.0] rcu: rcu_preempt: Adjusting\n\
                   [    2.1] debug: unmapping init\n\
                   [    2.2] kmemleak: Kernel memory leak detector initialized (mem pool available: 39000)\n\
                   [    2.3] kmemleak: Automatic memory scanning thread started\n\
                   [    2.4] FAULT_INJECTION: forcing a failure.\n";
        assert_eq!(scan_console(log), None);
    }

    #[test]
    fn a_warning_is_taken_from_cut_to_end() {
        let log = "[    1.0] before\n\
                   [    2.0] ------------[ cut here ]------------\n\
                   [    2.0] WARNING: CPU: 0 PID: 1 at kernel/foo.c:1 bar+0x1/0x2\n\
                   [    2.0] ---[ end trace 0000000000000000 ]---\n\
                   [    3.0] after\n";
        let text = scan_console(log).expect("a report");
        assert!(
            text.contains("kernel/foo.c:1") && !text.contains("before") && !text.contains("after")
        );
    }

    #[test]
    fn each_kind_is_known() {
        for text in [
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "BUG: KASAN: slab-use-after-free in x",
            "BUG kmalloc-64 (Tainted: G): Objects remaining",
            "Oops: Oops: 0002 [#1] SMP NOPTI",
            "Kernel panic - not syncing: Attempted to kill init!",
            "WARNING: possible circular locking dependency detected",
            "WARNING: bad unlock balance detected!",
            "WARNING: suspicious RCU usage",
            "[ BUG: Invalid wait context ]",
            "BUG: sleeping function called from invalid context at x.c:1",
            "BUG: MAX_LOCKDEP_ENTRIES too low!",
            "ODEBUG: free active (active state 0) object: 1 object type: work_struct hint: x+0x0/0x1",
            "INFO: task cat:55 blocked for more than 61 seconds.",
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [dd:99]",
            "UBSAN: array-index-out-of-bounds in x.c:1:2",
            "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            super::NO_KMEMLEAK,
            "ODEBUG: Out of memory. ODEBUG disabled",
            "dd: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL)",
            "rust_kernel: panicked at rust/kernel/x.rs:1:1:",
        ] {
            assert!(begins_report(text), "{text}");
        }
    }

    #[test]
    fn what_user_space_wrote_into_the_log_is_passed_over() {
        assert_eq!(
            kernel_text("4,1,2,-;WARNING: x\n SUBSYSTEM=y"),
            Some("WARNING: x")
        );
        assert_eq!(kernel_text("12,1,2,-;WARNING: x"), None);
        assert_eq!(kernel_text("nonsense"), None);
    }

    #[test]
    fn what_was_asked_for_is_no_report() {
        let mut scanner = Scanner::new();
        scanner.push("Command line: console=ttyS0 kmemleak=off rdinit=/init");
        assert!(!scanner.push(NO_KMEMLEAK));
        let mut scanner = Scanner::new();
        scanner.push("Command line: console=ttyS0 rdinit=/init");
        assert!(scanner.push(NO_KMEMLEAK));
    }

    #[test]
    fn a_flood_of_reports_is_counted_and_cut() {
        let mut scanner = Scanner::new();
        for _ in 0..5000 {
            scanner.push("------------[ cut here ]------------");
            scanner.push("---[ end trace 0000000000000000 ]---");
        }
        assert_eq!(scanner.reports(), 5000);
        assert_eq!(
            scanner.text().map(|t| t.lines().count()),
            Some(LINES_IN_ALL)
        );
    }
}
