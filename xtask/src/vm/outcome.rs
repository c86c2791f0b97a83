// SPDX-License-Identifier: GPL-2.0

//! How a VM's command ended, and how xtask tells.

use crate::step::say;

/// How the command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with this code.
    Exit(i32),
    /// It was still running when its time was up.
    TimedOut,
    /// The kernel reported a defect; how the command ended no longer matters.
    KernelReport(String),
    /// This process was asked to end by a signal.
    Interrupted(i32),
}

/// The exit code of a timeout, as timeout(1) has it.
pub const TIMED_OUT: u8 = 124;
/// The exit code of a kernel report.
pub const KERNEL_REPORT: u8 = 123;

impl Outcome {
    /// The exit code of `cargo xtask`.
    pub fn code(&self) -> u8 {
        match self {
            // The kernel hands out 8 bits, so this is only ever the identity.
            Self::Exit(code) => u8::try_from(*code).unwrap_or(u8::MAX),
            Self::TimedOut => TIMED_OUT,
            Self::KernelReport(_) => KERNEL_REPORT,
            Self::Interrupted(signal) => 128 | u8::try_from(*signal).unwrap_or(0),
        }
    }

    /// Says on stderr what the exit code alone does not.
    pub fn explain(&self) {
        let log = super::kernel_log_path();
        match self {
            Self::Exit(_) => {}
            Self::TimedOut => {
                say!("error: the command in the VM ran into its timeout and was ended")
            }
            Self::Interrupted(_) => say!("interrupted: the VM was ended"),
            Self::KernelReport(text) => {
                say!(
                    "error: the guest's kernel reported a defect (its whole log is in {}):\n{text}",
                    log.display()
                );
            }
        }
    }
}

/// The last lines of a text.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_code() {
        assert_eq!(Outcome::Exit(0).code(), 0);
        assert_eq!(Outcome::Exit(77).code(), 77);
        assert_eq!(Outcome::TimedOut.code(), 124);
        assert_eq!(Outcome::KernelReport(String::new()).code(), 123);
        assert_eq!(Outcome::Interrupted(2).code(), 130);
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
