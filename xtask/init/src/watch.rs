// SPDX-License-Identifier: GPL-2.0

//! Watches the kernel's log for reports of defects while the command runs.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use mydevice_init::Event;
use mydevice_init::kernel_log::{Scanner, kernel_text};
use rustix::fs::OFlags;

use crate::ports::Control;

/// How often the log is looked at in between; [`finish`] never misses anything.
const INTERVAL: Duration = Duration::from_millis(250);

/// The kernel's log from its first record on, and what was found in it.
pub struct Watch {
    log: File,
    scanner: Scanner,
}

/// Begins to watch. A report is passed on at once, in case the guest does not live to the end.
pub fn start(control: Control) -> Result<Arc<Mutex<Watch>>> {
    let log = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open("/dev/kmsg")
        .context("open the kernel log")?;
    let watch = Arc::new(Mutex::new(Watch {
        log,
        scanner: Scanner::new(),
    }));
    let shared = Arc::clone(&watch);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(INTERVAL);
            let mut watch = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let known = watch.scanner.reports();
            if watch.drain().is_err() {
                // `finish` meets the same error and says so.
                return;
            }
            if watch.scanner.reports() > known
                && let Some(text) = watch.scanner.text()
                && control.send(&Event::Report(text)).is_err()
            {
                return;
            }
        }
    });
    Ok(watch)
}

/// Reads what is left and returns all reports, if there were any.
pub fn finish(watch: &Mutex<Watch>) -> Result<Option<String>> {
    let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    watch.drain().context("read the kernel log")?;
    Ok(watch.scanner.text())
}

impl Watch {
    fn drain(&mut self) -> std::io::Result<()> {
        // The kernel gives one record a read, and none is longer than this.
        let mut record = [0; 8192];
        loop {
            match self.log.read(&mut record) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    if let Some(text) = kernel_text(&String::from_utf8_lossy(&record[..n])) {
                        self.scanner.push(text);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Records were overwritten before they were read: go on with the oldest.
                Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => {}
                Err(e) => return Err(e),
            }
        }
    }
}
