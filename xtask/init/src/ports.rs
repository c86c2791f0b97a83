// SPDX-License-Identifier: GPL-2.0

//! The virtio-console ports that lead to the host.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mydevice_init::{Event, Request};

/// Opens the port of that name, which the kernel adds some time after boot.
pub fn open(name: &str) -> Result<File> {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(device) = find(name)? {
            let path = format!("/dev/{device}");
            return OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .with_context(|| format!("open {path} ({name})"));
        }
        if Instant::now() > limit {
            bail!("the VM has no virtio-console port named {name}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn find(name: &str) -> Result<Option<String>> {
    // The class folder itself comes with the driver.
    let Ok(entries) = fs::read_dir("/sys/class/virtio-ports") else {
        return Ok(None);
    };
    for entry in entries {
        let entry = entry.context("list the virtio-console ports")?;
        // A port without a name yet is one that is still being set up.
        if fs::read_to_string(entry.path().join("name")).is_ok_and(|n| n.trim_end() == name) {
            return Ok(Some(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Copies until the source ends, and returns the number of bytes.
///
/// Reading from a terminal's other side gives EIO once the last process has closed it: that is its
/// way to end.
pub fn pump(mut from: impl Read, mut to: impl Write) -> u64 {
    let mut buffer = [0; 32 * 1024];
    let mut total = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return total,
            Ok(n) if to.write_all(&buffer[..n]).is_ok() => total += n as u64,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            _ => return total,
        }
    }
}

/// The way to tell the host something. Clones share one port.
#[derive(Clone)]
pub struct Control(Arc<Mutex<File>>);

impl Control {
    pub fn new(port: File) -> Self {
        Self(Arc::new(Mutex::new(port)))
    }

    /// Sends one event as a line.
    pub fn send(&self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event).context("encode an event")?;
        line.push(b'\n');
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        port.write_all(&line).context("tell the host")
    }

    /// Calls `handle` with each request of the host, on a thread of its own.
    pub fn listen(&self, handle: impl Fn(Request) + Send + 'static) -> Result<()> {
        let port = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_clone()
            .context("copy the control port")?;
        std::thread::spawn(move || {
            for line in BufReader::new(port).lines().map_while(Result::ok) {
                if let Ok(request) = serde_json::from_str(&line) {
                    handle(request);
                }
            }
        });
        Ok(())
    }
}
