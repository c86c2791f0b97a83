// SPDX-License-Identifier: GPL-2.0

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::vm::{MachineOptions, finish, pass_on};
use crate::step::say;
use crate::{project, vm};

/// Opens a shell in the VM, with the modules at hand.
#[derive(Args)]
pub struct Shell {
    #[command(flatten)]
    machine: MachineOptions,
    /// Makes this folder visible, too; may be given more than once.
    #[arg(long, value_name = "DIR")]
    share: Vec<PathBuf>,
}

impl Shell {
    pub fn run(self) -> Result<ExitCode> {
        let size = vm::terminal_size()
            .context("open a shell: standard input is no terminal. For scripts there is `cargo xtask vm -- COMMAND`")?;
        let (cache, tree, mut vm) = self.machine.prepare(vec!["/bin/bash".to_owned()])?;
        let path = project::guest_path()?;
        vm.shares = self.share;
        vm.terminal = Some(size);
        // Where the modules are, so that what the manual shows can be typed as it stands.
        if let Some((_, modules)) = vm.env.iter().find(|(name, _)| name == "MYDEVICE_KO_DIR") {
            vm.cwd = modules.into();
        }
        vm.env.push(("PATH".to_owned(), path));
        say!(
            "==> Booting a shell (usually 5 s), in the folder with the modules. Load one with: insmod mydevice.ko"
        );
        say!("    The shell's end (exit, Ctrl-D) is the VM's.");
        let raw = RawTerminal::enter()?;
        let outcome = vm.run(&cache, &tree, &mut pass_on);
        drop(raw);
        Ok(finish(&outcome?))
    }
}

/// Our terminal with every key going to the guest; as it was when this is dropped.
struct RawTerminal(Termios);

impl RawTerminal {
    fn enter() -> Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin()).context("read the terminal's settings")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw)
            .context("change the terminal's settings")?;
        Ok(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}
