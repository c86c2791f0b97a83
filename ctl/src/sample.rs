// SPDX-License-Identifier: GPL-2.0

//! The figures of all instances at one moment, and the rates between two. Nothing here opens a device.

use std::{
    cmp::Reverse,
    io,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use mydevice::{Discipline, Figures, Instance};
use nix::errno::Errno;
use serde::Serialize;

/// What is known of an instance at one moment.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its full name.
    pub name: String,
    /// What `/proc` says.
    pub figures: Figures,
    /// Who uses it.
    pub users: Users,
    /// What has changed a second since the moment before; none if there is no such moment.
    pub rates: Option<Rates>,
}

/// Who uses an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Users {
    /// Open files that can be read.
    pub readers: u64,
    /// Open files that can be written.
    pub writers: u64,
    /// Tasks that sleep in a read.
    pub waiting_readers: u64,
    /// Tasks that sleep in a write.
    pub waiting_writers: u64,
}

/// Changes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Bytes that writes took in.
    pub bytes_written: f64,
    /// Bytes that reads handed out.
    pub bytes_read: f64,
    /// Writes that moved at least one byte.
    pub writes: f64,
    /// Reads that moved at least one byte.
    pub reads: f64,
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// By name.
    Name,
    /// The most bytes that wait first.
    Used,
    /// The fullest first.
    Fill,
    /// The most bytes a second, in and out, first.
    Rate,
    /// The most opens first.
    Opens,
}

/// All instances, again and again.
#[derive(Debug, Default)]
pub struct Sampler {
    last: Option<(Instant, Vec<Row>)>,
}

impl Sampler {
    /// The rows of this moment, sorted by name, with rates since the last call.
    pub fn sample(&mut self) -> io::Result<Vec<Row>> {
        let now = Instant::now();
        let mut rows = Vec::new();
        for instance in Instance::all()? {
            let (figures, users) = match figures_and_users(&instance) {
                Err(error) if is_gone(&error) => continue,
                both => both?,
            };
            let name = instance.name().to_owned();
            let rates = self.last.as_ref().and_then(|(at, rows)| {
                let before = rows.iter().find(|row| row.name == name)?;
                Some(Rates::between(&before.figures, &figures, now - *at))
            });
            rows.push(Row {
                name,
                figures,
                users,
                rates,
            });
        }
        self.last = Some((now, rows.clone()));
        Ok(rows)
    }
}

fn figures_and_users(instance: &Instance) -> io::Result<(Figures, Users)> {
    Ok((instance.figures()?, Users::of(instance)?))
}

/// Whether this says that the instance was removed since it was listed. Of a file that it had open when the instance went,
/// sysfs says ENODEV, and `/proc` that or EIO.
fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOENT | Errno::ENODEV | Errno::EIO))
}

impl Users {
    /// Asks sysfs, one by one.
    pub fn of(instance: &Instance) -> io::Result<Self> {
        Ok(Self {
            readers: instance.readers()?,
            writers: instance.writers()?,
            waiting_readers: instance.waiting_readers()?,
            waiting_writers: instance.waiting_writers()?,
        })
    }
}

impl Rates {
    fn between(before: &Figures, now: &Figures, time: Duration) -> Self {
        // An instance that was removed and made again counts from 0.
        let rate = |before: u64, now: u64| {
            now.saturating_sub(before) as f64 / time.as_secs_f64().max(1e-6)
        };
        Self {
            bytes_written: rate(before.bytes_written, now.bytes_written),
            bytes_read: rate(before.bytes_read, now.bytes_read),
            writes: rate(before.write_count, now.write_count),
            reads: rate(before.read_count, now.read_count),
        }
    }
}

impl Row {
    /// How full it is, from 0 to 1.
    pub fn fill(&self) -> f64 {
        let Figures {
            bytes_used,
            buffer_size,
            ..
        } = self.figures;
        (bytes_used as f64 / (buffer_size as f64).max(1.0)).min(1.0)
    }
}

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// It is no problem.
    None,
    /// It may soon be full.
    Filling,
    /// Writers wait or are refused, or soon will.
    Full,
}

