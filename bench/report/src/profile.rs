// SPDX-License-Identifier: GPL-2.0

//! The page that says which functions the instructions were counted in.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use mydevice_figures::{Entry, Profile, Profiled, Who, Work};

use crate::{
    run::Run,
    symbols::Symbols,
    text::{heading, number, row, size},
    windows::Window,
};

/// The name of the page.
const PAGE: &str = "profile.md";

/// A function that has less than this share of every contender's instructions has no row of its own.
const SHOWN: f64 = 0.01;

/// Writes the page of this run, whose instructions were counted as the plugin of QEMU has written them down.
pub fn write_profile(run: &Run, counts: &str, folder: &Path) -> Result<()> {
    let profile = run.record.profile.as_ref();
    let profile = profile.context("find the symbols in what the guest has said")?;
    let windows = Window::all(counts)?;
    let page = folder.join(PAGE);
    let text = text(run, profile, &windows)?;
    fs::write(&page, text).with_context(|| format!("write {}", page.display()))
}

/// What one of several contenders spent on one operation: instructions by function.
type Costs = BTreeMap<String, f64>;

/// A work in one size and count, with what each contender spent on it, in all rounds.
struct Section {
    work: Work,
    size: u64,
    count: u64,
    contenders: Vec<(Who, Vec<Costs>)>,
}

fn text(run: &Run, profile: &Profile, windows: &[Window]) -> Result<String> {
    let symbols = Symbols::parse(&profile.symbols)?;
    let mut sections: Vec<Section> = Vec::new();
    for profiled in &profile.profiled {
        let costs = costs(profiled, windows, &symbols)?;
        let Entry {
            work,
            who,
            size,
            count,
        } = profiled.entry;
        let same = |s: &Section| (s.work, s.size, s.count) == (work, size, count);
        let at = sections.iter().position(same).unwrap_or_else(|| {
            sections.push(Section {
                work,
                size,
                count,
                contenders: Vec::new(),
            });
            sections.len() - 1
        });
        let contenders = &mut sections[at].contenders;
        match contenders.iter_mut().find(|(known, _)| *known == who) {
            Some((_, rounds)) => rounds.push(costs),
            None => contenders.push((who, vec![costs])),
        }
    }
    let mut page = INTRODUCTION.to_owned();
    page += &machine(run);
    for section in &sections {
        page += &section.text();
    }
    page += LIMITS;
    Ok(page)
}

/// What one operation cost, by function.
fn costs(profiled: &Profiled, windows: &[Window], symbols: &Symbols) -> Result<Costs> {
    let mut costs = Costs::new();
    for number in profiled.windows.clone() {
        let window = usize::try_from(number).ok().and_then(|n| windows.get(n));
        let window = window.with_context(|| format!("find window {number} of what was counted"))?;
        for &(address, count) in &window.0 {
            let cost = costs.entry(symbols.name(address)).or_default();
            *cost += count as f64 / profiled.operations as f64;
        }
    }
    Ok(costs)
}

