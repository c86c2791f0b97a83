// SPDX-License-Identifier: GPL-2.0

//! Numbers as people read them.

use mydevice_figures::{Sample, Unit, Work};

use crate::run::Place;

/// With three digits that count, or all of an integer.
pub fn number(value: f64) -> String {
    match value.abs() {
        n if n >= 99.95 => format!("{value:.0}"),
        n if n >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Nanoseconds, in the unit that makes a short number.
pub fn time(nanoseconds: f64) -> String {
    let (divisor, unit) = match nanoseconds.abs() {
        n if n < 999.5 => (1.0, "ns"),
        n if n < 999.5e3 => (1e3, "µs"),
        n if n < 999.5e6 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{} {unit}", number(nanoseconds / divisor))
}

/// Instructions, in thousands or millions where there are many.
pub fn instructions(value: f64) -> String {
    match value.abs() {
        n if n < 99_950.0 => format!("{value:.0}"),
        n if n < 999.5e3 => format!("{:.0} k", value / 1e3),
        _ => format!("{} M", number(value / 1e6)),
    }
}

/// Bytes of a message or a capacity, which are powers of two.
pub fn size(bytes: u64) -> String {
    match bytes {
        n if n >= 1 << 20 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}

/// A value of that work, measured there, with its unit.
pub fn amount(place: Place, work: Work, value: f64) -> String {
    match work.unit() {
        Unit::Nanoseconds if place == Place::Icount => instructions(value),
        Unit::Nanoseconds => time(value),
        Unit::Bytes => format!("{value:.0} bytes"),
        Unit::Threads => format!("{value:.0}"),
    }
}

/// The spread of a sample, behind its median.
pub fn spread(sample: &Sample) -> String {
    format!("±{:.0}%", sample.spread() * 100.0)
}

/// A row of a table.
pub fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The first two rows of a table.
pub fn heading(cells: &[&str]) -> String {
    row(cells.iter().map(|cell| cell.to_string())) + &row(cells.iter().map(|_| "---".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0.804, 9.996, 99.96, 1234.5].map(number);
        assert_eq!(numbers, ["0.80", "10.0", "100", "1234"]);
        let times = [12.0, 999.6, 1.5e6, 2.5e9].map(time);
        assert_eq!(times, ["12.0 ns", "1.00 µs", "1.50 ms", "2.50 s"]);
        assert_eq!(
            [1, 64, 4096, 1 << 20].map(size),
            ["1 B", "64 B", "4 KiB", "1 MiB"]
        );
        assert_eq!(
            [4445.4, 534_233.0, 2e6].map(instructions),
            ["4445", "534 k", "2.00 M"]
        );
    }
}
