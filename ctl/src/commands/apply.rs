// SPDX-License-Identifier: GPL-2.0

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use mydevice::{Add, Attribute, Discipline, Instance, OnEmpty};
use nix::errno::Errno;

use crate::{
    failure::{Code, Failure, Result},
    output,
    request::{Request, Written, removal},
    size::MOST,
    target::short,
};

/// The folder whose files are meant if none is named.
const FOLDER: &str = "/etc/mydevice.d";

/// Makes the instances that files describe, and prints the nodes of those that it made.
///
/// Each line is an instance, as /sys/class/mydevice_class/add takes it: its name, then any of discipline=, capacity=,
/// max_capacity=, on_empty=, read_timeout_ms= and split=, each once. Empty lines and lines that begin with # count for nothing.
/// An instance that is there already is left as it is, with all that it holds; one of another discipline, or with other nodes,
/// is an error. A line that fails does not keep the others from being tried. The exit code is that of the first one that failed.
#[derive(Args, Debug)]
pub struct Apply {
    /// The files; by default /etc/mydevice.d/*.conf, in the order of their names.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

/// A line of a file, and what it asks for.
#[derive(Debug)]
struct Wish {
    place: Place,
    request: Request,
    /// The other values, each as sysfs would show it.
    values: Vec<(Attribute, String)>,
    add: Add,
}

/// Where a wish stands.
#[derive(Clone, Debug)]
struct Place {
    file: PathBuf,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl Apply {
    pub fn run(self) -> Result<ExitCode> {
        let files = match self.files.is_empty() {
            true => default_files()?,
            false => self.files,
        };
        let mut first = None;
        // Whoever reads may have enough, and the instances are wanted all the same.
        let mut printed = Ok(());
        let mut failed = |failure: Failure| {
            first = first.or(Some(failure.code()));
            failure.report();
        };
        for file in files {
            let text = match fs::read_to_string(&file) {
                Ok(text) => text,
                Err(error) => {
                    failed(Failure::from_file(
                        format!("read {}", file.display()),
                        error,
                    ));
                    continue;
                }
            };
            for wish in wishes(&file, &text) {
                match wish.and_then(Wish::fulfil) {
                    Ok(Some(instance)) => printed = printed.and(output::lines(&nodes(&instance))),
                    Ok(None) => {}
                    Err(failure) => failed(failure),
                }
            }
        }
        match first {
            Some(code) => Ok(ExitCode::from(code as u8)),
            None => Ok(printed.map(|()| ExitCode::SUCCESS)?),
        }
    }
}

/// The files of the folder, which need not be there.
fn default_files() -> Result<Vec<PathBuf>> {
    let attempt = |error| Failure::from_file(format!("list {FOLDER}"), error);
    let entries = match fs::read_dir(FOLDER) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(attempt)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(attempt)?.path();
        if path.extension().is_some_and(|e| e == "conf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn nodes(instance: &Instance) -> Vec<String> {
    let nodes = instance.nodes();
    nodes.iter().map(|n| n.display().to_string()).collect()
}

/// What the lines of a file ask for.
fn wishes(file: &Path, text: &str) -> Vec<Result<Wish>> {
    let numbered = text.lines().zip(1..);
    numbered
        .map(|(line, number)| (line.trim(), number))
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            let place = Place {
                file: file.to_owned(),
                line: number,
            };
            Wish::parse(place, line)
        })
        .collect()
}

impl Wish {
    fn parse(place: Place, line: &str) -> Result<Self> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        if name.contains('=') {
            let what = format!(
                "{place}: {name:?} is no name: an instance's name comes first, then what it is to be"
            );
            return Err(Failure::new(Code::Refused, what));
        }
        let mut wish = Self {
            add: Add::new(&name),
            request: Request {
                name,
                discipline: None,
                capacity: None,
                max_capacity: None,
                split: false,
                written: Written::Line,
            },
            values: Vec::new(),
            place,
        };
        let mut seen = Vec::new();
        for word in words {
            let key = word.split_once('=').map_or(word, |(key, _)| key);
            if seen.contains(&key) {
                return Err(wish.refuse(word, "each key stands once"));
            }
            seen.push(key);
            wish = wish.with(word)?;
        }
        Ok(wish)
    }

