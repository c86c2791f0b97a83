// SPDX-License-Identifier: GPL-2.0

//! The figures of one run, as tables.

use mydevice_figures::{Entry, Figure, Record, Sample, Who, Work};

use crate::{
    compare::{best_other, ours_to, times_as_long},
    run::{Place, Run},
    text::{amount, heading, number, row, size, spread},
};

/// A table of some works, with a column for each of those who do them.
struct Group {
    title: &'static str,
    works: &'static [Work],
    whos: &'static [Who],
}

const GROUPS: &[Group] = &[
    Group {
        title: "A message of 64 B to another process and one back",
        works: &[Work::PingPong, Work::PingPongTail],
        whos: &Who::CONTENDERS,
    },
    Group {
        title: "Many at once",
        works: &[Work::WriteToSleepers, Work::Poll, Work::Epoll],
        whos: &[Who::MyDevice, Who::Pipe],
    },
    Group {
        title: "A message of 64 B, 1:1, beside idle instances, each with a sleeping reader",
        works: &[Work::BesideIdle],
        whos: &[Who::MyDevice],
    },
    Group {
        title: "Calls when nobody waits",
        works: &[
            Work::Write,
            Work::Read,
            Work::ReadNonblocking,
            Work::Status,
            Work::Unread,
            Work::Resize,
            Work::ProcRead,
            Work::Open,
            Work::Close,
            Work::SystemCall,
            Work::ContextSwitch,
        ],
        whos: &[Who::MyDevice, Who::Pipe, Who::Fifo, Who::Kernel],
    },
    Group {
        title: "Modules",
        works: &[
            Work::Load,
            Work::Unload,
            Work::ModuleSize,
            Work::Build,
            Work::IdleMemory,
        ],
        whos: &[Who::MyDevice, Who::Hello],
    },
];

/// All tables of a run.
pub fn all(run: &Run) -> String {
    let mut text = String::new();
    for work in [Work::OneToOne, Work::FourToFour] {
        text += &transfers(run, work);
    }
    text += &io_uring(run);
    for group in GROUPS {
        text += &group.table(run);
    }
    text
}

/// Median and spread.
fn cell(place: Place, figure: &Figure) -> String {
    let sample = figure.sample();
    format!(
        "{} {}",
        amount(place, figure.entry.work, sample.median()),
        spread(&sample)
    )
}

fn none() -> String {
    "–".to_owned()
}

impl Group {
    fn table(&self, run: &Run) -> String {
        let figures: Vec<_> = self
            .works
            .iter()
            .flat_map(|work| run.record.of(*work))
            .collect();
        if figures.is_empty() {
            return String::new();
        }
        let against_pipe = self.whos.contains(&Who::Pipe);
        let mut columns = vec![""];
        columns.extend(self.whos.iter().map(|who| who.name()));
        columns.extend(against_pipe.then_some("to the pipe"));
        let mut table = format!("\n### {}\n\n{}", self.title, heading(&columns));
        let mut done = Vec::new();
        for figure in figures {
            let Entry {
                work, size, count, ..
            } = figure.entry;
            let key = (work, size, count);
            if done.contains(&key) {
                continue;
            }
            done.push(key);
            table += &row(self.row(run, figure, against_pipe));
        }
        table
    }

    /// What each has at the work of this figure.
    fn row(&self, run: &Run, figure: &Figure, against_pipe: bool) -> Vec<String> {
        let Entry {
            work, size, count, ..
        } = figure.entry;
        let of = |who| run.record.find(work, who, size, count);
        let mut cells = vec![label(figure.entry)];
        cells.extend(
            self.whos
                .iter()
                .map(|who| of(*who).map_or_else(none, |f| cell(run.place, f))),
        );
        if against_pipe {
            let both = of(Who::MyDevice).zip(of(Who::Pipe));
            cells.push(both.map_or_else(none, |(ours, pipe)| {
                number(times_as_long(ours, pipe).median())
            }));
        }
        cells
    }
}

/// What was done, with what.
fn label(entry: Entry) -> String {
    let mut label = entry.work.title().to_owned();
    if entry.count > 0 || entry.work == Work::BesideIdle {
        label += &format!(", {}", entry.count);
    }
    if entry.size > 0 {
        label += &format!(", {}", size(entry.size));
    }
    label
}

/// Throughput by size; where instructions are counted, those of a message.
fn transfers(run: &Run, work: Work) -> String {
    let Record { figures, .. } = &run.record;
    let sizes: Vec<_> = figures
        .iter()
        .map(|figure| figure.entry)
        .filter(|entry| entry.work == work && entry.who == Who::MyDevice)
        .map(|entry| entry.size)
        .collect();
    if sizes.is_empty() {
        return String::new();
    }
    let unit = match run.place {
        Place::Icount => "instructions a message",
        _ => "million bytes a second",
    };
    let mut columns = vec!["message"];
    let all = Who::CONTENDERS.iter().chain([&Who::Floor]);
    columns.extend(all.clone().map(|who| who.name()));
    columns.extend(["to the pipe", "to the best other", "share of the floor"]);
    let mut table = format!("\n### {}: {unit}\n\n{}", work.title(), heading(&columns));
    for bytes in sizes {
        let mut cells = vec![size(bytes)];
        cells.extend(all.clone().map(|who| {
            let figure = run.record.find(work, *who, bytes, 0);
            figure.map_or_else(none, |figure| transfer(run.place, figure))
        }));
        cells.extend(shares(run, work, bytes));
        table += &row(cells);
    }
    table
}

/// A transfer: its throughput, or its instructions.
fn transfer(place: Place, figure: &Figure) -> String {
    if place == Place::Icount {
        return cell(place, figure);
    }
    let size = figure.entry.size as f64;
    let rates = figure.values.iter().map(|ns| size * 1e3 / ns);
    let sample = Sample::new(rates.collect());
    format!("{} {}", number(sample.median()), spread(&sample))
}

/// What ours is to the pipe, to the best other, and to the floor. Of throughput more is better, of instructions less.
fn shares(run: &Run, work: Work, bytes: u64) -> [String; 3] {
    let best = best_other(&run.record, work, bytes).map(|figure| figure.entry.who);
    [Some(Who::Pipe), best, Some(Who::Floor)].map(|who| {
        let to = who.and_then(|who| ours_to(&run.record, work, who, bytes));
        to.map_or_else(none, |sample| match run.place {
            Place::Icount => number(sample.median()),
            _ => number(1.0 / sample.median()),
        })
    })
}

/// Transfers by io_uring beside those by plain calls.
fn io_uring(run: &Run) -> String {
    let figures: Vec<_> = run.record.of(Work::Uring).collect();
    if figures.is_empty() {
        return String::new();
    }
    let columns = ["", "message", "in flight", "a message", "worker threads"];
    let mut table = format!("\n### io_uring, 1:1\n\n{}", heading(&columns));
    for figure in figures {
        let Entry {
            who,
            size: bytes,
            count,
            ..
        } = figure.entry;
        let workers = run.record.find(Work::UringWorkers, who, bytes, count);
        table += &row([
            who.name().to_owned(),
            size(bytes),
            match count {
                0 => "plain calls".to_owned(),
                depth => depth.to_string(),
            },
            cell(run.place, figure),
            workers.map_or_else(none, |f| number(f.sample().at(1.0))),
        ]);
    }
    table
}
