// SPDX-License-Identifier: GPL-2.0

//! Runs tests and writes what came of them as KTAP, the way KUnit does.
//!
//! KUnit itself is not to be had: Debian's kernels have no `CONFIG_KUNIT`. Its script reads these lines from the log all the
//! same: `tools/testing/kunit/kunit.py parse`.
//!
//! Format: [`Documentation/dev-tools/ktap.rst`](srctree/Documentation/dev-tools/ktap.rst)

use kernel::prelude::*;

/// The tests of one file.
#[derive(Clone, Copy)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) cases: &'static [Case],
}

/// One test. It fails by an error.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Result,
}

/// Makes a [`Suite`] of functions.
macro_rules! suite {
    ($name:literal: $($case:ident),+ $(,)?) => {
        $crate::ktap::Suite {
            name: $name,
            cases: &[$($crate::ktap::Case { name: stringify!($case), run: $case }),+],
        }
    };
}
pub(crate) use suite;

/// Ends a test as failed, and says why, unless the condition holds.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            let (file, line) = (file!(), line!());
            pr_err!(
                "    # {file}:{line}: not true: {}\n",
                stringify!($condition)
            );
            return Err(EIO);
        }
    };
}
pub(crate) use check;

/// Ends a test as failed, and shows both values, unless they are equal.
macro_rules! check_eq {
    ($left:expr, $right:expr $(,)?) => {
        match (&$left, &$right) {
            (left, right) => {
                if left != right {
                    let (file, line) = (file!(), line!());
                    pr_err!("    # {file}:{line}: {left:?} is not {right:?}\n");
                    return Err(EIO);
                }
            }
        }
    };
}
pub(crate) use check_eq;

/// A suite that fails, for seeing that this is noticed.
pub(crate) const FAILING: Suite = suite!("failing": one_is_two);

fn one_is_two() -> Result {
    check_eq!(1, 2);
    Ok(())
}

/// Runs every test of every suite, whatever fails. Gives [`EIO`] if any did.
pub(crate) fn run(suites: &[Suite]) -> Result {
    pr_info!("KTAP version 1\n");
    pr_info!("1..{}\n", suites.len());
    let mut all = true;
    for (suite, number) in suites.iter().zip(1..) {
        let passed = suite.run();
        pr_info!("{} {number} {}\n", word(passed), suite.name);
        all &= passed;
    }
    match all {
        true => Ok(()),
        false => {
            pr_err!("a test failed, so the module is not loaded\n");
            Err(EIO)
        }
    }
}

impl Suite {
    /// Runs its tests; whether all have passed.
    fn run(&self) -> bool {
        pr_info!("    KTAP version 1\n");
        pr_info!("    # Subtest: {}\n", self.name);
        pr_info!("    1..{}\n", self.cases.len());
        let mut all = true;
        for (case, number) in self.cases.iter().zip(1..) {
            let result = (case.run)();
            if let Err(error) = result {
                pr_err!("    # {}: {error:?}\n", case.name);
            }
            pr_info!("    {} {number} {}\n", word(result.is_ok()), case.name);
            all &= result.is_ok();
        }
        all
    }
}

fn word(passed: bool) -> &'static str {
    match passed {
        true => "ok",
        false => "not ok",
    }
}
