// SPDX-License-Identifier: GPL-2.0

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::vm::{MachineOptions, pass_on};
use crate::kbuild;
use crate::project;
use crate::step::say;
use crate::tally::Tally;
use crate::vm::{Outcome, Stream};

/// Runs every test: of the pure logic on the host, of the build, and of the modules in the VM.
///
/// The last line of the output is `N passed, N failed`.
#[derive(Args)]
pub struct Test {
    #[command(flatten)]
    machine: MachineOptions,
    /// Leaves out the tests that run on the host.
    #[arg(long)]
    skip_host: bool,
    /// Ends the VM after that many seconds of tests.
    #[arg(long, value_name = "SECONDS", default_value_t = 3000)]
    timeout: u64,
    /// Only the tests with this in their names; or options for the test programs.
    #[arg(last = true, value_name = "FILTER")]
    arguments: Vec<String>,
}

/// The one test that needs neither host nor VM but the build.
const L1: &str = "l1_builds_with_every_warning_an_error";

/// Runs one test program after the other, and fails if one of them does.
///
/// The arguments are the number of programs, the programs, and what is passed to each of them.
const RUN_ALL: &str = r#"
programs=("${@:2:$1}"); arguments=("${@:$1+2}"); status=0
for program in "${programs[@]}"; do
    echo; echo "     Running $program in the VM"
    "$program" --test-threads=1 "${arguments[@]}" || status=1
done
exit $status
"#;

impl Test {
    pub fn run(self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        let mut code = self.all(&mut tally).unwrap_or_else(|error| {
            say!("error: {error:#}");
            tally.add(false);
            1
        });
        if tally.failed() > 0 && code == 0 {
            code = 1;
        }
        println!("\n{tally}");
        Ok(ExitCode::from(code))
    }

    /// Runs everything; returns what the VM's exit code asks for.
    fn all(&self, tally: &mut Tally) -> Result<u8> {
        // Set-up before the first test, so that its minutes are not taken for a test's.
        let (cache, tree, mut vm) = self.machine.prepare(Vec::new())?;
        if !self.skip_host {
            say!("\n==> Tests on the host");
            self.on_host(tally)?;
        }
        if self.selected(L1) {
            say!("\n==> The modules, compiled from scratch with warnings as errors (usually 15 s)");
            let folder = format!("{}-l1", self.machine.kernel);
            let built = kbuild::without_warnings(&cache, &tree, &folder, &["W=e", "modules"]);
            if let Err(error) = &built {
                say!("error: {error:#}");
            }
            println!(
                "test {L1} ... {}",
                if built.is_ok() { "ok" } else { "FAILED" }
            );
            tally.add(built.is_ok());
        }
        let programs = project::guest_tests()?;
        say!("\n==> Tests in the VM");
        vm.command = self.guest_command(programs.into_iter().map(|e| e.path).collect());
        vm.timeout = Some(Duration::from_secs(self.timeout));
        vm.cwd = project::root().join("tests");
        let failed_before = tally.failed();
        let outcome = vm.run(&cache, &tree, &mut |stream, bytes| {
            if stream == Stream::Out {
                tally.feed(bytes);
            }
            pass_on(stream, bytes)
        })?;
        outcome.explain();
        // A program that died half way counts none of its tests, and neither does the kernel.
        if outcome != Outcome::Exit(0) && tally.failed() == failed_before {
            tally.add(false);
        }
        Ok(outcome.code())
    }

    fn on_host(&self, tally: &mut Tally) -> Result<()> {
        let mut cargo = project::cargo("test");
        cargo.args(["--no-fail-fast", "--"]).args(&self.arguments);
        let mut child = cargo
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start `cargo test`")?;
        let mut output = child
            .stdout
            .take()
            .context("read the output of `cargo test`")?;
        let failed_before = tally.failed();
        let mut buffer = [0; 8192];
        loop {
            let n = output
                .read(&mut buffer)
                .context("read the output of `cargo test`")?;
            if n == 0 {
                break;
            }
            tally.feed(&buffer[..n]);
            std::io::stdout()
                .write_all(&buffer[..n])
                .context("pass on the output of `cargo test`")?;
        }
        let status = child.wait().context("wait for `cargo test`")?;
        if !status.success() && tally.failed() == failed_before {
            // It did not even compile.
            tally.add(false);
        }
        Ok(())
    }

    fn guest_command(&self, programs: Vec<PathBuf>) -> Vec<String> {
        let mut command: Vec<String> = ["/bin/bash", "-c", RUN_ALL, "tests"]
            .map(str::to_owned)
            .into();
        command.push(programs.len().to_string());
        command.extend(programs.into_iter().map(|p| p.display().to_string()));
        command.extend(self.arguments.iter().cloned());
        command
    }

    /// Whether libtest's way of filtering would take a test of that name.
    fn selected(&self, name: &str) -> bool {
        let mut filters = self
            .arguments
            .iter()
            .filter(|a| !a.starts_with('-'))
            .peekable();
        filters.peek().is_none() || filters.any(|f| name.contains(f.as_str()))
    }
}
