// SPDX-License-Identifier: GPL-2.0

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
};

use clap::Args;
use mydevice::{Device, Discipline, Instance, OpenOptions};
use nix::errno::Errno;

use crate::{
    archive,
    failure::{Attempt, Code, Failure, Result},
    output::count,
    target::{self, Target},
};

/// Puts what `dump` wrote into an instance, with the boundaries of records and files.
///
/// The instance must keep the same boundaries as the one that was dumped: bytes (stream, buffer), records (log, stack) or
/// files (spool). Records for a stack are put in so that they come out in the order in which they came out before.
/// The dump is read to its end before anything is put in.
#[derive(Args, Debug)]
pub struct Load {
    #[command(flatten)]
    target: Target,
    /// The file; without it, standard input.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Waits for readers when the instance is full, instead of giving up.
    #[arg(short, long)]
    wait: bool,
}

impl Load {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        let (from, mut pieces) = self.pieces()?;
        let into = instance
            .discipline()
            .attempt(|| format!("ask for the discipline of {instance}"))?;
        if boundaries(from) != boundaries(into) {
            let what = format!(
                "a dump of a {from}, which keeps {}, does not fit into {instance}, a {into}, which keeps {}",
                boundaries(from),
                boundaries(into)
            );
            return Err(Failure::new(Code::Refused, what).hint(format!(
                "make one that fits: `mydevicectl add NAME --discipline {from}`"
            )));
        }
        // Of a stack, the newest came first; of a log, the oldest.
        let reversed = from == Discipline::Stack;
        if reversed {
            pieces.reverse();
        }
        let mut loading = Loading {
            instance: &instance,
            into,
            writing: OpenOptions::new().write(true).nonblocking(!self.wait),
            bytes: 0,
            pieces: 0,
            of: pieces.len(),
        };
        loading.all(&pieces)?;
        anstream::eprintln!(
            "{instance}: {} in {}",
            count(loading.bytes, "byte"),
            count(loading.pieces, "piece")
        );
        Ok(())
    }

    fn pieces(&self) -> Result<(Discipline, Vec<Vec<u8>>)> {
        let (name, from): (String, Box<dyn BufRead>) = match &self.file {
            None => ("standard input".to_owned(), Box::new(io::stdin().lock())),
            Some(path) => {
                let file = File::open(path).map_err(|error| {
                    Failure::from_file(format!("open {}", path.display()), error)
                        .hint_for(Errno::ENOENT, || {
                            "`mydevicectl dump NAME FILE` makes such a file".to_owned()
                        })
                })?;
                (path.display().to_string(), Box::new(BufReader::new(file)))
            }
        };
        archive::read(from).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                Failure::new(Code::Refused, format!("{name} is no whole dump: {error}"))
            }
            _ => Failure::from_file(format!("read {name}"), error),
        })
    }
}

/// What a discipline keeps.
fn boundaries(discipline: Discipline) -> &'static str {
    if let Discipline::Other { .. } = discipline {
        "what is not known here"
    } else if discipline.keeps_files() {
        "files"
    } else if discipline.keeps_records() {
        "records"
    } else {
        "bytes"
    }
}

/// A load in progress.
struct Loading<'a> {
    instance: &'a Instance,
    into: Discipline,
    writing: OpenOptions,
    bytes: usize,
    pieces: usize,
    of: usize,
}

impl Loading<'_> {
    fn all(&mut self, pieces: &[Vec<u8>]) -> Result<()> {
        let mut device = self.open()?;
        for piece in pieces {
            if self.into.keeps_files() && self.pieces > 0 {
                // What is written through one open is one file.
                device = self.open()?;
            }
            self.put(&device, piece)?;
            self.pieces += 1;
        }
        Ok(())
    }

    fn open(&self) -> Result<Device> {
        target::open(self.instance, &self.writing)
    }

    fn put(&mut self, mut device: &Device, mut piece: &[u8]) -> Result<()> {
        // A record goes in by one write or not at all; of bytes, as many as fit.
        while !piece.is_empty() {
            match device.write(piece) {
                Ok(n) => {
                    self.bytes += n;
                    piece = piece.get(n..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stopped(error)),
            }
        }
        Ok(())
    }

    fn stopped(&self, error: io::Error) -> Failure {
        let Self {
            instance,
            bytes,
            pieces,
            of,
            ..
        } = self;
        let done = format!("{pieces} of {of} pieces are in, {bytes} bytes");
        let failure = Failure::from_io(
            format!("load piece {} of {of} into {instance}", pieces + 1),
            error,
        );
        failure
            .hint_for(Errno::EAGAIN, || {
                full(self.into, instance.name(), &done, false)
            })
            .hint_for(Errno::ENOSPC, || {
                full(self.into, instance.name(), &done, true)
            })
            .hint_for(Errno::EMSGSIZE, || {
                let room = match self.into {
                    Discipline::Stack => {
                        format!("max_capacity: `mydevicectl set {instance} max_capacity=...`")
                    }
                    _ => format!("the capacity: `mydevicectl resize {instance} SIZE`"),
                };
                format!("the record is larger than all of the instance; {done}. What has to be raised is {room}")
            })
    }
}

/// What to do about an instance that takes no more, `for_good` if waiting would not have helped.
fn full(into: Discipline, instance: &str, done: &str, for_good: bool) -> String {
    let room = match into {
        Discipline::Buffer if for_good => format!(
            "`mydevicectl clear {instance}` or `mydevicectl resize {instance} SIZE` makes room; a buffer never waits for it, also with --wait"
        ),
        // What takes turns, or a log, in which old records make room for new ones.
        Discipline::Buffer | Discipline::Log => {
            return format!("somebody else is writing: {done}. --wait waits for them");
        }
        // It grows by itself, up to there.
        Discipline::Stack => format!(
            "`mydevicectl set {instance} max_capacity=...` makes room, and --wait waits for readers"
        ),
        _ => {
            format!("`mydevicectl resize {instance} SIZE` makes room, and --wait waits for readers")
        }
    };
    format!("it is full: {done}. {room}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_is_one_that_the_discipline_has() {
        for (into, for_good, says, says_not) in [
            (
                Discipline::Stream,
                false,
                "resize mydevice-x",
                "max_capacity",
            ),
            (Discipline::Spool, false, "--wait waits", "clear"),
            (
                Discipline::Stack,
                false,
                "set mydevice-x max_capacity=",
                "resize",
            ),
            (Discipline::Buffer, true, "clear mydevice-x", "--wait waits"),
            (
                Discipline::Buffer,
                false,
                "somebody else is writing",
                "full",
            ),
            (Discipline::Log, false, "somebody else is writing", "full"),
        ] {
            let hint = full(into, "mydevice-x", "1 of 2 pieces are in", for_good);
            assert!(hint.contains(says), "{says:?} is missing in {hint}");
            assert!(!hint.contains(says_not), "{says_not:?} is in {hint}");
            assert!(hint.contains("1 of 2 pieces are in"), "{hint}");
        }
    }
}
