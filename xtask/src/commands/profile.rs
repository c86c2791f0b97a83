// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use mydevice_figures::Record;
use mydevice_report::{Place, Run};

use super::bench;
use crate::project;
use crate::step::say;

/// Counts the instructions of parts of the measurement by function, and writes docs/performance/profile.md.
///
/// The VM counts instructions, so it hardly matters what else the machine does. With options for the program that
/// measures, which say what is counted, the page goes to target/bench instead.
#[derive(Args)]
pub struct Profile {
    /// Options of the program that measures: --only, --who, --size, --rounds, --scale.
    #[arg(last = true, value_name = "OPTION")]
    arguments: Vec<String>,
}

/// What is counted unless something else is asked for. Three rounds, because the first one after the start of the VM may
/// cost more than the others.
const USUAL: &[&str] = &[
    "--only",
    "transfers",
    "--only",
    "ping-pong",
    "--only",
    "io_uring",
    "--only",
    "polling",
    "--who",
    "mydevice",
    "--who",
    "pipe",
    "--size",
    "64",
    "--size",
    "4096",
    "--size",
    "65536",
    "--rounds",
    "3",
    "--scale",
    "0.25",
];

impl Profile {
    pub fn run(self) -> Result<ExitCode> {
        let (folder, arguments) = match self.arguments.is_empty() {
            true => (
                project::root().join("docs/performance"),
                USUAL.iter().map(|&option| option.to_owned()).collect(),
            ),
            false => (project::target().join("bench"), self.arguments),
        };
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let mut command = vec![
            project::guest_bench()?.display().to_string(),
            "--symbols".to_owned(),
        ];
        command.extend(arguments);
        let counts = tempfile::NamedTempFile::new().context("make a temporary file")?;
        let (host, said) = bench::in_vm(command, true, Some(counts.path()))?;
        let record: Record =
            serde_json::from_slice(&said).context("understand the figures of the guest")?;
        let run = Run {
            place: Place::Icount,
            host,
            record,
        };
        let counted = fs::read_to_string(counts.path()).context("read what was counted")?;
        mydevice_report::write_profile(&run, &counted, &folder)?;
        say!("The profile is {}.", folder.join("profile.md").display());
        Ok(ExitCode::SUCCESS)
    }
}