impl Section {
    fn text(&self) -> String {
        let columns: Vec<(Who, &Costs)> = self.contenders.iter().map(middle).collect();
        // What each contender spent in the functions for which `these` holds.
        let sums = |these: &dyn Fn(&String) -> bool| -> Vec<f64> {
            let sum = |costs: &Costs| {
                let these = costs.iter().filter(|(name, _)| these(name));
                // Not `sum`, of which nothing is -0.
                these.fold(0.0, |sum, (_, cost)| sum + cost)
            };
            columns.iter().map(|(_, costs)| sum(costs)).collect()
        };
        let totals = sums(&|_| true);
        let cells = |name: String, costs: &[f64]| {
            let cells = costs
                .iter()
                .zip(&totals)
                .flat_map(|(cost, total)| [number(*cost), format!("{:.1}%", 100.0 * cost / total)]);
            row([name].into_iter().chain(cells))
        };
        let mut rows: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
        for (at, (_, costs)) in columns.iter().enumerate() {
            for (name, cost) in *costs {
                rows.entry(name).or_insert_with(|| vec![0.0; columns.len()])[at] = *cost;
            }
        }
        rows.retain(|_, costs| {
            costs
                .iter()
                .zip(&totals)
                .any(|(cost, total)| *cost >= SHOWN * total)
        });
        let mut shown: Vec<_> = rows.iter().collect();
        let most = |costs: &[f64]| costs.iter().copied().fold(0.0, f64::max);
        shown.sort_by(|(_, a), (_, b)| most(b).total_cmp(&most(a)));

        let mut header = vec!["function"];
        header.extend(columns.iter().flat_map(|(who, _)| [who.name(), "share"]));
        let mut table = format!("\n## {}\n\n{}", self.title(), heading(&header));
        table += &cells("**all**".to_owned(), &totals);
        table += &cells(
            "**of them in the module**".to_owned(),
            &sums(&|name| name.ends_with(OURS)),
        );
        for (name, costs) in shown {
            table += &cells(format!("`{name}`"), costs);
        }
        table += &cells(
            "all others".to_owned(),
            &sums(&|name| !rows.contains_key(name)),
        );
        table
    }

    /// What was done, of what size and count.
    fn title(&self) -> String {
        let mut title = match self.work {
            Work::PingPong => "ping-pong".to_owned(),
            work => work.title().to_owned(),
        };
        if self.size > 0 {
            title += &format!(", {}", size(self.size));
        }
        match (self.work, self.count) {
            (Work::Uring, 0) => title += ", plain calls",
            (Work::Uring, depth) => title += &format!(", {depth} in flight"),
            (_, 0) => {}
            (_, count) => title += &format!(", {count}"),
        }
        title
    }
}

/// What stands behind the name of a function of the module.
const OURS: &str = " [mydevice]";

/// The round in the middle, by the sum of what it cost.
fn middle((who, rounds): &(Who, Vec<Costs>)) -> (Who, &Costs) {
    let sum = |costs: &Costs| costs.values().sum::<f64>();
    let mut rounds: Vec<_> = rounds.iter().collect();
    rounds.sort_by(|a, b| sum(a).total_cmp(&sum(b)));
    (*who, rounds[rounds.len() / 2])
}

/// What it ran on.
fn machine(run: &Run) -> String {
    let host = &run.host;
    let mut text = format!(
        "Commit {}, {}. {}",
        host.commit, host.date, host.accelerator
    );
    for (name, version) in &host.versions {
        text += &format!("; {name} {version}");
    }
    text + ".\n"
}

const INTRODUCTION: &str = "\
<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Made by `cargo xtask profile`. Not edited by hand: the next run writes it anew. -->
# Where the instructions are spent

Parts of `make bench` on the machine that counts instructions (`-icount`), and the instructions that the guest executed for one
operation, by function: those of all its processes, in the kernel and in user space. An operation is a message in transfers and
with io_uring, a message there and one back in the ping-pong, a call elsewhere.

QEMU loads a plugin (`bench/profiler`) that counts the instructions of each block of code that it executes, from a mark at which
the program that measures begins to take time to one at which it ends. Addresses get their names by the guest's
`/proc/kallsyms`. A function in which others were inlined has their instructions, too. Of several rounds this is the one in
the middle. A function with less than 1% everywhere is among the others.

    cargo xtask profile                                             # this page
    cargo xtask profile -- --only transfers --who mydevice --size 64  # a part, into target/bench

";

const LIMITS: &str = "
## What this does not show

- A block of code may begin in one function and fall through into the next one, which gets nothing of it then.
- A block that an exception leaves in its middle counts whole. A repeated string instruction counts once for each time that QEMU goes
  around, as its clock of instructions does.
- The two programs that hand bytes over do nothing with them. Their own instructions, with those of the libraries, are in one row.
- There is one processor. Nobody waits for a lock, nobody waits awake, and each hand-over is a context switch.
- Instructions are not time: what a miss in a cache or an atomic access costs beyond its instruction is not in here.
";
