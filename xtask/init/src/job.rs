// SPDX-License-Identifier: GPL-2.0

//! Runs the command, carries its output to the host, and reaps whatever else ends.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use mydevice_init::{Event, Job, Request, STDERR_PORT, STDOUT_PORT, TerminalSize};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::ports::{self, Control};

/// How long output may still arrive after every process was killed: one in the middle of a system
/// call that cannot be interrupted keeps its end of the pipe.
const DRAIN: Duration = Duration::from_secs(5);

/// How the command ended, and how much it wrote.
pub struct End {
    pub code: i32,
    pub stdout: u64,
    pub stderr: u64,
}

/// Runs the job's command to its end.
pub fn run(job: &Job, control: &Control) -> Result<End> {
    // What systemd gives to services, and thus what programs on Debian expect.
    let files = Rlimit {
        current: Some(1024),
        maximum: Some(524_288),
    };
    rustix::process::setrlimit(Resource::Nofile, files).context("set the limit of open files")?;
    std::fs::create_dir_all(&job.cwd)
        .and_then(|()| std::env::set_current_dir(&job.cwd))
        .with_context(|| format!("enter the current directory {}", job.cwd.display()))?;
    let stdout = ports::open(STDOUT_PORT)?;
    let stderr = ports::open(STDERR_PORT)?;
    match job.terminal {
        Some(size) => on_terminal(job, control, size, stdout),
        None => on_pipes(job, control, stdout, stderr),
    }
}

fn on_pipes(job: &Job, control: &Control, stdout: File, mut stderr: File) -> Result<End> {
    // Pipes and not the ports themselves, which only one process at a time can open: a shell's
    // `> /dev/stderr` opens again.
    let (out_reader, out_writer) = std::io::pipe().context("make a pipe")?;
    let (err_reader, err_writer) = std::io::pipe().context("make a pipe")?;
    let mut command = Command::new(&job.command[0]);
    command
        .args(&job.command[1..])
        .env_clear()
        .envs(job.env.iter().cloned())
        .process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(out_writer)
        .stderr(err_writer);
    control.send(&Event::Ready)?;
    let spawned = command.spawn();
    // It holds the writers' ends, and the pipes end when the last one is closed.
    drop(command);
    let pid = match spawned {
        Ok(child) => child.id(),
        Err(error) => {
            let text = format!("cannot run {} in the VM: {error}\n", job.command[0]);
            stderr
                .write_all(text.as_bytes())
                .context("send the error message")?;
            let code = if error.kind() == ErrorKind::NotFound {
                127
            } else {
                126
            };
            return Ok(End {
                code,
                stdout: 0,
                stderr: text.len() as u64,
            });
        }
    };
    let out = in_background(move || ports::pump(out_reader, stdout));
    let err = in_background(move || ports::pump(err_reader, stderr));
    let code = reap_until(pid)?;
    kill_the_rest();
    Ok(End {
        code,
        stdout: out.recv_timeout(DRAIN).unwrap_or(0),
        stderr: err.recv_timeout(DRAIN).unwrap_or(0),
    })
}

fn on_terminal(job: &Job, control: &Control, size: TerminalSize, port: File) -> Result<End> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).context("make a terminal")?;
    grantpt(&master)
        .and_then(|()| unlockpt(&master))
        .context("prepare the terminal")?;
    let slave = ioctl_tiocgptpeer(&master, flags).context("open the terminal")?;
    tcsetwinsize(&master, winsize(size)).context("set the terminal's size")?;
    let master = File::from(master);
    let resized = master.try_clone().context("copy the terminal")?;
    control.listen(move |Request::Resize(size)| {
        // A terminal that is going away has no size to keep.
        let _ = tcsetwinsize(&resized, winsize(size));
    })?;
    let for_stdin = slave.try_clone().context("copy the terminal")?;
    let for_stdout = slave.try_clone().context("copy the terminal")?;
    // setsid makes it the controlling terminal, so that Ctrl-C works.
    let mut command = Command::new("/usr/bin/setsid");
    command
        .args(["--ctty", "--wait"])
        .args(&job.command)
        .env_clear()
        .envs(job.env.iter().cloned());
    command.stdin(for_stdin).stdout(for_stdout).stderr(slave);
    control.send(&Event::Ready)?;
    let pid = command.spawn().context("start the shell")?.id();
    // It holds our side's copies of the terminal, which ends when the last one is closed.
    drop(command);
    let keyboard = port.try_clone().context("copy the port")?;
    let to_keyboard = master.try_clone().context("copy the terminal")?;
    std::thread::spawn(move || ports::pump(keyboard, to_keyboard));
    let out = in_background(move || ports::pump(master, port));
    let code = reap_until(pid)?;
    kill_the_rest();
    Ok(End {
        code,
        stdout: out.recv_timeout(DRAIN).unwrap_or(0),
        stderr: 0,
    })
}

fn winsize(size: TerminalSize) -> Winsize {
    Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn in_background(work: impl FnOnce() -> u64 + Send + 'static) -> mpsc::Receiver<u64> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody listens any more only when the wait was given up.
        let _ = sender.send(work());
    });
    receiver
}

/// Reaps every process that ends, and returns the exit code of this one.
fn reap_until(pid: u32) -> Result<i32> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended.as_raw_nonzero().get() as u32 == pid => {
                return Ok(match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => code,
                    (None, signal) => 128 + signal.unwrap_or(0),
                });
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for the command"),
        }
    }
}

/// Ends what the command left behind, so that its pipes close.
fn kill_the_rest() {
    // The group of process 1 is spelled -1, which kill(2) takes for every process but the caller.
    // Nothing left to kill is no error here.
    let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
}
