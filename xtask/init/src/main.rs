// SPDX-License-Identifier: GPL-2.0

//! The first process of the test VM: mounts a Debian user land, runs one command in it, tells the
//! host how it ended. It lives in the initramfs and is linked statically.

mod job;
mod mounts;
mod ports;
mod watch;

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result};
use mydevice_init::{CONFIG_PATH, CONTROL_PORT, Config, Event, MODULES_DIR};

use crate::ports::Control;

/// How long the host has to end the VM after the last event before the guest does it itself.
const GRACE: Duration = Duration::from_secs(20);

fn main() {
    if let Err(error) = boot() {
        // No control port yet: the console is all there is. The host quotes its end.
        eprintln!("mydevice-init: {error:#}");
    }
    std::thread::sleep(GRACE);
    rustix::fs::sync();
    // PID 1 must not return: if even this fails, the kernel's panic tells the host.
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
}

fn boot() -> Result<()> {
    mounts::basic()?;
    let config: Config =
        serde_json::from_reader(File::open(CONFIG_PATH).context("open the configuration")?)
            .context("read the configuration")?;
    let control = Control::new(ports::open(CONTROL_PORT)?);
    if let Err(error) = work(&config, &control) {
        control.send(&Event::Failed(format!("{error:#}")))?;
    }
    Ok(())
}

fn work(config: &Config, control: &Control) -> Result<()> {
    let log = watch::start(control.clone())?;
    for module in &config.modules {
        load_module(module)?;
    }
    let Some(job) = &config.job else {
        return control.send(&Event::Ready);
    };
    mounts::user_land(job)?;
    let end = job::run(job, control)?;
    rustix::fs::sync();
    if let Some(text) = watch::finish(&log)? {
        control.send(&Event::Report(text))?;
    }
    control.send(&Event::Exit {
        code: end.code,
        stdout: end.stdout,
        stderr: end.stderr,
    })
}

fn load_module(name: &str) -> Result<()> {
    /// `MODULE_INIT_COMPRESSED_FILE`: the kernel unpacks the file itself.
    const COMPRESSED: i32 = 4;
    let path = format!("{MODULES_DIR}/{name}");
    let file = File::open(&path).with_context(|| format!("open {path}"))?;
    let flags = if name.ends_with(".ko") { 0 } else { COMPRESSED };
    rustix::system::finit_module(&file, c"", flags)
        .with_context(|| format!("load the module {name}"))
}
