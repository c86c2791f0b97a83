// SPDX-License-Identifier: GPL-2.0

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::test::Test;
use crate::kernels::KERNELS;
use crate::step::say;
use crate::tally::Tally;

/// Runs every test at its full length, on every kernel in turn, and sums up. That takes hours.
///
/// The last line of the output is `N passed, N failed`.
#[derive(Args)]
pub struct TestAll {}

impl TestAll {
    pub fn run(self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        let mut code = 0;
        for (index, kernel) in KERNELS.iter().enumerate() {
            say!("\n==> Everything on the kernel {:?}", kernel.name);
            // What needs no kernel runs once.
            let ended = Test::full(kernel, index > 0).counted(&mut tally);
            code = code.max(ended);
            println!("\nup to and with {}: {tally}", kernel.name);
        }
        println!("\n{tally}");
        Ok(ExitCode::from(code))
    }
}
