// SPDX-License-Identifier: GPL-2.0

use std::{thread, time::Duration};

use clap::Args;
use mydevice::{CLASS, Discipline};
use serde::Serialize;

use crate::{
    failure::{Attempt, Result},
    output::{self, BAD, Cell, Column, Format, WARNING},
    sample::{Alarm, Order, Rates, Row, Sampler, Users},
    size::human,
};

/// Lists the instances.
///
/// USED of CAPACITY bytes wait to be read, READERS and WRITERS are the open files that can be read and written (one that
/// is open for both is in both), and IN and OUT are the bytes a second that were written and read while this looked twice.
/// No device is opened for this, and no permission is needed.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    format: Format,
    /// Prints numbers of bytes in full.
    #[arg(short, long)]
    bytes: bool,
    /// What comes first.
    #[arg(long, value_name = "ORDER", default_value = "name")]
    sort: Order,
    /// The time between two looks, for the rates; 0 looks once, without rates.
    #[arg(long, value_name = "SECONDS", default_value = "0.2", value_parser = seconds)]
    interval: Duration,
}

/// A number of seconds, with a fraction.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration
        .filter(|duration| *duration <= Duration::from_secs(86_400))
        .ok_or_else(|| "a time is a number of seconds from 0 to 86400, such as 0.5".to_owned())
}

/// An instance, as JSON has it.
#[derive(Debug, Serialize)]
pub struct Entry {
    name: String,
    discipline: &'static str,
    bytes_used: u64,
    capacity: u64,
    open_count: u64,
    #[serde(flatten)]
    users: Users,
    read_count: u64,
    write_count: u64,
    bytes_read: u64,
    bytes_written: u64,
    rates: Option<Rates>,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let figures = row.figures;
        Self {
            name: row.name,
            discipline: Discipline::as_str(figures.discipline),
            bytes_used: figures.bytes_used,
            capacity: figures.buffer_size,
            open_count: figures.open_count,
            users: row.users,
            read_count: figures.read_count,
            write_count: figures.write_count,
            bytes_read: figures.bytes_read,
            bytes_written: figures.bytes_written,
            rates: row.rates,
        }
    }
}

/// All instances, as JSON has them.
#[derive(Debug, Serialize)]
pub struct Entries {
    instances: Vec<Entry>,
}

impl From<Vec<Row>> for Entries {
    fn from(rows: Vec<Row>) -> Self {
        Self {
            instances: rows.into_iter().map(Entry::from).collect(),
        }
    }
}

impl List {
    pub fn run(self) -> Result<()> {
        let mut sampler = Sampler::default();
        let mut sample = || {
            sampler
                .sample()
                .attempt(|| format!("list the instances in {CLASS}"))
        };
        let mut rows = sample()?;
        if !self.interval.is_zero() && !rows.is_empty() {
            thread::sleep(self.interval);
            rows = sample()?;
        }
        self.sort.sort(&mut rows);
        if self.format.json {
            output::json(&Entries::from(rows))?;
        } else {
            output::table(
                COLUMNS,
                &rows.iter().map(|row| self.cells(row)).collect::<Vec<_>>(),
            )?;
        }
        Ok(())
    }

    fn cells(&self, row: &Row) -> Vec<Cell> {
        let size = |bytes: u64| {
            if self.bytes {
                bytes.to_string()
            } else {
                human(bytes)
            }
        };
        let rate = |of: fn(&Rates) -> f64| {
            let rate = row.rates.as_ref().map(of);
            Cell::new(rate.map_or("-".to_owned(), |rate| size(rate.round() as u64)))
        };
        let fill = format!("{:.0}%", row.fill() * 100.0);
        let figures = &row.figures;
        vec![
            Cell::new(&row.name),
            Cell::new(figures.discipline.as_str()),
            Cell::new(size(figures.bytes_used)),
            Cell::new(size(figures.buffer_size)),
            match row.alarm() {
                Alarm::None => Cell::new(fill),
                Alarm::Filling => Cell::styled(fill, WARNING),
                Alarm::Full => Cell::styled(fill, BAD),
            },
            Cell::new(row.users.readers.to_string()),
            Cell::new(row.users.writers.to_string()),
            rate(|rates| rates.bytes_written),
            rate(|rates| rates.bytes_read),
        ]
    }
}

const COLUMNS: &[Column] = &[
    Column::Left("NAME"),
    Column::Left("DISCIPLINE"),
    Column::Right("USED"),
    Column::Right("CAPACITY"),
    Column::Right("FULL"),
    Column::Right("READERS"),
    Column::Right("WRITERS"),
    Column::Right("IN/s"),
    Column::Right("OUT/s"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_bounds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for wrong in ["", "-1", "1e9", "nan", "inf", "1s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
