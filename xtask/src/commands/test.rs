// SPDX-License-Identifier: GPL-2.0

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::vm::{MachineOptions, pass_on};
use crate::cache::Cache;
use crate::kbuild;
use crate::kernels::Kernel;
use crate::project;
use crate::step::say;
use crate::tally::Tally;
use crate::tree::Tree;
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
    /// Runs the tests that take samples at their full length.
    #[arg(long)]
    full: bool,
    /// Ends the VM after that many seconds of tests; by default 3000, four times that on the kernel that injects faults, and
    /// 12 hours at full length.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Only the tests with this in their names; or options for the test programs.
    #[arg(last = true, value_name = "FILTER")]
    arguments: Vec<String>,
}

/// The one test that needs neither host nor VM but the build.
const L1: &str = "l1_builds_with_every_warning_an_error";

/// Of a kernel that is built here alone: a module built inside its tree is none from outside.
const IN_TREE: &str = "a_module_built_inside_the_tree_sets_no_taint";

/// Loads the modules and unloads them; says what taints the kernel afterwards.
const LOAD_IN_TREE: &str = "
set -e
for module in hello mydevice toolbox; do insmod $MYDEVICE_IN_TREE/$module.ko; done
echo hello > /dev/mydevice; head -n 1 /dev/mydevice
rmmod toolbox mydevice hello
cat /proc/sys/kernel/tainted
";

/// Of the samples that make a log look like that of a kernel in trouble, and so cannot run beside other tests.
const LOUD: &str = "toolbox_warns_as_the_page_says";

/// Loads the samples with those; says how many stacks they have left in the log.
const LOAD_LOUD: &str = "
set -e
insmod $MYDEVICE_KO_DIR/toolbox.ko loud=Y
dmesg | grep -c 'Call Trace:'
rmmod toolbox
";

/// The test program that needs a kernel with fault injection, and the kernel that has it.
const FAULTS: &str = "faults";
const INJECTS_FAULTS: &str = "debug";

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

/// Counts a test of xtask's own, and says how it ended as libtest does.
fn report(tally: &mut Tally, name: &str, ended: &Result<()>) {
    if let Err(error) = ended {
        say!("error: {error:#}");
    }
    let passed = ended.is_ok();
    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    tally.add(passed);
}

impl Test {
    pub fn run(self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        let code = self.counted(&mut tally);
        println!("\n{tally}");
        Ok(ExitCode::from(code))
    }

    /// Every test on that kernel, at full length; those of the host only if asked for.
    pub fn full(kernel: &Kernel, skip_host: bool) -> Self {
        Self {
            machine: MachineOptions::of(kernel),
            skip_host,
            full: true,
            timeout: None,
            arguments: Vec::new(),
        }
    }

    /// Runs everything and counts it; returns the exit code.
    pub fn counted(&self, tally: &mut Tally) -> u8 {
        let failed_before = tally.failed();
        let code = self.all(tally).unwrap_or_else(|error| {
            say!("error: {error:#}");
            tally.add(false);
            1
        });
        match code {
            0 => u8::from(tally.failed() > failed_before),
            code => code,
        }
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
            let built = kbuild::without_warnings(
                &cache,
                &tree,
                project::root(),
                &folder,
                &["W=e", "modules"],
            );
            report(tally, L1, &built);
        }
        if tree.own.is_some() && self.selected(IN_TREE) {
            say!("\n==> The modules, built inside the kernel's tree and loaded");
            report(tally, IN_TREE, &self.in_tree(&cache, &tree));
        }
        if self.selected(LOUD) {
            say!("\n==> The samples that warn: here a report by the kernel is what is wanted");
            report(tally, LOUD, &self.loud(&cache, &tree));
        }
        let mut programs = project::guest_tests()?;
        if self.machine.kernel != INJECTS_FAULTS && programs.iter().any(|p| p.name == FAULTS) {
            programs.retain(|program| program.name != FAULTS);
            say!(
                "\n==> Left out, counted neither as passed nor as failed: tests/tests/{FAULTS}. The kernel `{}` injects \
                 no faults; --kernel {INJECTS_FAULTS} does",
                self.machine.kernel
            );
        }
        say!("\n==> Tests in the VM");
        vm.command = self.guest_command(programs.into_iter().map(|e| e.path).collect());
        let usual = match (self.full, self.machine.kernel == INJECTS_FAULTS) {
            (true, _) => 12 * 3600,
            (false, true) => 12_000,
            (false, false) => 3000,
        };
        vm.timeout = Some(Duration::from_secs(self.timeout.unwrap_or(usual)));
        let bench = project::guest_bench()?.display().to_string();
        vm.env.push(("MYDEVICE_BENCH".to_owned(), bench));
        if self.full {
            vm.env.push(("MYDEVICE_FULL".to_owned(), "1".to_owned()));
        }
        for (variable, program) in [
            ("MYDEVICE_CTL", project::guest_tool()?),
            ("MYDEVICE_DOC_TESTS", project::guest_doc_tests()?),
        ] {
            vm.env
                .push((variable.to_owned(), program.display().to_string()));
        }
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

    /// Builds the modules inside the kernel's tree, loads them, and looks at what that taints.
    fn in_tree(&self, cache: &Cache, tree: &Tree) -> Result<()> {
        let modules = kbuild::in_tree(cache, tree, &self.machine.kernel)?;
        let variable = ("MYDEVICE_IN_TREE", modules.display().to_string());
        let (outcome, said) = self.script(cache, tree, LOAD_IN_TREE, &[variable])?;
        outcome.explain();
        if outcome != Outcome::Exit(0) || said != "hello\n0\n" {
            bail!(
                "a line that was written should come back, and then 0 for no taint, but it said {said:?}"
            );
        }
        Ok(())
    }

    /// Loads the samples that warn and show the stack: the kernel has to report the one, and to log both.
    fn loud(&self, cache: &Cache, tree: &Tree) -> Result<()> {
        let (outcome, said) = self.script(cache, tree, LOAD_LOUD, &[])?;
        match outcome {
            Outcome::KernelReport(text)
                if text.contains("WARNING: ")
                    && text.contains("toolbox/printing.rs")
                    && said == "2\n" =>
            {
                Ok(())
            }
            other => bail!(
                "the kernel should report a warning in toolbox/printing.rs, and log 2 stacks, but it said {said:?} and \
                 {other:?}"
            ),
        }
    }

    /// Runs a script of bash in a VM of its own; returns how it ended and what it printed.
    fn script(
        &self,
        cache: &Cache,
        tree: &Tree,
        script: &str,
        variables: &[(&str, String)],
    ) -> Result<(Outcome, String)> {
        let command = ["/bin/bash", "-c", script].map(str::to_owned);
        let (_, _, mut vm) = self.machine.prepare(command.into())?;
        for (name, value) in variables {
            vm.env.push(((*name).to_owned(), value.clone()));
        }
        let mut said = Vec::new();
        let outcome = vm.run(cache, tree, &mut |stream, bytes| {
            if stream == Stream::Out {
                said.extend_from_slice(bytes);
            }
            pass_on(stream, bytes)
        })?;
        Ok((outcome, String::from_utf8_lossy(&said).into_owned()))
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
