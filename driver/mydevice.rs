// SPDX-License-Identifier: GPL-2.0

//! Memory-backed queues in `/dev`.
//!
//! Data written by one process waits in the kernel, outlives the processes on both sides, and is read by
//! another.
//!
//! | file | what it is |
//! | --- | --- |
//! | `mydevice` | the module: what it owns |
//! | `params` | the module's parameters |
//! | `file` | an open file: the file operations |
//! | `control` | the ioctl commands |
//! | `attributes` | an instance's files in sysfs |
//! | `proc` | `/proc/<name>` |
//! | `instance` | one queue: its state, its lock, who sleeps and who is woken; read, write and overhaul |
//! | `discipline` | the rules by which data is stored and handed out, a file each |
//! | `queue` | positions, claims and counters: plain logic, tested on the host |
//! | `kapi` | safe wrappers over kernel interfaces, the only home of `unsafe` |
//!
//! Calls go one way: entry points (`file`, `control`, `attributes`, `proc`) call the instance, the instance
//! calls its discipline, a discipline calls the queue logic.

#![deny(unsafe_code)]
// A panic takes the machine down: nothing may get near one.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used
)]

use kernel::{prelude::*, str::CString, sync::Arc};

mod attributes;
mod control;
mod discipline;
mod file;
mod instance;
#[allow(unsafe_code)]
mod kapi;
mod params;
mod proc;
mod queue;

use instance::Instance;
use kapi::device::{Class, Numbers, Registration};

module! {
    type: MyDevice,
    name: "mydevice",
    authors: ["The mydevice authors"],
    description: "Memory-backed queues in /dev",
    license: "GPL",
}
kapi::modinfo::modinfo!("version", "0.1.0");

/// The most instances there can be: as many minor numbers are reserved.
const MAX_INSTANCES: u32 = 256;

/// Everything the module has made. Dropping it unmakes it, in the order of the fields.
struct MyDevice {
    _published: KVec<Published>,
    _class: Arc<Class>,
    _numbers: Numbers,
}

/// An instance that the world can see.
struct Published {
    _device: Registration<file::OpenFile>,
    _proc: kapi::proc::Entry<proc::Summary>,
}

impl kernel::Module for MyDevice {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let numbers = Numbers::new(c"mydevice", MAX_INSTANCES)?;
        let class = Arc::new(Class::new(c"mydevice_class")?, GFP_KERNEL)?;

        let mut published = KVec::new();
        for minor in 0..params::devices() {
            let name = match minor {
                0 => CString::try_from_fmt(fmt!("mydevice"))?,
                _ => CString::try_from_fmt(fmt!("mydevice{minor}"))?,
            };
            let device = publish(&class, &numbers, minor, name)?;
            published.push(device, GFP_KERNEL)?;
        }

        pr_info!("registered major={} minor=0\n", numbers.major());
        Ok(Self {
            _published: published,
            _class: class,
            _numbers: numbers,
        })
    }
}

impl Drop for MyDevice {
    fn drop(&mut self) {
        pr_info!("module unloaded\n");
    }
}

/// Makes an instance with the parameters' capacity and discipline, its `/proc` entry and its node.
///
/// The node comes last: what can fail before it, fails before anybody can open it.
fn publish(class: &Arc<Class>, numbers: &Numbers, minor: u32, name: CString) -> Result<Published> {
    let instance = Instance::new(name, params::discipline(), params::capacity())?;
    let proc = kapi::proc::Entry::new(instance.name(), instance.clone())?;
    let device = Registration::new::<attributes::All>(
        class,
        numbers,
        minor,
        instance.name(),
        instance.clone(),
    )
    .inspect_err(|error| pr_err!("{}: no device: {:?}\n", instance.label(), error))?;
    Ok(Published {
        _device: device,
        _proc: proc,
    })
}
