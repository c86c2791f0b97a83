// SPDX-License-Identifier: GPL-2.0

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Read, Write},
    path::PathBuf,
};

use clap::Args;
use mydevice::{Device, Discipline, OpenOptions};
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
        // Before anything is taken.
        let (out, to) = self.output()?;
        let mut copy = Copy {
            device: &device,
            writer: Writer::new(BufWriter::new(out), discipline)
                .attempt(|| format!("write to {to}"))?,
            to,
            bytes: 0,
            unfinished: false,
        };
        // No more than there was when it began, so that it ends while others write.
        let status = device
            .status()
            .attempt(|| format!("look into {instance}"))?;
        let stored = u64::from(status.bytes_used);
        match discipline {
            Discipline::Spool => copy.files(stored)?,
            _ if discipline.keeps_records() => copy.records(stored)?,
            _ => copy.bytes(stored)?,
        }
        let Copy {
            writer,
            to,
            bytes,
            unfinished,
            ..
        } = copy;
        let pieces = writer.end().attempt(|| format!("write to {to}"))?;
        let note = if unfinished {
            "; the last file is still being written, and this is what there was of it"
        } else {
            ""
        };
        anstream::eprintln!(
            "{instance}: {} in {}{note}",
            count(bytes, "byte"),
            count(pieces, "piece")
        );
        Ok(())
    }

    fn output(&self) -> Result<(Box<dyn Write>, String)> {
        let Some(path) = &self.file else {
            if io::stdout().is_terminal() {
                let error = "a dump is no text for a terminal";
                return Err(Failure::new(Code::Usage, error)
                    .hint("name a file, or redirect standard output"));
            }
            return Ok((Box::new(io::stdout()), "standard output".to_owned()));
        };
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        let file = options.create_new(!self.force).open(path);
        let file = file.map_err(|error| {
            Failure::from_file(format!("make {}", path.display()), error)
                .hint_for(Errno::EEXIST, || "--force overwrites it".to_owned())
                .hint_for(Errno::ENOENT, || "its folder must be there".to_owned())
        })?;
        Ok((Box::new(file), path.display().to_string()))
    }
}

/// A dump in progress.
struct Copy<'a, W: Write> {
    device: &'a Device,
    writer: Writer<W>,
    to: String,
    bytes: u64,
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
    fn bytes(&mut self, stored: u64) -> Result<()> {
        while self.bytes < stored {
            match self.read()? {
                Got::Bytes(bytes) => self.put(&bytes)?,
                Got::End | Got::Nothing => break,
            }
        }
        Ok(())
    }

    fn records(&mut self, stored: u64) -> Result<()> {
        let device = self.device;
        let mut records = device.records();
        while self.bytes < stored {
            match got(records.next().unwrap_or(Ok(Vec::new())))? {
                Got::Bytes(bytes) => self.put(&bytes)?,
                Got::End | Got::Nothing => break,
            }
        }
        Ok(())
    }

    fn files(&mut self, stored: u64) -> Result<()> {
        while self.bytes < stored {
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
            self.put(&file)?;
            if self.unfinished {
                break;
            }
            self.device
                .next_file()
                .attempt(|| "go on to the next file")?;
        }
        Ok(())
    }

    fn read(&self) -> Result<Got> {
        let mut buffer = vec![0; 1 << 16];
        let mut device = self.device;
        got(device.read(&mut buffer).map(|n| {
            buffer.truncate(n);
            buffer
        }))
    }

    fn put(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes += piece.len() as u64;
        self.writer.piece(piece).map_err(|error| {
            let lost = format!(
                "if reading takes away, the last {} that were read are lost",
                count(piece.len(), "byte")
            );
            Failure::from_file(format!("write to {}", self.to), error).hint(lost)
        })
    }
}

fn got(read: io::Result<Vec<u8>>) -> Result<Got> {
    match read {
        Ok(bytes) if bytes.is_empty() => Ok(Got::End),
        Ok(bytes) => Ok(Got::Bytes(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
        Err(error) => Err(error).attempt(|| "read from the device"),
    }
}
