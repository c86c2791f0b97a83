// SPDX-License-Identifier: GPL-2.0

//! How much is measured.

use clap::Parser;
use mydevice_figures::Who;

use crate::channel::Channel;

/// Measures mydevice beside what people use today. To be run in the VM, as root: it loads the module.
#[derive(Parser)]
// So that what a caller adds behind usual options wins.
#[command(args_override_self = true)]
pub struct Options {
    /// How often each contender is measured; 20 times at least for the ping-pong, unless --quick is given.
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// So many times the usual number of messages.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    scale: f64,
    /// A slice of a few seconds: one round of everything, with few messages, sizes and processes.
    #[arg(long)]
    quick: bool,
    /// Only the parts with this in their names; may be given more than once.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

impl Options {
    /// Whether the part of that name is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| part.contains(text))
    }
}

/// How much is measured: the numbers behind the options.
pub struct Plan {
    /// How often each contender is measured.
    pub rounds: usize,
    /// The same for the ping-pong.
    pub ping_pong_rounds: usize,
    /// So many times the usual number of messages or calls.
    scale: f64,
    /// The bytes of a message in transfers, and how many messages are sent in all.
    pub transfers: &'static [(usize, usize)],
    /// Ways to hand bytes over that this kernel has.
    pub contenders: Vec<Who>,
    /// How many readers sleep.
    pub sleepers: &'static [usize],
    /// How many instances are polled.
    pub polled: &'static [usize],
    /// How many idle instances there are beside a busy one.
    pub idle: &'static [usize],
}

/// The transfers of a full run.
const TRANSFERS: &[(usize, usize)] = &[
    (1, 20_000),
    (64, 20_000),
    (1 << 10, 20_000),
    (4 << 10, 10_000),
    (64 << 10, 1_000),
    (1 << 20, 100),
];

impl Plan {
    /// What the options ask for.
    pub fn new(options: &Options) -> Self {
        let contenders = contenders();
        if options.quick {
            return Self {
                rounds: 1,
                ping_pong_rounds: 1,
                scale: options.scale / 50.0,
                transfers: &[(64, 20_000), (4 << 10, 10_000)],
                contenders,
                sleepers: &[1, 20],
                polled: &[1, 20],
                idle: &[0, 5],
            };
        }
        let rounds = usize::from(options.rounds);
        Self {
            rounds,
            ping_pong_rounds: rounds.max(20),
            scale: options.scale,
            transfers: TRANSFERS,
            contenders,
            sleepers: &[1, 10, 100, 1000],
            polled: &[1, 10, 100, 1000],
            idle: &[0, 15, 63, 255],
        }
    }

    /// So many of a usual number, and at least 8.
    pub fn scaled(&self, usual: usize) -> usize {
        ((usual as f64 * self.scale) as usize).max(8)
    }
}

/// Ways to hand bytes over that this kernel has: not each has message queues.
fn contenders() -> Vec<Who> {
    let there = |who: &Who| {
        // An instance needs the module, which is loaded later.
        if *who == Who::MyDevice {
            return true;
        }
        let made = Channel::new(*who, 4096, 64, "probe").and_then(|channel| channel.remove());
        if let Err(error) = &made {
            eprintln!("left out: {}: {error:#}", who.name());
        }
        made.is_ok()
    };
    Who::CONTENDERS.into_iter().filter(there).collect()
}