    /// The wish with one more key and value.
    fn with(mut self, word: &str) -> Result<Self> {
        let valid = match word.split_once('=') {
            Some(("discipline", value)) => match value.parse() {
                Ok(discipline) => {
                    self.request.discipline = Some(discipline);
                    self.add = self.add.discipline(discipline);
                    return Ok(self);
                }
                Err(_) => format!("it is one of {}", Discipline::WORDS.join(", ")),
            },
            Some(("on_empty", value)) => match value.parse::<OnEmpty>() {
                Ok(on_empty) => {
                    self.values.push((Attribute::OnEmpty, on_empty.to_string()));
                    self.add = self.add.on_empty(on_empty);
                    return Ok(self);
                }
                Err(_) => format!("it is one of {}", OnEmpty::WORDS.join(", ")),
            },
            Some(("split", value @ ("0" | "1"))) => {
                self.request.split = value == "1";
                self.add = self.add.split(self.request.split);
                return Ok(self);
            }
            Some(("split", _)) => "it is 0 or 1".to_owned(),
            Some((key @ ("capacity" | "max_capacity" | "read_timeout_ms"), value)) => {
                return match value.parse::<u32>() {
                    Ok(number) => Ok(self.with_number(key, number)),
                    Err(_) if key == "read_timeout_ms" => {
                        Err(self.refuse(word, &format!("it is a number up to {}", u32::MAX)))
                    }
                    Err(_) => {
                        Err(self.refuse(word, &format!("it is a number up to {MOST}, without a unit")))
                    }
                };
            }
            _ => "after the name there may be discipline=, capacity=, max_capacity=, on_empty=, read_timeout_ms= and split="
                .to_owned(),
        };
        Err(self.refuse(word, &valid))
    }

    fn with_number(mut self, key: &str, number: u32) -> Self {
        let attribute = match key {
            "capacity" => {
                self.request.capacity = Some(number);
                self.add = self.add.capacity(number);
                Attribute::Capacity
            }
            "max_capacity" => {
                self.request.max_capacity = Some(number);
                self.add = self.add.max_capacity(number);
                Attribute::MaxCapacity
            }
            _ => {
                self.add = self.add.read_timeout_ms(number);
                Attribute::ReadTimeoutMs
            }
        };
        self.values.push((attribute, number.to_string()));
        self
    }

    fn refuse(&self, word: &str, valid: &str) -> Failure {
        let what = format!(
            "{}: {word:?} makes no sense for {:?}",
            self.place, self.request.name
        );
        Failure::new(Code::Refused, what).hint(valid)
    }

    /// Makes the instance, and returns it; nothing if it is there.
    fn fulfil(self) -> Result<Option<Instance>> {
        match self.add.add() {
            Ok(instance) => Ok(Some(instance)),
            Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => {
                self.compare().map(|()| None)
            }
            Err(error) => Err(self.request.failure(&self.add, error).at(&self.place)),
        }
    }

