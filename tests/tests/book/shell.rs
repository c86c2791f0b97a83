// SPDX-License-Identifier: GPL-2.0

//! A shell that commands are typed into.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use mydevice_book::console::Who;
use mydevice_tests::patience::PATIENCE;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Reads commands that end with a NUL, and says with a NUL of its own that one has ended. They are run in this shell
/// itself, so that what they set stays; their own input is empty.
const READ_AND_RUN: &str = r#"
exec 9<&0 </dev/null
while IFS= read -r -d '' -u 9 command; do
    eval "$command" 9<&-
    printf '\0'
done
"#;

/// How long a command may take: some time things that are slow on a debugging kernel.
const LIMIT: Duration = PATIENCE.saturating_mul(2);

/// The user who is not root.
const SOMEBODY: &str = "1000";

/// A running shell. It ends, with all that it started, when dropped.
#[derive(Debug)]
pub struct Shell {
    bash: Child,
    commands: PipeWriter,
    output: PipeReader,
}

impl Shell {
    /// Starts one in this folder.
    pub fn start(who: Who, folder: &Path) -> Self {
        let (input, commands) = std::io::pipe().expect("a pipe for commands");
        let (output, said) = std::io::pipe().expect("a pipe for what they print");
        let mut bash = match who {
            Who::Root => Command::new("bash"),
            Who::User => {
                let mut setpriv = Command::new("setpriv");
                setpriv.args([
                    "--reuid",
                    SOMEBODY,
                    "--regid",
                    SOMEBODY,
                    "--clear-groups",
                    "bash",
                ]);
                setpriv
            }
        };
        bash.args(["--norc", "--noprofile", "-c", READ_AND_RUN, "bash"])
            .current_dir(folder)
            .env("PATH", path())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .stdin(input)
            .stdout(said.try_clone().expect("sharing a pipe"))
            .stderr(said)
            .process_group(0);
        Self {
            bash: bash.spawn().expect("starting bash"),
            commands,
            output,
        }
    }

    /// Types a command, and returns what it prints, errors too, as somebody at a prompt sees it.
    pub fn run(&mut self, command: &str) -> Result<String, String> {
        let typed = [command.as_bytes(), b"\0"].concat();
        self.commands
            .write_all(&typed)
            .map_err(|error| format!("the shell has ended: {error}"))?;
        let start = Instant::now();
        let mut said = Vec::new();
        while said.last() != Some(&0) {
            let mut ready = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            let so_far = || String::from_utf8_lossy(&said).into_owned();
            match poll(&mut ready, PollTimeout::from(1000_u16)) {
                Ok(0) if start.elapsed() < LIMIT => continue,
                Ok(0) => {
                    return Err(format!(
                        "it has not ended after {LIMIT:?}; so far:\n{}",
                        so_far()
                    ));
                }
                Ok(_) => {}
                Err(errno) => return Err(format!("waiting for its end: {errno}")),
            }
            let mut piece = [0; 4096];
            match self.output.read(&mut piece) {
                Ok(0) => return Err(format!("it has ended the shell:\n{}", so_far())),
                Ok(n) => said.extend_from_slice(&piece[..n]),
                Err(error) => return Err(format!("reading what it prints: {error}")),
            }
        }
        said.pop();
        let said = String::from_utf8_lossy(&said);
        Ok(said.lines().map(|line| at_a_prompt(line) + "\n").collect())
    }
}

/// A shell that is no terminal's names the line of its input: `bash: line 3: echo: ...`.
fn at_a_prompt(line: &str) -> String {
    let shorter = line.strip_prefix("bash: line ").and_then(|rest| {
        let (number, rest) = rest.split_once(": ")?;
        let is_number = number.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| format!("bash: {rest}"))
    });
    shorter.unwrap_or_else(|| line.to_owned())
}

/// Where programs are looked for: the tool, those that come with the tests, and the guest's.
fn path() -> String {
    let folder = |program: PathBuf| program.parent().map(Path::to_owned).unwrap_or_default();
    let tool = std::env::var_os("MYDEVICE_CTL").expect("MYDEVICE_CTL is set by `cargo xtask test`");
    let cost = env!("CARGO_BIN_EXE_cost");
    format!(
        "{}:{}:{}",
        folder(tool.into()).display(),
        folder(cost.into()).display(),
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.bash.id() as i32);
        // Background jobs as well: nothing may have the device open afterwards.
        if let Err(errno) = killpg(group, Signal::SIGKILL) {
            eprintln!("ending the shell: {errno}");
        }
        self.bash.wait().expect("waiting for the shell");
    }
}
