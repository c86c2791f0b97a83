// SPDX-License-Identifier: GPL-2.0

//! The results of the module's own tests, read from the log.

use mydevice_tests::{Module, klog::Record};
use nix::errno::Errno;

use super::load;

/// The fewest suites and tests that there are: with fewer, some were lost.
const SUITES: usize = 15;
const TESTS: usize = 49;

/// What one line of results says.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    passed: bool,
    number: usize,
    name: String,
}

/// A plan, and the results that came after it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    plan: usize,
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Takes a line without its indentation; others than plans and results mean nothing.
    fn take(&mut self, line: &str) {
        if let Some(plan) = line.strip_prefix("1..") {
            self.plan = plan.parse().expect("a plan ends with a number");
        }
        let (passed, rest) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return,
        };
        let (number, name) = rest.split_once(' ').expect("a number and a name");
        self.outcomes.push(Outcome {
            passed,
            number: number.parse().expect("a number"),
            name: name.to_owned(),
        });
    }

    #[track_caller]
    fn assert_as_planned(&self) {
        let numbers: Vec<_> = self.outcomes.iter().map(|outcome| outcome.number).collect();
        assert_eq!(numbers, (1..=self.plan).collect::<Vec<_>>(), "{self:#?}");
    }
}

/// The report over all suites, and that of each.
fn parse(log: &[Record]) -> (Report, Vec<Report>) {
    let (mut all, mut suites) = (Report::default(), Vec::new());
    let mut suite = Report::default();
    for record in log {
        let Some(line) = record.text.strip_prefix("toolbox: ") else {
            continue;
        };
        match line.strip_prefix("    ") {
            Some(inner) => suite.take(inner),
            None => {
                let before = all.outcomes.len();
                all.take(line);
                if all.outcomes.len() > before {
                    suites.push(std::mem::take(&mut suite));
                }
            }
        }
    }
    (all, suites)
}

#[test]
fn every_sample_does_what_the_page_says() {
    let log = load(&[]).unload();
    let (all, suites) = parse(&log);
    all.assert_as_planned();
    suites.iter().for_each(Report::assert_as_planned);
    let mut tests = suites.iter().flat_map(|suite| &suite.outcomes);
    assert!(tests.clone().all(|test| test.passed), "{suites:#?}");
    assert!(all.outcomes.iter().all(|suite| suite.passed), "{all:#?}");
    assert!(all.plan >= SUITES, "only {} suites", all.plan);
    let count = tests.by_ref().count();
    assert!(count >= TESTS, "only {count} tests");
}

/// The error is one that loading gives for no other reason, and the others are run all the same.
#[test]
fn a_test_that_fails_ends_the_load() {
    let refusal = Module::try_load("toolbox", &["fail=Y"]).expect_err("a test fails");
    assert_eq!(refusal.errno, Errno::EIO);
    let (all, suites) = parse(&refusal.log);
    all.assert_as_planned();
    let (last, others) = all.outcomes.split_last().expect("suites");
    assert_eq!((last.passed, last.name.as_str()), (false, "failing"));
    assert!(others.iter().all(|suite| suite.passed), "{all:#?}");
    let failed = suites.last().expect("a suite");
    assert_eq!(
        failed.outcomes,
        [Outcome {
            passed: false,
            number: 1,
            name: "one_is_two".into()
        }]
    );
    let said = |text: &str| refusal.log.iter().any(|record| record.text.contains(text));
    assert!(said("1 is not 2"), "{:#?}", refusal.log);
}

#[test]
fn a_result_that_is_missing_is_noticed() {
    let line = |text: &str| Record {
        level: 6,
        text: format!("toolbox: {text}"),
    };
    let log = [
        "1..1",
        "    1..2",
        "    ok 1 first",
        "    not ok 2 second",
        "not ok 1 suite",
    ];
    let (all, suites) = parse(&log.map(line));
    all.assert_as_planned();
    assert!(!all.outcomes[0].passed);
    assert_eq!(suites[0].outcomes.len(), 2);
    let (_, suites) = parse(&["1..1", "    1..2", "    ok 1 first", "ok 1 suite"].map(line));
    assert!(std::panic::catch_unwind(|| suites[0].assert_as_planned()).is_err());
}
