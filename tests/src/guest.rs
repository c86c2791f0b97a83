// SPDX-License-Identifier: GPL-2.0

//! The guest's user land: its files, its shell, its compilers.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use nix::{
    Result,
    errno::Errno,
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{Sleeper, eventually, sleeper};

/// The names in a folder, sorted; none if there is no such folder.
pub fn entries(folder: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| {
            entry
                .expect("reading a folder")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort_unstable();
    names
}

/// Writes `text` to `file` in one call, as `echo` does, and tells what the kernel thought of it.
pub fn write_once(file: &Path, text: &str) -> Result<()> {
    let attempt = || {
        let mut file = OpenOptions::new().write(true).open(file)?;
        let n = file.write(text.as_bytes())?;
        assert_eq!(n, text.len(), "a short write of {text:?}");
        Ok(())
    };
    attempt().map_err(|error: std::io::Error| {
        Errno::from_raw(error.raw_os_error().expect("an error of the kernel's"))
    })
}

/// What one line of bash prints; it must succeed.
#[track_caller]
pub fn sh(line: &str) -> String {
    let output = try_sh(line);
    assert!(
        output.status.success(),
        "`{line}`: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// How one line of bash went.
pub fn try_sh(line: &str) -> Output {
    Command::new("bash")
        .args(["-c", line])
        .stdin(Stdio::null())
        .output()
        .expect("running bash")
}

/// Does `work` with this thread, and all that it starts, on one CPU.
pub fn on_one_cpu<T>(work: impl FnOnce() -> T) -> T {
    on_cpu(0, work)
}

/// Does `work` with this thread, and all that it starts, on the CPU of this number.
pub fn on_cpu<T>(number: usize, work: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let all = sched_getaffinity(this).expect("asking for the CPUs of this thread");
    let mut one = CpuSet::new();
    one.set(number).expect("a CPU number in range");
    sched_setaffinity(this, &one).unwrap_or_else(|errno| panic!("going to CPU {number}: {errno}"));
    let result = work();
    sched_setaffinity(this, &all).expect("going back to all CPUs");
    result
}

/// Has the calling thread run before all that are not urgent (`SCHED_FIFO`).
pub fn come_before_others() {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: the structure is valid for the call; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &priority) };
    Errno::result(result).expect("setting the scheduling of a thread");
}

/// Does `work` in a thread of its own that comes before others, and waits for its end.
pub fn urgently<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = Sleeper::start(move || {
        come_before_others();
        work()
    });
    thread.join()
}

/// A process of the guest's, in a process group of its own, which is killed when this is dropped: no process that it has
/// started is left with an open device.
#[derive(Debug)]
pub struct Process {
    child: Option<Child>,
}

impl Process {
    /// Starts `program`, whose output is kept.
    #[track_caller]
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {program}: {error}"));
        Self { child: Some(child) }
    }

    /// Its id.
    pub fn pid(&self) -> Pid {
        let child = self
            .child
            .as_ref()
            .expect("a process that was not waited for");
        Pid::from_raw(child.id() as i32)
    }

    /// Waits until it sleeps in system call number `call`.
    #[track_caller]
    pub fn asleep_in(&self, call: i64) -> &Self {
        let pid = self.pid();
        eventually("the process falls asleep in its call", || {
            sleeper::sleeps_in(pid, pid, call)
        });
        self
    }

    /// Waits until it prints this as its first line; what it prints from there on.
    #[track_caller]
    pub fn said(&mut self, expected: &str) -> BufReader<ChildStdout> {
        let child = self
            .child
            .as_mut()
            .expect("a process that was not waited for");
        let mut output = BufReader::new(child.stdout.take().expect("output that nobody has taken"));
        let mut line = String::new();
        output
            .read_line(&mut line)
            .expect("reading what a child printed");
        assert_eq!(line.trim_end(), expected, "what the process says first");
        output
    }

    /// Whether it has ended, and was not waited for yet.
    pub fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("sending a signal to a child");
    }

    /// Waits for its end; what it printed.
    #[track_caller]
    pub fn join(mut self) -> Output {
        eventually("the process ends", || self.has_ended());
        self.child
            .take()
            .expect("a process that was not waited for")
            .wait_with_output()
            .expect("reading what a child printed")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}

/// A folder with C sources, gone when dropped.
#[derive(Debug)]
pub struct Sources {
    folder: TempDir,
}

impl Sources {
    /// Writes the files, each a name and a text.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("making a folder for sources");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("writing a source file");
        }
        Self { folder }
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Builds a program of `file` with `compiler`, every warning an error, and the header at hand.
    #[track_caller]
    pub fn program(&self, compiler: &str, file: &str) -> PathBuf {
        let program = self.path().join("program");
        sh(&format!(
            "cd {} && {compiler} -Wall -Wextra -Werror -O1 -I {} -o {} {file}",
            self.path().display(),
            header_folder().display(),
            program.display(),
        ));
        program
    }
}

/// The folder of `mydevice_ioctl.h`.
pub fn header_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../uapi")
}
