// SPDX-License-Identifier: GPL-2.0

//! The figures to reach, and how far they are reached.

use mydevice_figures::{Figure, Record, Sample, Who, Work};

use crate::{
    compare::{counts, ours_to, throughput_to, throughput_to_best},
    run::{Place, Run},
    text::{heading, number, row, size, spread},
};

/// How a figure is got from what was measured.
type Finder = Box<dyn Fn(&Record) -> Option<Sample>>;

/// A figure to reach.
struct Target {
    /// Of what.
    what: String,
    /// The figure itself, on each kernel that it is asked of.
    asked: Vec<(Place, Bound)>,
    /// How it is got from what was measured.
    figure: Finder,
    /// What is said behind it.
    remark: fn(&Record) -> String,
}

/// The most or the least that a figure may be.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// At most so much more than without, as a share.
    More(f64),
    Bytes(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) | Self::Bytes(bound) => value <= bound,
            Self::More(share) => value - 1.0 <= share,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {bound:.1}"),
            Self::AtMost(bound) => format!("at most {bound:.1}"),
            Self::More(share) => format!("at most {:.0}% more", share * 100.0),
            Self::Bytes(bound) => format!("at most {bound:.0} bytes"),
        }
    }

    fn value(self, sample: &Sample) -> String {
        match self {
            Self::AtLeast(_) | Self::AtMost(_) => {
                format!("{} {}", number(sample.median()), spread(sample))
            }
            Self::More(_) => format!("{:+.1}%", (sample.median() - 1.0) * 100.0),
            Self::Bytes(_) => format!("{:.0} bytes", sample.median()),
        }
    }
}

