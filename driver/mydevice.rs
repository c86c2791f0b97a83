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
//! | `registry` | the instances that have names; the commands that add and remove them |
//! | `instance` | one queue: its state, its lock, who sleeps and who is woken; read, write and overhaul |
//! | `discipline` | the rules by which data is stored and handed out, a file each |
//! | `queue` | positions, claims and counters: plain logic, tested on the host |
//! | `kapi` | safe wrappers over kernel interfaces, the only home of `unsafe` |
//!
//! Calls go one way: entry points (`file`, `control`, `attributes`, `proc`, `registry`) call the instance, the instance
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
mod registry;

use instance::Settings;
use kapi::{
    class::{Class, CommandFile},
    module::wait_for_users,
};
use registry::{AddCommand, Registry, RemoveCommand};

module! {
    type: MyDevice,
    name: "mydevice",
    authors: ["The mydevice authors"],
    description: "Memory-backed queues in /dev",
    license: "GPL",
}
kapi::modinfo::modinfo!("version", "0.1.0");

/// Everything the module has made. Dropping it unmakes it, in the order of the fields.
struct MyDevice {
    _add: CommandFile<AddCommand>,
    _remove: CommandFile<RemoveCommand>,
    _registry: Arc<Registry>,
}

impl kernel::Module for MyDevice {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // Where this fails late, somebody may have opened a node already.
        Self::make().inspect_err(|_| wait_for_users::<LocalModule>())
    }
}

impl MyDevice {
    fn make() -> Result<Self> {
        let class = Arc::new(Class::new(c"mydevice_class")?, GFP_KERNEL)?;
        let registry = Registry::new(&class)?;
        let mut names = KVec::new();
        for number in 0..params::devices() {
            let name = match number {
                0 => CString::try_from_fmt(fmt!("mydevice"))?,
                _ => CString::try_from_fmt(fmt!("mydevice{number}"))?,
            };
            names.push(name, GFP_KERNEL)?;
        }
        // The nodes come last: what can fail before them, fails before anybody can open one, and whoever hears of a node
        // finds the commands.
        let made = Self::commands(&class, &registry).and_then(|commands| {
            registry
                .publish(
                    &names,
                    &Settings::new(params::discipline()),
                    params::split(),
                )
                .inspect_err(|error| pr_err!("no instances: {error:?}\n"))?;
            Ok(commands)
        });
        // Where it failed, the commands have gone, but what somebody has added by them is still there.
        let (add, remove) = made.inspect_err(|_| registry.kill())?;
        pr_info!("registered major={} minor=0\n", registry.major());
        Ok(Self {
            _add: add,
            _remove: remove,
            _registry: registry,
        })
    }

    fn commands(
        class: &Arc<Class>,
        registry: &Arc<Registry>,
    ) -> Result<(CommandFile<AddCommand>, CommandFile<RemoveCommand>)> {
        let add = CommandFile::new(class, registry.clone())?;
        Ok((add, CommandFile::new(class, registry.clone())?))
    }
}

impl Drop for MyDevice {
    fn drop(&mut self) {
        pr_info!("module unloaded\n");
    }
}
