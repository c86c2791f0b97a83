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
            writing: OpenOptions::new().write(true).nonblocking(!self.wait),
            bytes: 0,
            pieces: 0,
            of: pieces.len(),
        };
        loading.all(into, &pieces)?;
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
    writing: OpenOptions,
    bytes: usize,
    pieces: usize,
    of: usize,
}

impl Loading<'_> {
    fn all(&mut self, into: Discipline, pieces: &[Vec<u8>]) -> Result<()> {
        let mut device = self.open()?;
        for piece in pieces {
            if into.keeps_files() && self.pieces > 0 {
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
        let full = || {
            format!(
                "it is full: {pieces} of {of} pieces are in, {bytes} bytes. `mydevicectl resize {instance} SIZE` makes \
                 room, and --wait waits for readers"
            )
        };
        Failure::from_io(format!("load piece {} of {of} into {instance}", pieces + 1), error)
            .hint_for(Errno::EAGAIN, full)
            .hint_for(Errno::ENOSPC, full)
            .hint_for(Errno::EMSGSIZE, || {
                format!("a record is larger than the instance; {pieces} of {of} pieces are in. `mydevicectl resize` makes room")
            })
    }
}
