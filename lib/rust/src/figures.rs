// SPDX-License-Identifier: GPL-2.0

use std::{io, str::FromStr};

use crate::Discipline;

/// What `/proc/<name>` tells: the figures of one instance, all of the same moment.
///
/// Asking for them does not open the device: see [`Instance::figures`](crate::Instance::figures).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Capacity, bytes.
    pub buffer_size: u64,
    /// Bytes that wait to be read.
    pub bytes_used: u64,
    /// Opens (open file descriptions) now.
    pub open_count: u64,
    /// Reads that moved at least one byte.
    pub read_count: u64,
    /// Writes that moved at least one byte.
    pub write_count: u64,
    /// Bytes that reads handed out.
    pub bytes_read: u64,
    /// Bytes that writes took in.
    pub bytes_written: u64,
    /// The discipline.
    pub discipline: Discipline,
}

impl FromStr for Figures {
    type Err = io::Error;

    /// A newer module may have more: lines that are not known are passed over, and a discipline that is not known is
    /// [`Discipline::Other`].
    fn from_str(text: &str) -> io::Result<Self> {
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once(": "));
            let found = pairs.find(|(k, _)| *k == key).map(|(_, value)| value);
            found.ok_or_else(|| invalid(format!("there is no {key} in {text:?}")))
        };
        let number = |key: &str| {
            let value = value(key)?;
            value
                .parse()
                .map_err(|_| invalid(format!("{key} is {value:?}, which is no number")))
        };
        Ok(Self {
            buffer_size: number("buffer_size")?,
            bytes_used: number("bytes_used")?,
            open_count: number("open_count")?,
            read_count: number("read_count")?,
            write_count: number("write_count")?,
            bytes_read: number("bytes_read")?,
            bytes_written: number("bytes_written")?,
            discipline: Discipline::named(value("discipline")?),
        })
    }
}

/// What is not as the kernel writes it.
pub(crate) fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "buffer_size: 4096\nbytes_used: 6\nopen_count: 1\nread_count: 2\nwrite_count: 3\n\
                        bytes_read: 18446744073709551615\nbytes_written: 7\ndiscipline: log\nmore: to come\n";

    #[test]
    fn every_line_is_understood() {
        let figures: Figures = TEXT.parse().unwrap();
        assert_eq!(figures.buffer_size, 4096);
        assert_eq!(figures.bytes_read, u64::MAX);
        assert_eq!(figures.discipline, Discipline::Log);
    }

    #[test]
    fn what_is_missing_or_no_number_is_said() {
        for (from, to, said) in [
            ("bytes_used: 6\n", "", "there is no bytes_used"),
            ("bytes_used: 6", "bytes_used: -6", "bytes_used is \"-6\""),
            ("discipline: log\n", "", "there is no discipline"),
        ] {
            let error = TEXT.replace(from, to).parse::<Figures>().unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    /// One instance of a newer module's discipline must not make a list of all fail.
    #[test]
    fn a_discipline_that_is_not_known_keeps_its_name() {
        let heap = || TEXT.replace("log", "heap").parse::<Figures>().unwrap();
        let figures = heap();
        assert_eq!(figures.discipline.as_str(), "heap");
        assert!(matches!(figures.discipline, Discipline::Other("heap")));
        assert_eq!(figures, heap());
        assert_eq!(figures.bytes_used, 6);
        assert!(!figures.discipline.takes() && !figures.discipline.keeps_records());
    }
}