    /// Whether the instance that is there is what this asks for.
    fn compare(&self) -> Result<()> {
        let name = &self.request.name;
        let Some((taken, there)) = self.request.owner() else {
            let failure = self.request.failure(&self.add, Errno::EEXIST.into());
            return Err(failure.at(&self.place));
        };
        let differs = |what: String| {
            Err(
                Failure::new(Code::Refused, format!("{}: {what}", self.place))
                    .hint(format!("if that is meant: {}", removal(&there))),
            )
        };
        if there.name() != format!("mydevice-{name}") {
            // x_w beside a split x, or the other way round.
            return differs(match there.name() == taken {
                true => format!(
                    "{name:?} cannot have the node {taken}: an instance of that name is there already"
                ),
                false => {
                    format!("{name:?} is there already, as a node of {there}, a split instance")
                }
            });
        }
        if there.is_split() != self.request.split {
            let nodes = match there.is_split() {
                true => "with a node per direction",
                false => "with one node for both directions",
            };
            return differs(format!(
                "{name:?} is there already, {nodes}, and split={} is asked for",
                u8::from(self.request.split)
            ));
        }
        let read = |attribute| {
            let value = there.attribute(attribute);
            value.map_err(|error| {
                Failure::from_io(format!("read {attribute} of {there}"), error).at(&self.place)
            })
        };
        let now = read(Attribute::Discipline)?;
        match self.request.discipline {
            Some(wanted) if wanted.as_str() != now => {
                return differs(format!(
                    "{name:?} is there already, a {now}, and discipline={wanted} is asked for"
                ));
            }
            _ => {}
        }
        let mut have = Vec::new();
        for (attribute, _) in &self.values {
            have.push(read(*attribute)?);
        }
        // A stack grows as it is filled.
        let grown = match Discipline::named(&now) {
            Discipline::Stack => read(Attribute::BytesUsed)?.parse().unwrap_or(0),
            _ => 0,
        };
        if let Some(note) = self.difference(&there, &have, grown) {
            anstream::eprintln!("mydevicectl: {}: {note}", self.place);
        }
        Ok(())
    }

    /// What of it was changed after the instance was made. `have` are the values now, and a capacity up to what `grown` has made
    /// necessary is no change.
    fn difference(&self, there: &Instance, have: &[String], grown: u64) -> Option<String> {
        let mut differ: Vec<_> = (self.values.iter().zip(have))
            .filter(|((attribute, wanted), now)| {
                let by_itself = *attribute == Attribute::Capacity
                    && wanted.parse::<u64>().is_ok_and(|wanted| wanted < grown);
                wanted != *now && !by_itself
            })
            .collect();
        if differ.is_empty() {
            return None;
        }
        // `set` goes from left to right, and capacity may at no time be more than max_capacity.
        let rises = |wanted: &str, now: &str| wanted.parse::<u64>().ok() > now.parse::<u64>().ok();
        differ.sort_by_key(|((attribute, wanted), now)| match attribute {
            Attribute::MaxCapacity if rises(wanted, now) => 0,
            Attribute::MaxCapacity => 2,
            _ => 1,
        });
        let (mut now, mut wanted) = (Vec::new(), Vec::new());
        for ((attribute, want), have) in &differ {
            now.push(format!("{attribute}={have}"));
            wanted.push(format!("{attribute}={want}"));
        }
        let (now, set) = (now.join(" "), wanted.join(" "));
        let asked = match differ.as_slice() {
            [((_, want), _)] => want,
            _ => &set,
        };
        Some(format!(
            "{there} is there with {now}; {asked} is asked for: `mydevicectl set {} {set}`",
            short(there)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<Result<String, String>> {
        let wishes = wishes(Path::new("f"), text);
        let told = |wish: Result<Wish>| match wish {
            Ok(wish) => Ok(wish.add.command()),
            Err(failure) => Err(failure.to_string()),
        };
        wishes.into_iter().map(told).collect()
    }

    #[test]
    fn a_line_is_what_echo_would_write() {
        let text = "# queues\n\njobs discipline=spool\n  in split=1   capacity=4096 on_empty=eof \nplain\n";
        let expected = [
            "jobs discipline=spool",
            "in split=1 capacity=4096 on_empty=eof",
            "plain",
        ];
        assert_eq!(parsed(text), expected.map(|line| Ok(line.to_owned())));
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_place() {
        for (line, word, valid) in [
            ("jobs discipline=heap", "discipline=heap", "stream, buffer"),
            ("jobs capacity=4K", "capacity=4K", "number"),
            ("jobs split=yes", "split=yes", "0 or 1"),
            ("jobs colour=red", "colour=red", "discipline="),
            ("jobs spool", "spool", "discipline="),
            ("jobs split=0 split=1", "split=1", "once"),
            ("discipline=log", "discipline=log", "name comes first"),
        ] {
            let said = parsed(&format!("\n{line}")).pop().expect("a line");
            let said = said.expect_err("refused");
            for part in ["f:2: ", word, valid] {
                assert!(said.contains(part), "{part:?} is missing in {said}");
            }
        }
    }
}
