// SPDX-License-Identifier: GPL-2.0

//! The page that all of it is on.

use crate::{
    charter,
    plots::Plot,
    run::{Place, Run},
    tables, targets,
    text::{heading, row},
};

const BEGINNING: &str = "\
<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Made by `make bench` (cargo xtask bench). Not edited by hand: the next run writes it anew. -->
# How fast it is

A `stream` beside what people use today: a pipe set to the same capacity with `F_SETPIPE_SZ`, a named pipe set so, too, a pair of
`AF_UNIX` stream sockets whose `SO_SNDBUF` it is, and a POSIX message queue that holds as many bytes. The capacity is 64 KiB, or
a message's where that is more; 4 KiB for the ping-pong.

Writers and readers are processes of their own. They get ready, a signal starts them, and the time ends when the last one is done.
All contenders take turns in every round. A figure is the median over the rounds, and behind ± stands half the distance between
the quartiles. Ratios are computed within each round; the table shows their median.

The copy floor is what the machine could do at best: as many writes into memory in the kernel (one file of memfd for each process)
and as many reads out of it, all at once, and nobody waits for anybody.
";

const TARGETS: &str = "
## What is to be reached

What is judged is in bold, on the kernel that the figure is asked of. Of throughput more is better, of times less.

";

const UNREACHED: &str = "
[What is not reached](unreached.md) says what stands in the way, by [a profile](profile.md) of the instructions.
";

const CHARTER: &str = "
## Targets for a native machine

These were named for a machine that runs the kernel itself. Each is judged on the machine below where it is best met.

";

const REPEAT: &str = "
## How to repeat it

    make bench                              # everything, on a machine that does nothing else
    cargo xtask bench --kernel icount       # one of the machines; what is known of the others stays
    cargo xtask bench --quick               # a slice of some seconds, into target/bench
    cargo xtask bench -- --only transfers   # a part, into target/bench
    cargo xtask bench --report-only         # this page anew, from the figures that are there
    cargo xtask profile                     # the profile, which any machine can make

The values of every round are in the JSON files beside this page.
";

const LIMITS: &str = "
## What the figures do not show

- Times under QEMU's translator say little of a real processor: each guest instruction costs about the same, a miss in a cache
  next to nothing, a lock no more than two stores. Only what two contenders are to each other in one run means something.
- Instructions are counted on one processor. Nobody contends for a lock there, and nobody copies beside anybody.
- With the clock of instructions, a repeated string instruction counts once for each word that it moves, so that copies weigh
  more, beside the rest, than they do on a real processor.
- The copy floor goes through memfd, whose own way through the kernel is longer than a short copy: for messages of less than some
  KiB a contender can be above it.
- User Mode Linux copies at native speed, but a system call of its programs is caught by another process of the host and takes
  some microseconds: it says something of 64 KiB and more, and nothing of short messages.
- 4 writers and 4 readers share the processors of the VM, which are fewer.
- A message queue hands over messages, not bytes, and holds as many as fit the capacity, 65,536 at most.
- `poll` and `epoll_wait` look at descriptors of which the first is ready; they do not sleep.
";

/// The page.
pub fn page(runs: &[Run], plots: &[Plot]) -> String {
    let mut page = BEGINNING.to_owned();
    page += TARGETS;
    page += &targets::table(runs);
    page += UNREACHED;
    page += CHARTER;
    page += &charter::table(runs);
    for run in runs {
        page += &format!(
            "\n## {}\n\n{}",
            capital(run.place.title()),
            about(run.place)
        );
        for plot in plots.iter().filter(|plot| plot.place == run.place) {
            page += &format!("\n![{}]({})\n", plot.title, plot.file());
        }
        page += &tables::all(run);
    }
    page += "\n## Machines and versions\n\n";
    page += &machines(runs);
    page += REPEAT;
    page += LIMITS;
    page
}

/// What there is to know before reading figures of a place.
fn about(place: Place) -> &'static str {
    match place {
        Place::Stock => "Debian's kernel in the VM that the tests run in.\n",
        Place::Icount => {
            "The same kernel on one processor, with a clock that goes on by one with each instruction: what was measured as a \
             time is a number of instructions.\n"
        }
        Place::Uml => {
            "A kernel from the same source that is a process of the host, and copies as fast as that.\n"
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What each run ran on.
fn machines(runs: &[Run]) -> String {
    let mut columns = vec![""];
    columns.extend(runs.iter().map(|run| run.place.title()));
    let line = |name: &str, value: &dyn Fn(&Run) -> String| {
        row([name.to_owned()].into_iter().chain(runs.iter().map(value)))
    };
    let mut table = heading(&columns);
    table += &line("day", &|run| run.host.date.clone());
    table += &line("commit", &|run| run.host.commit.clone());
    table += &line("host", &|run| run.host.processor.clone());
    table += &line("load of the host before", &|run| run.host.load.clone());
    table += &line("guest's processors made by", &|run| {
        run.host.accelerator.clone()
    });
    table += &line("guest's processors", &|run| {
        run.record.guest.processors.to_string()
    });
    table += &line("guest's memory", &|run| {
        format!("{} MiB", run.record.guest.memory)
    });
    table += &line("guest says it is", &|run| run.record.guest.kernel.clone());
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in runs.iter().flat_map(|run| &run.host.versions) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    for name in names {
        table += &line(name, &|run| {
            let found = run.host.versions.iter().find(|(n, _)| n == name);
            found.map_or("–".to_owned(), |(_, version)| version.clone())
        });
    }
    table
}
