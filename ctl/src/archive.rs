// SPDX-License-Identifier: GPL-2.0

//! The format of `dump` and `load`: pieces, each with its length before it.
//!
//! ```text
//! mydevice-dump 1 spool
//! piece 6
//! hello
//!
//! end 1
//! ```
//!
//! The first line names the version of the format and the discipline. Each piece is a line with its length, its bytes,
//! and a newline that is not part of it. The last line has the number of pieces, so that a file that was cut is
//! recognized. Pieces are in the order in which reads gave them.

use std::io::{self, BufRead, Read, Write};

use mydevice::Discipline;

use crate::output::count;

/// What the first line begins with.
const MAGIC: &str = "mydevice-dump 1 ";
/// The longest line: a word and a number.
const LINE: u64 = 64;

/// Writes an archive. What a call has written is not kept back in a buffer when it returns.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    pieces: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    pub fn new(mut out: W, discipline: Discipline) -> io::Result<Self> {
        writeln!(out, "{MAGIC}{discipline}")?;
        out.flush()?;
        Ok(Self { out, pieces: 0 })
    }

    /// Writes a piece.
    pub fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        writeln!(self.out, "piece {}", bytes.len())?;
        self.out.write_all(bytes)?;
        self.out.write_all(b"\n")?;
        self.out.flush()?;
        self.pieces += 1;
        Ok(())
    }

    /// Writes the last line.
    pub fn end(&mut self) -> io::Result<()> {
        writeln!(self.out, "end {}", self.pieces)?;
        self.out.flush()
    }

    /// How many pieces were written.
    pub fn pieces(&self) -> u64 {
        self.pieces
    }
}

/// Reads an archive to its end: the discipline, and the pieces.
pub fn read(mut from: impl BufRead) -> io::Result<(Discipline, Vec<Vec<u8>>)> {
    let first = line(&mut from)?;
    let discipline = first
        .strip_prefix(MAGIC)
        .ok_or_else(|| invalid(format!("it does not begin with {MAGIC:?}")))?;
    let discipline = discipline.parse::<Discipline>()?;
    let mut pieces = Vec::new();
    loop {
        let number = pieces.len();
        let head = line(&mut from)?;
        let parsed = head
            .split_once(' ')
            .map(|(word, n)| (word, n.parse::<u64>()));
        match parsed {
            Some(("piece", Ok(len))) => pieces.push(piece(&mut from, len, number)?),
            Some(("end", Ok(n))) if n == number as u64 => return Ok((discipline, pieces)),
            _ if head.is_empty() => {
                return Err(invalid(format!(
                    "it was cut after {}",
                    count(number, "piece")
                )));
            }
            _ => {
                return Err(invalid(format!(
                    "{head:?} comes after {}",
                    count(number, "piece")
                )));
            }
        }
    }
}

fn piece(from: &mut impl BufRead, len: u64, number: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(len).read_to_end(&mut bytes)?;
    let mut newline = [0];
    let whole =
        bytes.len() as u64 == len && from.read_exact(&mut newline).is_ok() && newline == *b"\n";
    if whole {
        Ok(bytes)
    } else {
        Err(invalid(format!(
            "piece {} is not {len} bytes long",
            number + 1
        )))
    }
}

/// A line without its end; nothing at the end of the file.
fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(LINE).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes)
        .trim_end_matches('\n')
        .to_owned())
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::BufWriter;

    use super::*;

    fn written(pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Discipline::Spool).unwrap();
        pieces.iter().for_each(|piece| writer.piece(piece).unwrap());
        writer.end().unwrap();
        assert_eq!(writer.pieces(), pieces.len() as u64);
        bytes
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let pieces: &[&[u8]] = &[b"", b"\n", b"end 1\n", &all, b"piece 3\nabc\n"];
        let (discipline, got) = read(written(pieces).as_slice()).unwrap();
        assert_eq!(discipline, Discipline::Spool);
        assert_eq!(got, pieces);
    }

    /// A writer that fails at the end alone would have told nothing of the pieces before.
    #[test]
    fn nothing_is_kept_back() {
        let mut seen = Vec::new();
        let mut place = [0; 100];
        let mut writer =
            Writer::new(BufWriter::new(place.as_mut_slice()), Discipline::Log).unwrap();
        for len in [10, 10, 1000] {
            seen.push(writer.piece(&vec![b'x'; len]).is_ok());
        }
        assert_eq!(seen, [true, true, false]);
        assert_eq!(writer.pieces(), 2);
        // Small enough for the buffer, and too large for what is behind it.
        let mut place = [0; 5];
        assert!(Writer::new(BufWriter::new(place.as_mut_slice()), Discipline::Log).is_err());
    }

    #[test]
    fn wherever_it_is_cut_is_noticed() {
        let whole = written(&[b"one", b"two"]);
        for at in 0..whole.len() - 1 {
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_no_archive_is_said() {
        let error = read(b"hello\n".as_slice()).unwrap_err().to_string();
        assert!(error.contains("mydevice-dump 1"), "{error}");
        let huge = b"mydevice-dump 1 log\npiece 18446744073709551615\nx\n";
        assert!(read(huge.as_slice()).is_err());
    }
}
