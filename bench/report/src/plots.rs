// SPDX-License-Identifier: GPL-2.0

//! What is drawn, and from which figures.

use std::path::Path;

use anyhow::Result;
use mydevice_figures::{Record, Who, Work};

use crate::{
    chart::{Axis, Chart, Line, Marks},
    run::{Place, Run},
    text::{instructions, number, size, time},
};

/// A drawing of a run.
pub struct Plot {
    /// Of which.
    pub place: Place,
    /// What its file is called behind the place.
    name: &'static str,
    /// What stands above it.
    pub title: String,
    chart: Chart,
}

impl Plot {
    /// The name of its file.
    pub fn file(&self) -> String {
        format!("{}-{}.svg", self.place.name(), self.name)
    }

    /// Draws it into a folder.
    pub fn draw(&self, folder: &Path) -> Result<()> {
        self.chart.draw(&self.title, &folder.join(self.file()))
    }
}

/// All drawings of a run for which there are figures.
pub fn of(run: &Run) -> Vec<Plot> {
    let plots = [
        transfers(run, Work::OneToOne, "1to1"),
        transfers(run, Work::FourToFour, "4to4"),
        latency(run),
        many(
            run,
            "sleepers",
            "A write of 64 B, by the readers that sleep",
            "sleeping readers",
            &[(Work::WriteToSleepers, "a write")],
        ),
        many(
            run,
            "instances",
            "poll and epoll_wait, by the instances that they look at",
            "instances",
            &[(Work::Poll, "poll"), (Work::Epoll, "epoll_wait")],
        ),
        idle(run),
    ];
    plots.into_iter().flatten().collect()
}

/// The axis of what takes time.
fn duration(place: Place, of: &str) -> Axis {
    match place {
        Place::Icount => Axis::log(format!("instructions {of}"), instructions),
        _ => Axis::log(format!("time {of}"), time),
    }
}

fn plot(run: &Run, name: &'static str, title: &str, mut chart: Chart) -> Option<Plot> {
    for line in &mut chart.lines {
        // None at all has no place on an axis of ratios.
        line.points
            .retain(|(across, up)| across.is_finite() && up.is_finite());
    }
    let points = chart.lines.iter().map(|line| line.points.len());
    (points.max()? > 0).then(|| Plot {
        place: run.place,
        name,
        title: format!("{title} ({})", run.place.title()),
        chart,
    })
}

/// Throughput by the size of a message; where instructions are counted, those of a message.
fn transfers(run: &Run, work: Work, name: &'static str) -> Option<Plot> {
    let lines = Who::CONTENDERS
        .into_iter()
        .chain([Who::Floor])
        .enumerate()
        .map(|(color, who)| Line {
            name: who.name().to_owned(),
            color,
            marks: Marks::Joined,
            points: medians(&run.record, work, who)
                .map(|(figure, ns)| {
                    let value = match run.place {
                        Place::Icount => ns,
                        _ => figure.0 as f64 * 1e9 / ns,
                    };
                    ((figure.0 as f64).log2(), value)
                })
                .collect(),
        });
    let chart = Chart {
        across: Axis::even("message".to_owned(), |log| size(log.exp2().round() as u64)),
        up: match run.place {
            Place::Icount => duration(run.place, "a message"),
            _ => Axis::log("bytes a second".to_owned(), bytes_a_second),
        },
        lines: lines.collect(),
    };
    plot(run, name, &format!("Transfers: {}", work.title()), chart)
}

/// Throughput in the unit that makes a short number.
fn bytes_a_second(value: f64) -> String {
    match value {
        n if n >= 999.5e6 => format!("{} GB/s", number(n / 1e9)),
        n if n >= 999.5e3 => format!("{} MB/s", number(n / 1e6)),
        n => format!("{} kB/s", number(n / 1e3)),
    }
}

/// Of each figure of a work: its size and count, and its median.
fn medians(record: &Record, work: Work, who: Who) -> impl Iterator<Item = ((u64, u64), f64)> + '_ {
    let figures = record
        .of(work)
        .filter(move |figure| figure.entry.who == who);
    figures.map(|figure| {
        (
            (figure.entry.size, figure.entry.count),
            figure.sample().median(),
        )
    })
}

/// Each round of the ping-pong, by contender: the median and what 99 of 100 did not exceed.
fn latency(run: &Run) -> Option<Plot> {
    let lines = [
        (Work::PingPong, "median of a round", 0, -0.12),
        (Work::PingPongTail, "99% of a round", 1, 0.12),
    ];
    let lines = lines.map(|(work, name, color, aside)| Line {
        name: name.to_owned(),
        color,
        marks: Marks::Apart,
        points: Who::CONTENDERS
            .into_iter()
            .enumerate()
            .filter_map(|(index, who)| Some((index, run.record.find(work, who, 64, 0)?)))
            .flat_map(|(index, figure)| {
                let at = index as f64 + aside;
                figure.values.iter().map(move |value| (at, *value))
            })
            .collect(),
    });
    let chart = Chart {
        across: Axis::names(Who::CONTENDERS.map(Who::name).to_vec()),
        up: duration(run.place, "there and back"),
        lines: lines.into(),
    };
    plot(
        run,
        "latency",
        "A message of 64 B there and back, each round",
        chart,
    )
}

/// Works by how many there are of what they count.
fn many(
    run: &Run,
    name: &'static str,
    title: &str,
    counted: &str,
    works: &[(Work, &str)],
) -> Option<Plot> {
    let mut lines = Vec::new();
    for (work, called) in works {
        for who in [Who::MyDevice, Who::Pipe] {
            lines.push(Line {
                name: format!("{called}, {}", who.name()),
                color: lines.len(),
                marks: Marks::Joined,
                points: medians(&run.record, *work, who)
                    .map(|((_, count), ns)| ((count as f64).log10(), ns))
                    .collect(),
            });
        }
    }
    let chart = Chart {
        across: Axis::even(counted.to_owned(), power_of_ten),
        up: duration(run.place, "a call"),
        lines,
    };
    plot(run, name, title, chart)
}

/// A transfer by how many idle instances there are beside it.
fn idle(run: &Run) -> Option<Plot> {
    let chart = Chart {
        across: Axis::even(
            "idle instances, each with a sleeping reader".to_owned(),
            number_of,
        ),
        up: Axis::from_zero(
            match run.place {
                Place::Icount => "instructions a message".to_owned(),
                _ => "time a message".to_owned(),
            },
            match run.place {
                Place::Icount => instructions,
                _ => time,
            },
        ),
        lines: vec![Line {
            name: "mydevice".to_owned(),
            color: 0,
            marks: Marks::Joined,
            points: medians(&run.record, Work::BesideIdle, Who::MyDevice)
                .map(|((_, count), ns)| (count as f64, ns))
                .collect(),
        }],
    };
    plot(
        run,
        "idle",
        "A message of 64 B, 1:1, beside idle instances",
        chart,
    )
}

/// The number of which this is the logarithm, if it is a power of ten.
fn power_of_ten(log: f64) -> String {
    match (log - log.round()).abs() < 0.01 {
        true => format!("{:.0}", 10f64.powf(log)),
        false => String::new(),
    }
}

fn number_of(value: f64) -> String {
    format!("{value:.0}")
}
