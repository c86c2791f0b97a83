// SPDX-License-Identifier: GPL-2.0

//! What `add` and `apply` ask the kernel for, and what was wrong with it if it is refused.

use std::{fs, io};

use mydevice::{Add, Discipline, Instance};
use nix::{
    errno::Errno,
    unistd::{SysconfVar, sysconf},
};

use crate::{
    failure::Failure,
    size::{self, MOST},
    target::short,
};

/// The discipline of instances for which none is named.
const DEFAULT_DISCIPLINE: &str = "/sys/module/mydevice/parameters/discipline";

/// An instance that is asked for, as far as it can be refused.
#[derive(Clone, Debug)]
pub struct Request {
    pub name: String,
    pub discipline: Option<Discipline>,
    pub capacity: Option<u32>,
    pub max_capacity: Option<u32>,
    pub split: bool,
    pub written: Written,
}

/// How it was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Written {
    /// By options of `add`.
    Options,
    /// By a line, as sysfs takes it: without units.
    Line,
}

impl Request {
    /// The failure to add it, with the way out.
    pub fn failure(&self, add: &Add, cause: io::Error) -> Failure {
        Failure::from_io(format!("add {:?}", add.command()), cause)
            .hint_for(Errno::EINVAL, || self.invalid(self.default_limit()))
            .hint_for(Errno::EEXIST, || self.taken())
            .hint_for(Errno::ENOSPC, || {
                "4096 nodes are the most that there can be: `mydevicectl remove ...` makes room"
                    .to_owned()
            })
    }

    /// Which rules it breaks. `default` is what `max_capacity` is if nothing is said, and the discipline that has it so.
    fn invalid(&self, default: Option<(Discipline, u64)>) -> String {
        let mut broken = Vec::new();
        if !is_name(&self.name) {
            broken.push(
                "a name is 1 to 32 of a-z, 0-9, _ and -, and does not begin with mydevice"
                    .to_owned(),
            );
        }
        if self.max_capacity.is_some_and(|max| max == 0 || max > MOST) {
            broken.push(format!("max_capacity is 1 to {MOST}"));
        }
        match (self.capacity, self.max_capacity) {
            (Some(0), _) => {
                broken.push("a capacity is at least 1 and at most max_capacity".to_owned());
            }
            (Some(bytes), Some(max)) if bytes > max => broken.push(format!(
                "{bytes} is more than max_capacity, which is to be {max}: raise the one or lower the other"
            )),
            (Some(bytes), None) => broken.extend(default.and_then(|(discipline, limit)| {
                (u64::from(bytes) > limit).then(|| self.more_than(bytes, discipline, limit))
            })),
            _ => {}
        }
        match broken.is_empty() {
            true => "it breaks no rule that this mydevicectl knows: `mydevicectl doctor` tells whether the module is of the same version"
                .to_owned(),
            false => broken.join("\n"),
        }
    }

    fn more_than(&self, bytes: u32, discipline: Discipline, limit: u64) -> String {
        let (key, raised) = match self.written {
            Written::Options => (
                "--max-capacity",
                format!("--max-capacity {}", size::exact(bytes)),
            ),
            Written::Line => ("max_capacity=", format!("max_capacity={bytes}")),
        };
        let way_out = match bytes > MOST {
            true => format!("{MOST} is the most"),
            false => format!("add {raised}"),
        };
        format!(
            "{bytes} is more than max_capacity, which is {limit} for a {discipline} unless {key} says otherwise: {way_out}"
        )
    }

    /// The `max_capacity` of an instance for which none is named, as `mydevice(4)` has it. The kernel does not tell.
    fn default_limit(&self) -> Option<(Discipline, u64)> {
        let discipline = self.discipline.or_else(|| {
            let name = fs::read_to_string(DEFAULT_DISCIPLINE).ok()?;
            Some(Discipline::named(name.trim()))
        })?;
        let limit = match discipline {
            Discipline::Stream | Discipline::Buffer | Discipline::Log => 1 << 20,
            Discipline::Spool => {
                let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
                100_000 * u64::try_from(page).ok()?
            }
            Discipline::Stack => u64::from(MOST),
            _ => return None,
        };
        Some((discipline, limit))
    }

    /// Who has the name, or that of one of its nodes.
    pub fn owner(&self) -> Option<(String, Instance)> {
        let suffixes: &[&str] = match self.split {
            true => &["", "_w", "_r"],
            false => &[""],
        };
        suffixes.iter().find_map(|suffix| {
            let name = format!("mydevice-{}{suffix}", self.name);
            let owner = Instance::find(&name).ok()?;
            // `find` takes x_w for x, too, which only has that node if it is split.
            (owner.name() == name || owner.is_split()).then_some((name, owner))
        })
    }

    fn taken(&self) -> String {
        match self.owner() {
            Some((name, owner)) => format!(
                "{}choose another name, or {}",
                whose(&name, &owner),
                removal(&owner)
            ),
            None => "the name is taken: choose another".to_owned(),
        }
    }
}

fn whose(name: &str, owner: &Instance) -> String {
    match owner.name() == name {
        true => format!("{name} is there: "),
        false => format!("{name} is a node of {owner}: "),
    }
}

/// How to get rid of what is in the way, and at which price.
pub fn removal(owner: &Instance) -> String {
    format!(
        "`mydevicectl remove {}`, by which all that {owner} holds is lost",
        short(owner)
    )
}

/// Whether `add` takes this name.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=32).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with("mydevice")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Option<(Discipline, u64)> = Some((Discipline::Stream, 1 << 20));

    fn request(name: &str, capacity: Option<u32>, max_capacity: Option<u32>) -> Request {
        Request {
            name: name.to_owned(),
            discipline: None,
            capacity,
            max_capacity,
            split: false,
            written: Written::Options,
        }
    }

    #[test]
    fn the_rule_that_was_broken_is_named_and_no_other() {
        for (name, capacity, max, said) in [
            ("Jobs", None, None, "a name is 1 to 32"),
            ("mydevice7", None, None, "does not begin with mydevice"),
            ("x", Some(0), None, "at least 1"),
            ("x", None, Some(0), "max_capacity is 1 to 2147483647"),
            (
                "x",
                Some(9),
                Some(8),
                "9 is more than max_capacity, which is to be 8",
            ),
            (
                "x",
                Some(2 << 20),
                None,
                "2097152 is more than max_capacity, which is 1048576 for a stream",
            ),
            ("x", Some(1 << 20), None, "breaks no rule"),
            ("x", None, None, "breaks no rule"),
        ] {
            let hint = request(name, capacity, max).invalid(STREAM);
            assert!(hint.contains(said), "{said:?} is missing in {hint:?}");
            assert_eq!(hint.lines().count(), 1, "{hint}");
        }
        let hint = request("Jobs", Some(0), None).invalid(STREAM);
        assert_eq!(hint.lines().count(), 2, "{hint}");
    }

    #[test]
    fn the_way_out_is_written_as_the_request_was() {
        let options = request("x", Some(2 << 20), None);
        let hint = options.invalid(STREAM);
        assert!(
            hint.ends_with("unless --max-capacity says otherwise: add --max-capacity 2M"),
            "{hint}"
        );
        let line = Request {
            written: Written::Line,
            ..options
        };
        let hint = line.invalid(STREAM);
        assert!(
            hint.ends_with("unless max_capacity= says otherwise: add max_capacity=2097152"),
            "{hint}"
        );
        let hint = request("x", Some(MOST + 1), None).invalid(STREAM);
        assert!(hint.ends_with("2147483647 is the most"), "{hint}");
    }
}
