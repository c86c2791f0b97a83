// SPDX-License-Identifier: GPL-2.0

//! Measures a `stream` of mydevice beside a pipe, a named pipe and a pair of sockets of the same capacity.
//!
//! All contenders take turns within every round, so that what else the machine does meets all of them alike. The
//! figures are medians over the rounds; with each goes the spread, half the distance between the quartiles, as a
//! share of the median. Only ratios within one run mean anything.

mod channel;
mod crew;
mod stats;
mod transfer;

use std::time::Duration;

use anyhow::Result;
use channel::Contender;
use clap::Parser;
use mydevice_tests::Module;
use stats::Sample;
use transfer::Transfer;

/// Measures mydevice beside what people use today. To be run in the VM, as root: it loads the module.
#[derive(Parser)]
struct Options {
    /// How often each contender is measured.
    #[arg(long, value_name = "N", default_value_t = 11)]
    rounds: usize,
    /// So many times the usual number of messages.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    scale: f64,
}

/// The bytes of a message, and how many messages a writer sends.
const SIZES: [(usize, usize); 6] = [
    (1, 20_000),
    (64, 20_000),
    (1 << 10, 20_000),
    (4 << 10, 10_000),
    (64 << 10, 1_000),
    (1 << 20, 100),
];

/// Writers and readers.
const CREWS: [(usize, usize); 2] = [(1, 1), (4, 4)];

/// The bytes of a message that goes to and fro, and how often.
const PING: (usize, usize) = (64, 2_000);

fn main() -> Result<()> {
    let options = Options::parse();
    let _module = Module::load(&[]);
    for (writers, readers) in CREWS {
        println!("\n{writers} to {readers}, million bytes a second\n");
        heading(&["floor"]);
        for (size, messages) in SIZES {
            let messages = (messages as f64 * options.scale / writers as f64).ceil() as usize;
            let transfer = Transfer {
                writers,
                readers,
                size,
                messages,
            };
            throughput(&transfer, options.rounds)?;
        }
    }
    println!(
        "\nA message of {} bytes to and fro, microseconds: median, 99th percentile\n",
        PING.0
    );
    latency(options.rounds)
}

fn heading(more: &[&str]) {
    let names: Vec<_> = Contender::ALL
        .map(Contender::name)
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    println!(
        "| bytes | {} | to the pipe | to the best other |",
        names.join(" | ")
    );
    println!("|{}", " --- |".repeat(names.len() + 3));
}

/// A row of the table: one transfer by all contenders, and the floor.
fn throughput(transfer: &Transfer, rounds: usize) -> Result<()> {
    let bytes = (transfer.size * transfer.total()) as f64;
    let rate = |time: Duration| bytes / time.as_secs_f64() / 1e6;
    let mut rates = [const { Vec::new() }; Contender::ALL.len()];
    let mut floor = Vec::new();
    for _ in 0..rounds {
        for (contender, rates) in Contender::ALL.into_iter().zip(&mut rates) {
            rates.push(rate(transfer.time(contender)?));
        }
        floor.push(rate(transfer.floor()?));
    }
    let samples = rates.map(Sample::new);
    let best = samples
        .iter()
        .skip(1)
        .map(Sample::median)
        .fold(0.0, f64::max);
    let ours = samples[0].median();
    let cells: Vec<_> = samples
        .iter()
        .chain([&Sample::new(floor)])
        .map(Sample::to_string)
        .collect();
    println!(
        "| {} | {} | {:.2} | {:.2} |",
        transfer.size,
        cells.join(" | "),
        ours / samples[1].median(),
        ours / best,
    );
    Ok(())
}

/// The table of latencies.
fn latency(rounds: usize) -> Result<()> {
    let (size, messages) = PING;
    let mut medians = [const { Vec::new() }; Contender::ALL.len()];
    let mut tails = [const { Vec::new() }; Contender::ALL.len()];
    for _ in 0..rounds {
        for (index, contender) in Contender::ALL.into_iter().enumerate() {
            let times = transfer::ping_pong(contender, size, messages)?;
            let times = Sample::new(times.iter().map(|time| time.as_secs_f64() * 1e6).collect());
            medians[index].push(times.median());
            tails[index].push(times.at(0.99));
        }
    }
    heading(&[]);
    for (what, samples) in [("median", medians), ("99%", tails)] {
        let samples = samples.map(Sample::new);
        let best = samples
            .iter()
            .skip(1)
            .map(Sample::median)
            .fold(f64::MAX, f64::min);
        let ours = samples[0].median();
        let cells: Vec<_> = samples.iter().map(Sample::to_string).collect();
        println!(
            "| {what} | {} | {:.2} | {:.2} |",
            cells.join(" | "),
            ours / samples[1].median(),
            ours / best
        );
    }
    Ok(())
}