impl Row {
    /// Whether it is about to be full, where that matters: a log is always full some day, and a stack grows.
    pub fn alarm(&self) -> Alarm {
        match self.figures.discipline {
            Discipline::Log | Discipline::Stack => Alarm::None,
            _ if self.fill() >= 0.9 => Alarm::Full,
            _ if self.fill() >= 0.7 => Alarm::Filling,
            _ => Alarm::None,
        }
    }
}

impl Order {
    /// The order after this one, for a key that goes through all.
    pub fn next(self) -> Self {
        let all = Self::value_variants();
        let at = all.iter().position(|order| *order == self).unwrap_or(0);
        all.iter().copied().cycle().nth(at + 1).unwrap_or(self)
    }

    /// Sorts rows that are sorted by name.
    pub fn sort(self, rows: &mut [Row]) {
        let total = |row: &Row| row.rates.map_or(0.0, |r| r.bytes_written + r.bytes_read);
        match self {
            Self::Name => {}
            Self::Used => rows.sort_by_key(|row| Reverse(row.figures.bytes_used)),
            Self::Opens => rows.sort_by_key(|row| Reverse(row.figures.open_count)),
            Self::Fill => rows.sort_by(|a, b| b.fill().total_cmp(&a.fill())),
            Self::Rate => rows.sort_by(|a, b| total(b).total_cmp(&total(a))),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A row for tests: a name, the bytes of 1000 that are used, and its rate of writing.
    pub fn row(name: &str, used: u64, rate: f64) -> Row {
        let figures = format!(
            "buffer_size: 1000\nbytes_used: {used}\nopen_count: 1\nread_count: 2\nwrite_count: 3\n\
             bytes_read: 4\nbytes_written: 5\ndiscipline: stream\n"
        );
        Row {
            name: name.to_owned(),
            figures: figures.parse().unwrap(),
            users: Users {
                readers: 1,
                ..Users::default()
            },
            rates: Some(Rates {
                bytes_written: rate,
                ..Rates::default()
            }),
        }
    }

    #[test]
    fn one_of_an_unknown_discipline_is_shown_by_its_name() {
        let figures = "buffer_size: 10\nbytes_used: 9\nopen_count: 0\nread_count: 0\nwrite_count: 1\n\
                       bytes_read: 0\nbytes_written: 9\ndiscipline: letters\n";
        let mut row = row("a", 0, 0.0);
        row.figures = figures.parse().unwrap();
        assert_eq!(row.figures.discipline.as_str(), "letters");
        assert_eq!(row.alarm(), Alarm::Full);
    }

    #[test]
    fn the_busiest_can_be_first() {
        let sorted = |order: Order| {
            let mut rows = [row("a", 0, 5.0), row("b", 900, 0.0), row("c", 10, 7.0)];
            order.sort(&mut rows);
            rows.map(|row| row.name).concat()
        };
        assert_eq!(sorted(Order::Name), "abc");
        assert_eq!(sorted(Order::Used), "bca");
        assert_eq!(sorted(Order::Fill), "bca");
        assert_eq!(sorted(Order::Rate), "cab");
    }

    #[test]
    fn the_key_goes_through_all_orders() {
        let mut order = Order::Name;
        for expected in [
            Order::Used,
            Order::Fill,
            Order::Rate,
            Order::Opens,
            Order::Name,
        ] {
            order = order.next();
            assert_eq!(order, expected);
        }
    }

    #[test]
    fn rates_are_per_second_and_never_negative() {
        let mut now = row("a", 0, 0.0).figures;
        let before = now.clone();
        now.bytes_written += 100;
        now.bytes_read = 0;
        let rates = Rates::between(&before, &now, Duration::from_millis(500));
        assert_eq!((rates.bytes_written, rates.bytes_read), (200.0, 0.0));
    }
}
