// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use mydevice_figures::{Entry, Figure, Record, Who, Work};
use mydevice_report::{Host, Place, Run};

use super::vm::{MachineOptions, pass_on};
use crate::cache::Cache;
use crate::step::say;
use crate::vm::{Outcome, Stream};
use crate::{host, kbuild, kernels, project, recipe, uml};

/// Measures a stream of mydevice beside a pipe and others, and writes the report in docs/performance.
///
/// Only ratios within one run mean anything, and only on a machine that does nothing else. A run that is not whole
/// (--quick, or options for the program) leaves docs/performance alone and reports in target/bench.
#[derive(Args)]
pub struct Bench {
    /// Where to measure; may be given more than once. All of them by default.
    #[arg(long, value_name = "NAME")]
    kernel: Vec<Where>,
    /// A slice of some seconds: one round of little of everything.
    #[arg(long)]
    quick: bool,
    /// Measures nothing: writes the report anew from the figures that are there.
    #[arg(long, conflicts_with_all = ["kernel", "arguments"])]
    report_only: bool,
    /// Options of the program that measures: --rounds, --scale, --only.
    #[arg(last = true, value_name = "OPTION")]
    arguments: Vec<String>,
}

/// A place to measure on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Where {
    /// The stock kernel in the VM that the tests run in
    Stock,
    /// The stock kernel in a VM that counts instructions: steady, and slow
    Icount,
    /// User Mode Linux, which copies at native speed; built the first time
    Uml,
}

/// A run takes minutes. One that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(3 * 3600);

impl Where {
    const ALL: &'static [Self] = &[Self::Stock, Self::Icount, Self::Uml];

    fn place(self) -> Place {
        match self {
            Self::Stock => Place::Stock,
            Self::Icount => Place::Icount,
            Self::Uml => Place::Uml,
        }
    }

    /// What the program is told of this place. Where instructions are counted, figures hardly differ from round to round,
    /// and each takes long.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Stock | Self::Uml => &[],
            Self::Icount => &["--rounds", "3", "--scale", "0.5"],
        }
    }
}

impl Bench {
    pub fn run(self) -> Result<ExitCode> {
        let folder = self.folder();
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        if self.report_only {
            report(&folder)?;
            return Ok(ExitCode::SUCCESS);
        }
        for place in self.places() {
            say!("==> Measuring on: {}", place.place().title());
            let run = self.measure(place)?;
            let file = figures(&folder, place.place());
            let text = serde_json::to_string(&run).context("encode the figures")?;
            fs::write(&file, text + "\n").with_context(|| format!("write {}", file.display()))?;
            // After each, so that one that fails takes nothing from those before it.
            report(&folder)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Where the figures and the report go.
    fn folder(&self) -> PathBuf {
        match self.quick || !self.arguments.is_empty() {
            true => project::target().join("bench"),
            false => project::root().join("docs/performance"),
        }
    }

    fn places(&self) -> Vec<Where> {
        match self.kernel.is_empty() {
            true => Where::ALL.to_vec(),
            false => self.kernel.clone(),
        }
    }

    /// Measures in one place.
    fn measure(&self, place: Where) -> Result<Run> {
        let command = self.command(place)?;
        let (host, said) = match place {
            Where::Stock | Where::Icount => in_vm(command, place == Where::Icount, None)?,
            Where::Uml => on_uml(command)?,
        };
        let mut record: Record =
            serde_json::from_slice(&said).context("understand the figures of the guest")?;
        if place == Where::Stock && self.arguments.is_empty() {
            record.figures.push(self.build()?);
        }
        Ok(Run {
            place: place.place(),
            host,
            record,
        })
    }

    /// The program that measures, and what it is told.
    fn command(&self, place: Where) -> Result<Vec<String>> {
        let mut command = vec![project::guest_bench()?.display().to_string()];
        match self.quick {
            true => command.push("--quick".to_owned()),
            false => command.extend(place.options().iter().map(|&option| option.to_owned())),
        }
        command.extend(self.arguments.iter().cloned());
        Ok(command)
    }

    /// What it takes to build the smallest module, on the host.
    fn build(&self) -> Result<Figure> {
        let cache = Cache::open()?;
        let tree = recipe::tree(&cache, kernels::find("stock")?)?;
        let rounds = if self.quick { 1 } else { 5 };
        let times = (0..rounds).map(|_| Ok(kbuild::time_hello(&cache, &tree)?.as_secs_f64() * 1e9));
        Ok(Figure {
            entry: Entry::new(Work::Build, Who::Hello),
            values: times.collect::<Result<_>>()?,
        })
    }
}

/// Runs the program in the VM; returns what it ran on, and its figures. With a file for them, instructions are counted by
/// address.
pub fn in_vm(
    command: Vec<String>,
    counts: bool,
    profile: Option<&Path>,
) -> Result<(Host, Vec<u8>)> {
    let stock = kernels::find("stock")?;
    let (cache, tree, mut vm) = MachineOptions::of(stock).prepare(command)?;
    vm.counts = counts;
    if let Some(counts) = profile {
        vm.profiler = Some((project::profiler()?, counts.to_owned()));
    }
    vm.timeout = Some(LIMIT);
    let host = host::describe(&tree, vm.accelerator(&cache, &tree)?.about())?;
    let mut said = Vec::new();
    let outcome = vm.run(&cache, &tree, &mut |stream, bytes| match stream {
        Stream::Out => {
            said.extend_from_slice(bytes);
            Ok(())
        }
        Stream::Err => pass_on(stream, bytes),
    })?;
    outcome.explain();
    if outcome != Outcome::Exit(0) {
        bail!("the measurement ended with {outcome:?}; what it said is above");
    }
    Ok((host, said))
}

/// The same on User Mode Linux.
fn on_uml(command: Vec<String>) -> Result<(Host, Vec<u8>)> {
    let cache = Cache::open()?;
    let tree = recipe::tree(&cache, &kernels::UML)?;
    let modules = kbuild::modules(&cache, &tree, kernels::UML.name)?;
    let host = host::describe(&tree, uml::ABOUT)?;
    Ok((host, uml::run(&tree, &modules, &command, LIMIT)?))
}

/// The file with the figures of a place.
fn figures(folder: &Path, place: Place) -> PathBuf {
    folder.join(place.name()).with_extension("json")
}

/// Writes the report of all figures that are there.
fn report(folder: &Path) -> Result<()> {
    let mut runs = Vec::new();
    for place in Place::ALL {
        let file = figures(folder, place);
        if file.exists() {
            let text = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            let run: Run = serde_json::from_slice(&text)
                .with_context(|| format!("understand {}", file.display()))?;
            runs.push(run);
        }
    }
    mydevice_report::write(&runs, folder).context("write the report")?;
    say!("The report is {}.", folder.join("README.md").display());
    Ok(())
}
