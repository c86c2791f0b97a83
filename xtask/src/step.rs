// SPDX-License-Identifier: GPL-2.0

//! Running other programs so that a person can follow: what happens, how long it usually takes, a
//! sign of life, and on failure the end of the output and what to do.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::interrupt;

/// How often a long step gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How much of the output is shown when a step fails.
const TAIL_LINES: usize = 25;

/// Says something about the progress. All of it goes to stderr: stdout belongs to the command.
macro_rules! say {
    ($($arg:tt)*) => { eprintln!("{}", format_args!($($arg)*)) };
}
pub(crate) use say;

/// Runs a long step; its output goes to `log`.
pub fn run(title: &str, usual: &str, log: &Path, command: &mut Command) -> Result<()> {
    interrupt::check()?;
    say!("==> {title} (usually {usual})");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("open the log {}", log.display()))?;
    writeln!(file, "\n==> {title}\n$ {}", show(command)).context("write the log")?;
    let begin = file.metadata().context("look at the log")?.len();
    let both = || file.try_clone().context("share the log");
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(both()?)
        .stderr(both()?)
        .spawn()
        .with_context(|| cannot_start(command))?;
    let mut next = start + HEARTBEAT;
    let status = loop {
        if let Some(status) = child.try_wait().context("wait for the step")? {
            break status;
        }
        if interrupt::asked() {
            interrupt::end_with_descendants(child.id());
            child.wait().context("wait for the step to end")?;
            interrupt::check()?;
        }
        std::thread::sleep(Duration::from_millis(50));
        if Instant::now() >= next {
            next += HEARTBEAT;
            say!(
                "    {} s: {}",
                start.elapsed().as_secs(),
                last_lines(log, begin, 1)
            );
        }
    };
    // Ctrl-C may have ended the step before we saw it.
    interrupt::check()?;
    if status.success() {
        say!("    done in {} s", start.elapsed().as_secs());
        return Ok(());
    }
    let tail = last_lines(log, begin, TAIL_LINES);
    let whole = format!("\nThe whole of it is in {}.", log.display());
    Err(failure(title, command, status, &tail, &whole))
}

/// Runs a short step; its output is only shown when it fails.
pub fn quiet(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs a short step and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let both = text(&output.stdout) + &text(&output.stderr);
    Err(failure(
        "a helper program",
        command,
        output.status,
        both.trim_end(),
        "",
    ))
}

/// Runs a command whose output the user is to see as it comes.
pub fn shown(command: &mut Command) -> Result<ExitStatus> {
    command
        .stdin(Stdio::null())
        .status()
        .with_context(|| cannot_start(command))
}

fn failure(
    title: &str,
    command: &Command,
    status: ExitStatus,
    tail: &str,
    whole: &str,
) -> anyhow::Error {
    let advice = advice(tail).map(|a| format!("\n{a}")).unwrap_or_default();
    let (command, tail) = (show(command), indent(tail));
    anyhow!(
        "{title} failed: `{command}` ended with {status}. The end of its output:\n{tail}{whole}{advice}"
    )
}

fn cannot_start(command: &Command) -> String {
    format!("start `{}`: is the program installed?", show(command))
}

/// What to do about the failures that are not ours.
fn advice(output: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|w| output.contains(w));
    if has(&[
        "No space left on device",
        "You don't have enough free space",
        "not have enough free space",
    ]) {
        Some(
            "The disk is full. Free some room, or put the cache elsewhere: MYDEVICE_CACHE=/a/larger/disk",
        )
    } else if has(&[
        "Could not resolve",
        "Temporary failure resolving",
        "Could not connect",
        "Unable to connect",
        "Connection failed",
        "Connection timed out",
        "Connection refused",
        "does not have a Release file",
        "404  Not Found",
    ]) {
        Some(
            "The Debian archive cannot be reached. Check the network and the proxy (http_proxy), or name another mirror:\n\
             MYDEVICE_MIRROR=http://HOST/debian MYDEVICE_SECURITY_MIRROR=http://HOST/debian-security",
        )
    } else if has(&["NO_PUBKEY", "is not signed", "no public key", "Missing key"]) {
        Some(
            "The keys of Debian's archive are missing or too old here. Update the package debian-archive-keyring.",
        )
    } else if has(&[
        "Could not get lock",
        "Unable to acquire the dpkg frontend lock",
    ]) {
        Some("Another program is installing packages. Wait until it is done, then run this again.")
    } else if has(&[
        "a password is required",
        "is not in the sudoers file",
        "may not run sudo",
    ]) {
        Some(
            "This user may not use sudo here. Run this as root, or have the user allowed to use sudo.",
        )
    } else if has(&["Operation not permitted", "Permission denied"]) {
        Some(
            "A permission is missing. In a container, chroot and mknod must be allowed (they are by default).",
        )
    } else {
        None
    }
}

/// The command as one could type it, more or less.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|w| w.to_string_lossy()).collect();
    words.join(" ")
}

fn last_lines(log: &Path, begin: u64, count: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text =
        String::from_utf8_lossy(bytes.get(begin as usize..).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn indent(text: &str) -> String {
    text.lines()
        .map(|l| format!("    | {l}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_shows_its_last_words_and_the_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo first; echo E: Could not resolve deb.example >&2; exit 3",
        ]);
        let error = format!(
            "{:#}",
            run("Fetching", "1 s", &log, &mut command).expect_err("it fails")
        );
        assert!(error.contains("Could not resolve deb.example"), "{error}");
        assert!(
            error.contains("MYDEVICE_MIRROR") && error.contains(&*log.to_string_lossy()),
            "{error}"
        );
        assert!(fs::read_to_string(&log).expect("the log").contains("first"));
    }

    #[test]
    fn the_output_of_a_quiet_step_is_returned() {
        let text =
            output(Command::new("sh").args(["-c", "echo one; echo two >&2"])).expect("it works");
        assert_eq!(text, "one\n");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = format!(
            "{:#}",
            quiet(&mut Command::new("no-such-program-here")).expect_err("it is missing")
        );
        assert!(error.contains("no-such-program-here"), "{error}");
    }
}
