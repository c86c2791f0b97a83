// SPDX-License-Identifier: GPL-2.0

//! Adding up what test programs say they did.

use std::fmt;

/// Counts of tests, read off the output of Rust's test programs.
#[derive(Debug, Default)]
pub struct Tally {
    passed: u64,
    failed: u64,
    line: Vec<u8>,
}

impl Tally {
    /// Takes a piece of output, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.line(&String::from_utf8_lossy(&line));
            } else {
                self.line.push(*byte);
            }
        }
    }

    /// Counts one test that is no test program's.
    pub fn add(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    fn line(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let Some((_, counts)) = result.split_once(". ") else {
            return;
        };
        for part in counts.split("; ") {
            match part
                .split_once(' ')
                .map(|(number, word)| (number.parse::<u64>(), word))
            {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_add_up_wherever_the_output_is_cut() {
        let output = b"running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s\n";
        for size in [1, 7, output.len()] {
            let mut tally = Tally::default();
            output.chunks(size).for_each(|piece| tally.feed(piece));
            assert_eq!(tally.to_string(), "8 passed, 2 failed");
        }
    }

    #[test]
    fn what_only_looks_like_a_result_does_not_count() {
        let mut tally = Tally::default();
        tally.feed(b"the test result: ok. 3 passed; 0 failed\ntest result: ok\n");
        tally.add(true);
        assert_eq!(tally.to_string(), "1 passed, 0 failed");
        assert_eq!(tally.failed(), 0);
    }
}
