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
    pub quick: bool,
    /// Only the parts with this in their names; may be given more than once.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only this contender, of those in a part that has several; may be given more than once.
    #[arg(long, value_name = "NAME", value_parser = who)]
    who: Vec<Who>,
    /// Only transfers in messages of so many bytes; may be given more than once.
    #[arg(long, value_name = "BYTES")]
    size: Vec<usize>,
    /// Prints the kernel's symbols as well, and which windows between marks are what: for `cargo xtask profile`.
    #[arg(long)]
    pub symbols: bool,
}

/// A contender, or the floor, by its name.
fn who(name: &str) -> Result<Who, String> {
    let all = Who::CONTENDERS.into_iter().chain([Who::Floor]);
    let names: Vec<_> = all.clone().map(Who::name).collect();
    let found = all.into_iter().find(|who| who.name() == name);
    found.ok_or_else(|| format!("there is no {name:?} but: {}", names.join(", ")))
}

impl Options {
    /// Whether the part of that name is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| part.contains(text))
    }

    /// Whether it is to be measured how fast that contender is.
    fn wants_who(&self, who: Who) -> bool {
        self.who.is_empty() || self.who.contains(&who)
    }

    /// Those of the transfers that are to be measured.
    fn wanted(&self, transfers: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let wants = |(size, _): &(usize, usize)| self.size.is_empty() || self.size.contains(size);
        transfers.iter().copied().filter(wants).collect()
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
    pub transfers: Vec<(usize, usize)>,
    /// The same by io_uring.
    pub uring_transfers: Vec<(usize, usize)>,
    /// Ways to hand bytes over that this kernel has.
    pub contenders: Vec<Who>,
    /// Whether the floor is measured.
    pub floor: bool,
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

/// The same by io_uring.
const URING_TRANSFERS: &[(usize, usize)] = &[(64, 20_000), (4 << 10, 10_000)];

impl Plan {
    /// What the options ask for.
    pub fn new(options: &Options) -> Self {
        let contenders = contenders(options);
        let floor = options.wants_who(Who::Floor);
        let uring_transfers = options.wanted(URING_TRANSFERS);
        if options.quick {
            return Self {
                rounds: 1,
                ping_pong_rounds: 1,
                scale: options.scale / 50.0,
                transfers: options.wanted(&[(64, 20_000), (4 << 10, 10_000)]),
                uring_transfers,
                contenders,
                floor,
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
            transfers: options.wanted(TRANSFERS),
            uring_transfers,
            contenders,
            floor,
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
fn contenders(options: &Options) -> Vec<Who> {
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
    let wanted = |who: &Who| options.wants_who(*who);
    let contenders = Who::CONTENDERS.into_iter().filter(wanted);
    contenders.filter(there).collect()
}
