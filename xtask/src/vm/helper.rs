// SPDX-License-Identifier: GPL-2.0

//! Processes that live as long as the VM.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::step;

/// A helper process; it ends when this is dropped.
pub struct Helper {
    child: Child,
    log: PathBuf,
}

impl Helper {
    /// Starts it, with what it prints kept in `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("make {}", log.display()))?;
        let copy = file.try_clone().context("share a log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(copy)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start `{}`", step::show(command)))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Waits until the helper has made this file, a socket.
    pub fn wait_for(&mut self, path: &Path) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(30);
        while !path.exists() {
            if let Some(status) = self.child.try_wait().context("look after a helper")? {
                bail!("it ended with {status}:\n{}", self.output());
            }
            if Instant::now() > limit {
                bail!(
                    "it made no {} within 30 s:\n{}",
                    path.display(),
                    self.output()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// True once it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log)
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }

    /// Waits a moment for it to end by itself.
    pub fn wait_briefly(&mut self) {
        let limit = Instant::now() + Duration::from_secs(5);
        while Instant::now() < limit && !self.has_ended() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it and waits until it is gone.
    pub fn stop(&mut self) {
        // It may be gone already, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The guest is an amd64 Debian, and its programs are the host's helpers.
pub fn check_processor_arch() -> Result<()> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(()),
        other => bail!("the VM needs an amd64 (x86_64) machine, and this one is {other}"),
    }
}
