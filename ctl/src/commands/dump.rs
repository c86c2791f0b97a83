// SPDX-License-Identifier: GPL-2.0

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Read, Write},
    os::fd::AsFd,
    path::PathBuf,
};

use clap::Args;
use mydevice::{Device, Discipline, Instance, OpenOptions};
use nix::errno::Errno;

use crate::{
    archive::Writer,
    failure::{Attempt, Code, Failure, Result},
    output::count,
    target::{self, Target},
};

/// Writes the content of an instance to a file, with the boundaries of records and files.
///
/// This reads what is there now, as any reader would: out of a stream, a spool and a stack it TAKES what it writes.
/// `load` puts it back. In a buffer and a log everything stays.
#[derive(Args, Debug)]
pub struct Dump {
    #[command(flatten)]
    target: Target,
    /// The file, which must not be there yet; without it, standard output.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Overwrites the file.
    #[arg(short, long)]
    force: bool,
}

impl Dump {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        let discipline = instance
            .discipline()
            .attempt(|| format!("ask for the discipline of {instance}"))?;
        if let Discipline::Other { .. } = discipline {
            let what = format!(
                "{instance} is a {discipline}, and what that keeps apart is not known here"
            );
            return Err(Failure::new(Code::Refused, what).hint("a newer mydevicectl may know it"));
        }
        let reading = OpenOptions::new().read(true).nonblocking(true);
        let device = target::open(&instance, &reading)?;
        // The first line is written before anything is taken: a file that takes nothing is noticed then.
        let (out, to) = self.output()?;
        let is_file = out.metadata().is_ok_and(|found| found.is_file());
        let writer = Writer::new(BufWriter::new(out), discipline);
        let writer = writer
            .map_err(|error| Failure::from_file(format!("write to {to}"), error).hint(NOTHING))?;
        let mut copy = Copy {
            device: &device,
            writer,
            taken: 0,
            put: 0,
            unfinished: false,
        };
        let done = copy.all(discipline, &to);
        done.map_err(|failure| failure.hint(copy.loss(&instance, discipline, &to, is_file)))?;
        let note = if copy.unfinished {
            "; the last file is still being written, and this is what there was of it"
        } else {
            ""
        };
        anstream::eprintln!(
            "{instance}: {} in {}{note}",
            count(copy.put, "byte"),
            count(copy.writer.pieces(), "piece")
        );
        Ok(())
    }

    fn output(&self) -> Result<(File, String)> {
        let Some(path) = &self.file else {
            if io::stdout().is_terminal() {
                let error = "a dump is no text for a terminal";
                return Err(Failure::new(Code::Usage, error)
                    .hint("name a file, or redirect standard output"));
            }
            // Without the buffer of `io::stdout`, which ends at each line.
            let out = io::stdout().as_fd().try_clone_to_owned();
            let out = out.map_err(|error| Failure::from_file("write to standard output", error))?;
            return Ok((File::from(out), "standard output".to_owned()));
        };
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        let file = options.create_new(!self.force).open(path);
        let file = file.map_err(|error| {
            Failure::from_file(format!("make {}", path.display()), error)
                .hint_for(Errno::EEXIST, || "--force overwrites it".to_owned())
                .hint_for(Errno::ENOENT, || "its folder must be there".to_owned())
        })?;
        Ok((file, path.display().to_string()))
    }
}

/// What a dump says that failed before it read.
const NOTHING: &str = "nothing was taken";

/// A dump in progress.
struct Copy<'a, W: Write> {
    device: &'a Device,
    writer: Writer<W>,
    /// Bytes that reads gave.
    taken: u64,
    /// Those of them that were written.
    put: u64,
    unfinished: bool,
}

/// What a read without waiting gave.
enum Got {
    Bytes(Vec<u8>),
    /// 0: the end, of a file or of what there is.
    End,
    /// EAGAIN: nothing more now.
    Nothing,
}