impl Target {
    /// What is asked, in words.
    fn asked(&self) -> String {
        match &self.asked[..] {
            [(_, bound)] => bound.text(),
            several => {
                let each = several
                    .iter()
                    .map(|(place, bound)| format!("{}: {}", place.title(), bound.text()));
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// What is asked there.
    fn bound(&self, place: Place) -> Option<Bound> {
        let mut asked = self.asked.iter();
        asked.find(|(at, _)| *at == place).map(|(_, bound)| *bound)
    }
}

/// A figure that is asked of the stock kernel.
fn target(
    what: impl Into<String>,
    bound: Bound,
    figure: impl Fn(&Record) -> Option<Sample> + 'static,
) -> Target {
    Target {
        what: what.into(),
        asked: vec![(Place::Stock, bound)],
        figure: Box::new(figure),
        remark: |_| String::new(),
    }
}

/// All figures to reach.
fn targets() -> Vec<Target> {
    let mut all = transfers();
    all.extend(waiting());
    all.extend(calls());
    all
}

fn transfers() -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    let mut all = vec![Target {
        asked: vec![(Place::Icount, AtMost(0.8))],
        ..target("64 B, 1:1, a message against the pipe", AtMost(0.8), |r| {
            ours_to(r, Work::OneToOne, Who::Pipe, 64)
        })
    }];
    for (bytes, stock, uml) in [(4096, 1.2, 1.2), (64 << 10, 1.0, 1.2), (1 << 20, 1.0, 1.2)] {
        let what = format!("{}, 1:1, throughput against the best other", size(bytes));
        let figure = move |r: &Record| throughput_to_best(r, Work::OneToOne, bytes);
        all.push(Target {
            asked: vec![(Place::Stock, AtLeast(stock)), (Place::Uml, AtLeast(uml))],
            ..target(what, AtLeast(stock), figure)
        });
    }
    for bytes in [64, 4096] {
        let what = format!("{}, 4:4, throughput against the pipe", size(bytes));
        all.push(target(what, AtLeast(2.0), move |r| {
            throughput_to(r, Work::FourToFour, Who::Pipe, bytes)
        }));
    }
    all.push(target(
        "64 KiB, 1:1, share of the copy floor",
        AtLeast(0.8),
        |r| throughput_to(r, Work::OneToOne, Who::Floor, 64 << 10),
    ));
    all
}

fn waiting() -> Vec<Target> {
    use Bound::{AtLeast, AtMost, More};
    let mut all = vec![
        target(
            "ping-pong of 64 B, median, against the pipe",
            AtMost(1.0),
            |r| ours_to(r, Work::PingPong, Who::Pipe, 64),
        ),
        target(
            "ping-pong of 64 B, 99%, against the pipe",
            AtMost(1.1),
            |r| ours_to(r, Work::PingPongTail, Who::Pipe, 64),
        ),
        target(
            "a write with 1000 sleeping readers against one with 1",
            AtMost(1.2),
            |r| counts(r, Work::WriteToSleepers, 0, 1000, 1),
        ),
    ];
    for bytes in [64, 4096] {
        for (depth, bound, remark) in [
            (1, 1.0, (|r| workers(r, 1)) as fn(&Record) -> String),
            (32, 1.2, |r| workers(r, 32)),
        ] {
            let what = format!(
                "{}, 1:1, io_uring at depth {depth}, throughput against plain calls",
                size(bytes)
            );
            let figure = move |r: &Record| counts(r, Work::Uring, bytes, 0, depth);
            all.push(Target {
                remark,
                ..target(what, AtLeast(bound), figure)
            });
        }
    }
    let what = "64 B, 1:1, beside 255 idle instances, each with a sleeping reader";
    all.push(Target {
        asked: vec![(Place::Icount, More(0.02))],
        ..target(what, More(0.02), |r| {
            counts(r, Work::BesideIdle, 64, 255, 0)
        })
    });
    all
}

fn calls() -> Vec<Target> {
    vec![
        target(
            "STATUS against FIONREAD on a pipe",
            Bound::AtMost(1.2),
            |r| {
                let status = r.find(Work::Status, Who::MyDevice, 0, 0)?;
                let unread = r.find(Work::Unread, Who::Pipe, 0, 0)?;
                Some(Sample::of_ratios(&status.values, &unread.values))
            },
        ),
        target(
            "the driver's own memory for an idle instance beyond its capacity",
            Bound::Bytes(2048.0),
            |r| Some(r.find(Work::IdleMemory, Who::MyDevice, 0, 0)?.sample()),
        ),
    ]
}

/// The most worker threads that io_uring had at that depth.
fn workers(record: &Record, depth: u64) -> String {
    let ours = |f: &&Figure| f.entry.who == Who::MyDevice && f.entry.count == depth;
    let figures = record.of(Work::UringWorkers).filter(ours);
    let most = figures
        .flat_map(|f| f.values.iter().copied())
        .reduce(f64::max);
    most.map_or(String::new(), |most| format!(", {most:.0} worker threads"))
}

/// The table of all figures to reach. What is judged is in bold.
pub fn table(runs: &[Run]) -> String {
    let names: Vec<_> = runs.iter().map(|run| run.place.title()).collect();
    let columns = [&["work", "asked"], &names[..], &["met"]].concat();
    let mut table = heading(&columns);
    for target in targets() {
        let (mut judged, mut held) = (0, 0);
        let cells = runs.iter().map(|run| {
            let Some(sample) = (target.figure)(&run.record) else {
                return "–".to_owned();
            };
            let (_, usual) = target.asked[0];
            let value = usual.value(&sample) + &(target.remark)(&run.record);
            let Some(bound) = target.bound(run.place) else {
                return value;
            };
            judged += 1;
            held += usize::from(bound.holds(sample.median()));
            format!("**{value}**")
        });
        let cells: Vec<_> = cells.collect();
        let met = match judged {
            0 => "not measured",
            _ if held < judged => "**not met**",
            _ if judged < target.asked.len() => "met where it was measured",
            _ => "met",
        };
        table += &row([target.what.clone(), target.asked()]
            .into_iter()
            .chain(cells)
            .chain([met.to_owned()]));
    }
    table
}
