// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading the modules under test.

use std::{
    ffi::CString,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::{
    Result,
    errno::Errno,
    kmod::{DeleteModuleFlags, ModuleInitFlags, delete_module, finit_module},
};

use crate::{
    Instance, eventually,
    guest::{entries, write_once},
    klog::{Klog, Record, reports},
    watchdog::Watchdog,
};

/// The modules, and the turn to have each of them loaded.
static HELLO: Mutex<()> = Mutex::new(());
static MYDEVICE: Mutex<()> = Mutex::new(());
static TOOLBOX: Mutex<()> = Mutex::new(());

/// A loaded module. Dropping it unloads it and checks that it leaves nothing behind and that the kernel's
/// log reports no fault.
#[derive(Debug)]
pub struct Module {
    name: &'static str,
    log: Klog,
    loaded: bool,
    _watchdog: Watchdog,
    _turn: MutexGuard<'static, ()>,
}

/// A load that the kernel refused.
#[derive(Debug)]
pub struct Refusal {
    /// What `finit_module` said.
    pub errno: Errno,
    /// What was logged meanwhile.
    pub log: Vec<Record>,
}

impl Module {
    /// Loads mydevice with `parameters`, each as `name=value`.
    #[track_caller]
    pub fn load(parameters: &[&str]) -> Self {
        match Self::try_load("mydevice", parameters) {
            Ok(module) => module,
            Err(refusal) => panic!("loading mydevice with {parameters:?}: {refusal:?}"),
        }
    }

    /// Loads mydevice whose instances are of the discipline `buffer`.
    #[track_caller]
    pub fn load_buffer() -> Self {
        Self::load(&["discipline=buffer"])
    }

    /// Loads `name` (`hello`, `mydevice` or `toolbox`) with `parameters`, or tells how that was refused.
    #[track_caller]
    pub fn try_load(name: &'static str, parameters: &[&str]) -> std::result::Result<Self, Refusal> {
        Self::load_by(name, |file| {
            let file = File::open(file)
                .unwrap_or_else(|error| panic!("opening {}: {error}", file.display()));
            let parameters = CString::new(parameters.join(" ")).expect("a parameter without NUL");
            finit_module(file, &parameters, ModuleInitFlags::empty())
        })
    }

    /// Has `loader` load the file it is given; otherwise as [`Module::try_load`].
    #[track_caller]
    pub fn load_by(
        name: &'static str,
        loader: impl FnOnce(&Path) -> Result<()>,
    ) -> std::result::Result<Self, Refusal> {
        let turn = match name {
            "hello" => &HELLO,
            "toolbox" => &TOOLBOX,
            _ => &MYDEVICE,
        };
        let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file(name);
        // What a failed test could not unload would fail every later one.
        if Path::new("/sys/module").join(name).exists() {
            unload(name).unwrap_or_else(|errno| {
                panic!("{name} is still loaded, and unloading it: {errno}")
            });
        }
        assert_nothing_left(name);

        let log = Klog::mark();
        match loader(&file) {
            Ok(()) => Ok(Self {
                name,
                log,
                loaded: true,
                _watchdog: Watchdog::watch_this_thread(),
                _turn: turn,
            }),
            Err(errno) => {
                assert_nothing_left(name);
                Err(Refusal {
                    errno,
                    log: log.records(),
                })
            }
        }
    }

    /// The instance `mydevice`.
    pub fn instance(&self) -> Instance {
        Instance::named("mydevice")
    }

    /// A parameter, as sysfs shows it.
    #[track_caller]
    pub fn parameter(&self, parameter: &str) -> String {
        let file = self.parameter_file(parameter);
        let text = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
        text.trim_end().to_owned()
    }

    /// Sets a parameter in sysfs.
    pub fn set_parameter(&self, parameter: &str, value: &str) -> Result<()> {
        write_once(&self.parameter_file(parameter), value)
    }

    /// Where sysfs shows a parameter.
    pub fn parameter_file(&self, parameter: &str) -> PathBuf {
        Path::new("/sys/module")
            .join(self.name)
            .join("parameters")
            .join(parameter)
    }

    /// What the kernel logged since just before the module was loaded.
    pub fn log(&self) -> Vec<Record> {
        self.log.records()
    }

    /// The module's own log lines since just before it was loaded.
    pub fn own_log(&self) -> Vec<Record> {
        let prefix = format!("{}: ", self.name);
        let own = |record: &Record| record.text.starts_with(&prefix);
        self.log().into_iter().filter(own).collect()
    }

    /// One attempt to unload, as `rmmod` makes it.
    pub fn try_unload(&mut self) -> Result<()> {
        unload(self.name)?;
        self.loaded = false;
        Ok(())
    }

    /// Tells that something else has unloaded it.
    pub fn was_unloaded(mut self) {
        self.loaded = false;
    }

    /// Unloads, checks as dropping does, and returns what the kernel logged from load to unload.
    #[track_caller]
    pub fn unload(mut self) -> Vec<Record> {
        self.finish();
        self.log()
    }

    #[track_caller]
    fn finish(&mut self) {
        if self.loaded {
            // A file that io_uring held is let go of a moment after its ring is closed.
            eventually("unloading the module", || match self.try_unload() {
                Err(Errno::EAGAIN) => false,
                result => {
                    result.unwrap_or_else(|errno| panic!("unloading {}: {errno}", self.name));
                    true
                }
            });
        }
        assert_nothing_left(self.name);
        let log = self.log();
        let faults = reports(&log);
        assert!(
            faults.is_empty(),
            "the kernel reports {faults:#?}\nin {log:#?}"
        );
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the kernel's log of this test: {:#?}", self.log());
            if self.loaded
                && let Err(errno) = unload(self.name)
            {
                eprintln!("{} stays loaded after this failure: {errno}", self.name);
            }
        } else {
            self.finish();
        }
    }
}

fn unload(name: &str) -> Result<()> {
    let name = CString::new(name).expect("a module name without NUL");
    delete_module(&name, DeleteModuleFlags::O_NONBLOCK)
}

/// The file of module `name`.
///
/// # Panics
///
/// Outside the VM.
pub fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("MYDEVICE_KO_DIR").unwrap_or_else(|| {
        panic!(
            "MYDEVICE_KO_DIR is not set, so this is not the VM. These tests load and unload kernel modules: \
             run them with `cargo xtask test`, which boots a VM for them"
        )
    });
    Path::new(&folder).join(name).with_extension("ko")
}

/// Everything in the system that belongs to module `name`.
pub fn traces(name: &str) -> Vec<String> {
    let mut traces = Vec::new();
    let module = PathBuf::from("/sys/module").join(name);
    traces.extend(module.exists().then(|| module.display().to_string()));
    if name == "mydevice" {
        for folder in ["/dev", "/proc", "/sys/class", "/sys/devices/virtual"] {
            let ours = entries(folder)
                .into_iter()
                .filter(|entry| entry.starts_with(name));
            traces.extend(ours.map(|entry| format!("{folder}/{entry}")));
        }
        traces.extend(major().map(|major| format!("{major} in /proc/devices")));
    }
    traces
}

#[track_caller]
fn assert_nothing_left(name: &str) {
    let traces = traces(name);
    assert!(
        traces.is_empty(),
        "{name} is not loaded, but there is {traces:?}"
    );
}

/// The driver's major number, from `/proc/devices`.
pub fn major() -> Option<u64> {
    let devices = fs::read_to_string("/proc/devices").expect("reading /proc/devices");
    devices
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .find(|(_, name)| *name == "mydevice")
        .map(|(major, _)| major.parse().expect("a major number"))
}
