// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cargo_tool::CargoTool;
use crate::project;
use crate::step;

/// Fuzzes the logic of the queues on the host, one target after the other.
///
/// What a target has learnt stays in target/fuzz/corpus, and the next run goes on from there. An input that fails is
/// kept in target/fuzz/artifacts, and shown as the operations that it stands for.
#[derive(Args)]
pub struct Fuzz {
    /// How long each target runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only these targets.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

const CARGO_FUZZ: CargoTool = CargoTool {
    name: "cargo-fuzz",
    version: "0.13.1",
    usual: "60 s",
    arguments: &[],
};

/// Optimised, with overflow checks. The sanitizers look for misuse of memory, and `queue` forbids `unsafe`.
const BUILD: [&str; 5] = [
    "--fuzz-dir",
    ".",
    "--debug-assertions",
    "--sanitizer",
    "none",
];

impl Fuzz {
    pub fn run(self) -> Result<ExitCode> {
        let program = CARGO_FUZZ.program()?;
        if step::quiet(Command::new("c++").arg("--version")).is_err() {
            bail!(
                "libFuzzer is written in C++, and there is no c++. Install it:  sudo apt-get install g++"
            );
        }
        let all = step::output(&mut fuzz(&program, &["list", "--fuzz-dir", "."]))?;
        let mut targets: Vec<String> = all.lines().map(str::to_owned).collect();
        if let Some(unknown) = self.targets.iter().find(|name| !targets.contains(name)) {
            bail!(
                "there is no fuzz target {unknown}: there are {}",
                targets.join(", ")
            );
        }
        targets.retain(|name| self.targets.is_empty() || self.targets.contains(name));

        let folder = project::target().join("fuzz");
        fs::create_dir_all(&folder).context("make the folder for what fuzzing makes")?;
        let mut build = fuzz(&program, &["build"]);
        build.args(BUILD).arg("--target-dir").arg(&folder);
        step::run(
            "Building the fuzz targets",
            "20 s",
            &folder.join("build.log"),
            &mut build,
        )?;
        for target in &targets {
            self.one(&program, &folder, target)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn one(&self, program: &Path, folder: &Path, target: &str) -> Result<()> {
        let corpus = folder.join("corpus").join(target);
        let artifacts = folder.join("artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        let log = folder.join(format!("{target}.log"));
        fs::write(&log, "").with_context(|| format!("empty {}", log.display()))?;
        let mut run = fuzz(program, &["run"]);
        run.args(BUILD)
            .arg("--target-dir")
            .arg(folder)
            .arg(target)
            .arg(&corpus);
        run.args(["--", &format!("-max_total_time={}", self.seconds)]);
        // The slash at the end makes it a folder.
        run.arg(format!("-artifact_prefix={}/", artifacts.display()));
        let usual = format!("{} s", self.seconds);
        step::run(&format!("Fuzzing {target}"), &usual, &log, &mut run)?;
        let text = fs::read(&log).with_context(|| format!("read {}", log.display()))?;
        let runs = executions(&String::from_utf8_lossy(&text))
            .with_context(|| format!("find the number of executions in {}", log.display()))?;
        println!("{target}: {runs} executions, nothing found");
        Ok(())
    }
}

/// A cargo-fuzz command. Coverage is asked of the compiler by options that are not stable yet.
fn fuzz(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .arg("fuzz")
        .args(arguments)
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(project::root().join("queue/fuzz"));
    command
}

/// What libFuzzer says at its end: `Done 123 runs in 5 second(s)`.
fn executions(output: &str) -> Option<u64> {
    let done = output
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Done "))?;
    done.split_once(" runs")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::executions;

    #[test]
    fn the_number_of_executions_is_found() {
        let output = "#2\tINITED\n###### End of recommended dictionary. ######\nDone 286927 runs in 9 second(s)\n";
        assert_eq!(executions(output), Some(286_927));
        assert_eq!(executions("#2\tINITED\n"), None);
    }
}
