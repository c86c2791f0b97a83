// SPDX-License-Identifier: GPL-2.0

//! What commands print: JSON, tables, and colour where a terminal shows it.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde::Serialize;

/// Whether to print for people or for programs.
#[derive(Args, Clone, Copy, Debug)]
pub struct Format {
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What is good.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What deserves a look.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// What is bad.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints a value as JSON, over several lines.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

/// Prints a value as JSON, in one line.
pub fn json_line(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    out.flush()
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// One without colour.
    pub fn new(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    /// One with a style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Words, which begin at the left.
    Left(&'static str),
    /// Numbers, which end at the right.
    Right(&'static str),
}

/// Prints a table with headings. Every row has a cell for each column.
pub fn table(columns: &[Column], rows: &[Vec<Cell>]) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let widths: Vec<usize> = (columns.iter().enumerate())
        .map(|(index, column)| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let widest = cells.map(|cell| cell.text.chars().count()).max();
            widest.unwrap_or(0).max(column.title().len())
        })
        .collect();
    let headings = columns.iter().map(|c| Cell::styled(c.title(), HEADING));
    for row in std::iter::once(headings.collect()).chain(rows.iter().cloned()) {
        let mut line = String::new();
        for (index, ((cell, column), width)) in row.iter().zip(columns).zip(&widths).enumerate() {
            let gap = if index == 0 { "" } else { "  " };
            let pad = " ".repeat(width.saturating_sub(cell.text.chars().count()));
            let (before, after) = match column {
                Column::Right(_) => (pad.as_str(), ""),
                // No spaces at the end of a line.
                Column::Left(_) if index + 1 == columns.len() => ("", ""),
                Column::Left(_) => ("", pad.as_str()),
            };
            let (style, text) = (cell.style, &cell.text);
            line += &format!("{gap}{before}{style}{text}{style:#}{after}");
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Left(title) | Self::Right(title) => title,
        }
    }
}

/// Prints lines.
pub fn lines(lines: &[impl std::fmt::Display]) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// A number of things: `1 piece`, `2 pieces`.
pub fn count(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(count(0, "byte"), "0 bytes");
        assert_eq!(count(1, "byte"), "1 byte");
    }
}
