// SPDX-License-Identifier: GPL-2.0

//! What is known of a guest while it runs, and what that makes of its end.

use std::time::{Duration, Instant};

use mydevice_init::Event;

use super::link::Stream;
use super::outcome::Outcome;

/// How long a guest may take until its command starts. A healthy one takes 5 seconds.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// How long output may still be on its way after the guest has said that all of it is sent.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// How following a guest ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// As it should: with an outcome of the command.
    Outcome(Outcome),
    /// The guest is gone or hangs, for this reason. Its console may know more, and otherwise there
    /// is what the guest reported before.
    Died(String, Option<String>),
}

/// What is known of a guest so far.
#[derive(Debug)]
pub struct State {
    ready: bool,
    deadline: Option<Instant>,
    timeout: Option<Duration>,
    report: Option<String>,
    exit: Option<(i32, u64, u64)>,
    received: [u64; 2],
}

impl State {
    /// A guest that was started just now, and how long its command may run.
    pub fn booting(timeout: Option<Duration>) -> Self {
        let deadline = Some(Instant::now() + BOOT_LIMIT);
        Self {
            ready: false,
            deadline,
            timeout,
            report: None,
            exit: None,
            received: [0; 2],
        }
    }

    /// When patience ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes note of output.
    pub fn count(&mut self, stream: Stream, bytes: usize) {
        self.received[stream as usize] += bytes as u64;
    }

    /// Takes note of what the guest says.
    pub fn event(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Ready => {
                self.ready = true;
                self.deadline = self.timeout.map(|t| Instant::now() + t);
            }
            Event::Report(text) => self.report = Some(text),
            Event::Exit {
                code,
                stdout,
                stderr,
            } => {
                self.exit = Some((code, stdout, stderr));
                self.deadline = Some(Instant::now() + DRAIN_LIMIT);
            }
            Event::Failed(why) => anyhow::bail!("the guest could not do its job: {why}"),
        }
        Ok(())
    }

    /// The outcome, once the command has ended and all its output is here.
    pub fn complete(&self) -> Option<End> {
        let (code, stdout, stderr) = self.exit?;
        let all = self.received[0] >= stdout && self.received[1] >= stderr;
        all.then(|| End::Outcome(self.outcome(code)))
    }

    fn outcome(&self, code: i32) -> Outcome {
        self.report
            .clone()
            .map_or(Outcome::Exit(code), Outcome::KernelReport)
    }

    /// What the deadline's passing means depends on what was waited for.
    pub fn late(self) -> End {
        match (self.exit, self.report) {
            (Some((code, ..)), None) => End::Outcome(Outcome::Exit(code)),
            // It explains the hang, too.
            (_, Some(report)) => End::Outcome(Outcome::KernelReport(report)),
            (None, None) if self.ready => End::Outcome(Outcome::TimedOut),
            (None, None) => End::Died(
                format!(
                    "the guest did not come up within {} s.",
                    BOOT_LIMIT.as_secs()
                ),
                None,
            ),
        }
    }

    /// What the guest's disappearing means.
    pub fn gone(self) -> End {
        let what = if self.ready { "did" } else { "could start" };
        End::Died(
            format!("the VM ended before its command {what}."),
            self.report,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> State {
        let mut state = State::booting(Some(Duration::from_secs(5)));
        state.event(Event::Ready).expect("ready");
        state
    }

    #[test]
    fn the_end_waits_for_all_output() {
        let mut state = ready();
        state
            .event(Event::Exit {
                code: 3,
                stdout: 10,
                stderr: 1,
            })
            .expect("an exit");
        state.count(Stream::Out, 10);
        assert_eq!(state.complete(), None);
        state.count(Stream::Err, 1);
        assert_eq!(state.complete(), Some(End::Outcome(Outcome::Exit(3))));
    }

    #[test]
    fn a_report_outweighs_the_exit_and_the_timeout() {
        let report = || End::Outcome(Outcome::KernelReport("BUG: x".to_owned()));
        let mut state = ready();
        state
            .event(Event::Report("BUG: x".to_owned()))
            .expect("a report");
        state
            .event(Event::Exit {
                code: 0,
                stdout: 0,
                stderr: 0,
            })
            .expect("an exit");
        assert_eq!(state.complete(), Some(report()));
        let mut state = ready();
        state
            .event(Event::Report("BUG: x".to_owned()))
            .expect("a report");
        assert_eq!(state.late(), report());
    }

    #[test]
    fn lateness_depends_on_what_was_waited_for() {
        assert_eq!(ready().late(), End::Outcome(Outcome::TimedOut));
        assert!(
            matches!(State::booting(None).late(), End::Died(why, None) if why.contains("did not come up"))
        );
        let mut ended = ready();
        ended
            .event(Event::Exit {
                code: 0,
                stdout: 9,
                stderr: 0,
            })
            .expect("an exit");
        assert_eq!(ended.late(), End::Outcome(Outcome::Exit(0)));
    }

    #[test]
    fn without_a_timeout_a_command_may_run_for_ever() {
        let mut state = State::booting(None);
        assert!(state.deadline().is_some());
        state.event(Event::Ready).expect("ready");
        assert_eq!(state.deadline(), None);
    }

    #[test]
    fn a_guest_that_vanishes_is_no_exit() {
        assert!(
            matches!(ready().gone(), End::Died(why, None) if why.contains("before its command did"))
        );
        assert!(
            State::booting(None)
                .event(Event::Failed("no disk".to_owned()))
                .is_err()
        );
    }
}