impl<W: Write> Copy<'_, W> {
    /// Everything from the first piece to the last line.
    fn all(&mut self, discipline: Discipline, to: &str) -> Result<()> {
        // No more than there was when it began, so that it ends while others write.
        let status = self.device.status().attempt(|| "look into the device")?;
        let stored = u64::from(status.bytes_used);
        match discipline {
            Discipline::Spool => self.files(stored, to)?,
            _ if discipline.keeps_records() => self.records(stored, to)?,
            _ => self.bytes(stored, to)?,
        }
        self.writer.end().map_err(|error| unwritten(to, error))
    }

    fn bytes(&mut self, stored: u64, to: &str) -> Result<()> {
        while self.taken < stored {
            match self.read()? {
                Got::Bytes(bytes) => self.put(&bytes, to)?,
                Got::End | Got::Nothing => break,
            }
        }
        Ok(())
    }

    fn records(&mut self, stored: u64, to: &str) -> Result<()> {
        let device = self.device;
        let mut records = device.records();
        while self.taken < stored {
            let record = got(records.next().unwrap_or(Ok(Vec::new())));
            match self.count(record)? {
                Got::Bytes(bytes) => self.put(&bytes, to)?,
                Got::End | Got::Nothing => break,
            }
        }
        Ok(())
    }

    fn files(&mut self, stored: u64, to: &str) -> Result<()> {
        while self.taken < stored {
            let mut file = Vec::new();
            loop {
                match self.read()? {
                    Got::Bytes(bytes) => file.extend(bytes),
                    Got::End => break,
                    Got::Nothing => {
                        self.unfinished = !file.is_empty();
                        break;
                    }
                }
            }
            if file.is_empty() {
                break;
            }
            self.put(&file, to)?;
            if self.unfinished {
                break;
            }
            self.device
                .next_file()
                .attempt(|| "go on to the next file")?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Got> {
        let mut buffer = vec![0; 1 << 16];
        let mut device = self.device;
        let read = got(device.read(&mut buffer).map(|n| {
            buffer.truncate(n);
            buffer
        }));
        self.count(read)
    }

    fn count(&mut self, read: Result<Got>) -> Result<Got> {
        if let Ok(Got::Bytes(bytes)) = &read {
            self.taken += bytes.len() as u64;
        }
        read
    }

    fn put(&mut self, piece: &[u8], to: &str) -> Result<()> {
        let written = self.writer.piece(piece);
        written.map_err(|error| unwritten(to, error))?;
        self.put += piece.len() as u64;
        Ok(())
    }

    /// What a dump that ends here has cost. A file keeps what was written to it; what went elsewhere may have reached nobody.
    fn loss(&self, instance: &Instance, from: Discipline, to: &str, is_file: bool) -> String {
        let amount =
            |bytes, pieces| format!("{} in {}", count(bytes, "byte"), count(pieces, "piece"));
        let (rest, pieces) = (self.taken - self.put, self.writer.pieces());
        // Each piece is written before the next is read.
        let begun = u64::from(rest > 0);
        if !from.takes() {
            format!("nothing is lost: what is read stays in {instance}, a {from}")
        } else if self.taken == 0 {
            NOTHING.to_owned()
        } else if !is_file {
            format!(
                "{} were taken from {instance}, and are lost unless whoever read {to} has kept them",
                amount(self.taken, pieces + begun)
            )
        } else if rest == 0 {
            format!(
                "{} were taken from {instance}, and are in {to}, which lacks its last line, `end {pieces}`",
                amount(self.put, pieces)
            )
        } else {
            format!(
                "{} were taken from {instance} and are lost; {to} has the {} before, and is no whole dump",
                amount(rest, begun),
                amount(self.put, pieces)
            )
        }
    }
}

fn unwritten(to: &str, error: io::Error) -> Failure {
    Failure::from_file(format!("write to {to}"), error)
}

fn got(read: io::Result<Vec<u8>>) -> Result<Got> {
    match read {
        Ok(bytes) if bytes.is_empty() => Ok(Got::End),
        Ok(bytes) => Ok(Got::Bytes(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
        Err(error) => Err(error).attempt(|| "read from the device"),
    }
}
