// SPDX-License-Identifier: GPL-2.0

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::cache::Cache;
use crate::kernels::Kernel;
use crate::vm::{Outcome, Stream, Vm};
use crate::{kbuild, kernels, recipe};

/// The exit code when the VM could not be set up or died: no status of a command in it.
pub const CANNOT_RUN: u8 = 125;

/// The processors of a VM unless told otherwise.
const CPUS: u32 = 2;

/// Boots a VM, runs a command in it as root, and exits with its exit status.
///
/// The checkout and each shared folder are there at the same path as on the host, read and write;
/// all other changes are gone afterwards. The modules lie in $MYDEVICE_KO_DIR, not loaded. Exit
/// status: the command's own; 124 after a timeout; 123 if the kernel reported a defect, whose text
/// is printed; 125 if the VM could not be set up or died.
#[derive(Args)]
pub struct VmCommand {
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Makes this folder visible, too; may be given more than once.
    #[arg(long, value_name = "DIR")]
    share: Vec<PathBuf>,
    /// Ends the command, and the VM, after that many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// What hardware to boot which kernel on; the same for every command that boots.
#[derive(Args)]
pub struct MachineOptions {
    /// The kernel to boot.
    #[arg(long, value_name = "NAME", default_value = "stock")]
    pub kernel: String,
    /// Processors of the VM.
    #[arg(long, value_name = "N", default_value_t = CPUS, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Counts instructions: one processor, and a clock that goes on by a nanosecond with each.
    #[arg(long, conflicts_with = "cpus")]
    counts: bool,
    /// Memory of the VM, such as 512M; by default 2G, and 4G for a kernel that needs more.
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    memory: Option<String>,
    /// Arguments for the kernel, beside those that it always gets, such as kmemleak=off.
    #[arg(
        long,
        value_name = "ARGUMENTS",
        default_value = "",
        hide_default_value = true
    )]
    append: String,
}

impl MachineOptions {
    /// The usual machine for that kernel.
    pub fn of(kernel: &Kernel) -> Self {
        Self {
            kernel: kernel.name.to_owned(),
            cpus: CPUS,
            counts: false,
            memory: None,
            append: String::new(),
        }
    }

    /// A VM with the modules, up to date, at hand; with what it runs on.
    pub fn prepare(&self, command: Vec<String>) -> Result<(Cache, crate::tree::Tree, Vm)> {
        let kernel = kernels::find(&self.kernel)?;
        let cache = Cache::open()?;
        let tree = recipe::tree(&cache, kernel)?;
        let modules = kbuild::modules(&cache, &tree, kernel.name)?;
        let vm = Vm {
            cpus: self.cpus,
            append: self.append.clone(),
            memory: self
                .memory
                .clone()
                .unwrap_or_else(|| kernel.memory.to_owned()),
            shares: Vec::new(),
            timeout: None,
            command,
            env: vec![
                ("MYDEVICE_KO_DIR".to_owned(), modules.display().to_string()),
                ("MYDEVICE_KERNEL".to_owned(), kernel.name.to_owned()),
                // A kernel that was built here has no folder in /lib/modules.
                (
                    "MYDEVICE_MAKE".to_owned(),
                    format!("make -C {} {}", tree.kdir().display(), tree.make.join(" ")),
                ),
            ],
            cwd: std::env::current_dir().context("find the current directory")?,
            terminal: None,
            counts: self.counts,
            profiler: None,
        };
        Ok((cache, tree, vm))
    }
}

impl VmCommand {
    pub fn run(self) -> Result<ExitCode> {
        let (cache, tree, mut vm) = self.machine.prepare(self.command)?;
        vm.shares = self.share;
        vm.timeout = self.timeout.map(Duration::from_secs);
        let outcome = vm.run(&cache, &tree, &mut pass_on)?;
        Ok(finish(&outcome))
    }
}

/// Hands the guest's output to our own.
pub fn pass_on(stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
    match stream {
        Stream::Out => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Stream::Err => std::io::stderr().lock().write_all(bytes),
    }
}

/// Says what has to be said, and makes the exit code.
pub fn finish(outcome: &Outcome) -> ExitCode {
    outcome.explain();
    ExitCode::from(outcome.code())
}

fn memory_size(text: &str) -> Result<String, String> {
    let number = text.strip_suffix(['M', 'G', 'm', 'g']).unwrap_or("");
    match number.parse::<u64>() {
        Ok(1..) => Ok(text.to_ascii_uppercase()),
        _ => Err("a size is a number with M or G behind it, such as 512M or 2G".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::memory_size;

    #[test]
    fn a_memory_size_has_a_unit() {
        assert_eq!(memory_size("512m").as_deref(), Ok("512M"));
        assert_eq!(memory_size("2G").as_deref(), Ok("2G"));
        for wrong in ["", "G", "2", "0M", "-1G", "1.5G", "2G,share=off"] {
            assert!(memory_size(wrong).is_err(), "{wrong}");
        }
    }
}
