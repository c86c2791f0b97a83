// SPDX-License-Identifier: GPL-2.0

//! Running the tool.

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// How a run went.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The program, which xtask has built.
pub fn program() -> PathBuf {
    let program = std::env::var_os("MYDEVICE_CTL");
    program
        .expect("MYDEVICE_CTL is set by `cargo xtask test`")
        .into()
}

/// It with these words, and without input.
pub fn command(words: &str) -> Command {
    let mut command = Command::new(program());
    command.args(words.split_whitespace()).stdin(Stdio::null());
    command.stderr(Stdio::piped());
    command
}

/// Runs it with these words.
#[track_caller]
pub fn run(words: &str) -> Run {
    finish(Command::new(program()).args(words.split_whitespace()))
}

/// Runs it as a user who is not root.
#[track_caller]
pub fn run_as_nobody(words: &str) -> Run {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    finish(command.arg(program()).args(words.split_whitespace()))
}

#[track_caller]
fn finish(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output();
    ended(output.expect("running the tool"))
}

/// How a run went that gave this.
#[track_caller]
pub fn ended(output: Output) -> Run {
    Run {
        code: output.status.code().expect("an exit code"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// What a run that must succeed prints.
#[track_caller]
pub fn ok(words: &str) -> String {
    let run = run(words);
    assert_eq!(run.code, 0, "mydevicectl {words}: {run:?}");
    run.out
}

/// The JSON that a run that must succeed prints.
#[track_caller]
pub fn json(words: &str) -> Value {
    let out = ok(&format!("{words} --json"));
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{words}: {error} in {out}"))
}

/// A run that must fail with this code, and say each of these.
#[track_caller]
pub fn refused(words: &str, code: i32, said: &[&str]) {
    refusal(&run(words), words, code, said);
}

/// That a run failed with this code, and said each of these.
#[track_caller]
pub fn refusal(run: &Run, words: &str, code: i32, said: &[&str]) {
    assert_eq!(run.code, code, "mydevicectl {words}: {run:?}");
    for part in said {
        assert!(
            run.err.contains(part),
            "{part:?} is missing: mydevicectl {words}: {run:?}"
        );
    }
}
