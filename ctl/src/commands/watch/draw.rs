// SPDX-License-Identifier: GPL-2.0

//! How the screen of `watch` looks.

use clap::ValueEnum;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::Line,
    widgets::{Block, Gauge, Paragraph, Row as Cells, Sparkline, Table, TableState},
};

use super::screen::Screen;
use crate::{
    sample::{Alarm, Row, Users},
    size::human,
};

/// Lines of the part below.
const DETAILS: u16 = 12;

/// Draws all of it.
pub fn draw(screen: &Screen, frame: &mut Frame) {
    let [above, below, foot] = Layout::vertical([
        Constraint::Min(4),
        Constraint::Length(DETAILS),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    instances(screen, frame, above);
    match screen.chosen() {
        Some(row) => details(screen, row, frame, below),
        None => {
            let empty = Paragraph::new("There are no instances. Make one: mydevicectl add NAME");
            frame.render_widget(empty.block(Block::bordered()), below);
        }
    }
    let order = screen.order().to_possible_value();
    let order = order.as_ref().map_or("", |value| value.get_name());
    let state = if screen.paused { "stopped" } else { "live" };
    let keys =
        format!(" {state}  sorted by {order}   up/down choose   s order   space stop   q end");
    frame.render_widget(Line::from(keys).dim(), foot);
}

fn instances(screen: &Screen, frame: &mut Frame, area: Rect) {
    let users: Vec<_> = screen.rows().iter().map(users).collect();
    let [readers, writers] = [0, 1].map(|side| {
        let widths = users.iter().map(|cells| cells[side].len());
        widths.max().unwrap_or(0).max("READERS".len())
    });
    let rows = screen.rows().iter().zip(&users).map(|(row, users)| {
        let figures = &row.figures;
        let rate =
            |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| human(rate.round() as u64));
        Cells::new([
            row.name.clone(),
            figures.discipline.to_string(),
            format!("{:>6}", human(figures.bytes_used)),
            format!("{:>8}", human(figures.buffer_size)),
            format!("{:>4.0}%", row.fill() * 100.0),
            format!("{:>readers$}", users[0]),
            format!("{:>writers$}", users[1]),
            format!("{:>6}", rate(row.rates.map(|r| r.bytes_written))),
            format!("{:>6}", rate(row.rates.map(|r| r.bytes_read))),
        ])
    });
    let widths = [
        Constraint::Min(12),
        Constraint::Length(10),
        Constraint::Length(6),
        Constraint::Length(8),
        Constraint::Length(5),
        Constraint::Length(readers as u16),
        Constraint::Length(writers as u16),
        Constraint::Length(6),
        Constraint::Length(6),
    ];
    let heading = [
        "NAME".to_owned(),
        "DISCIPLINE".to_owned(),
        "  USED".to_owned(),
        "CAPACITY".to_owned(),
        " FULL".to_owned(),
        format!("{:>readers$}", "READERS"),
        format!("{:>writers$}", "WRITERS"),
        "  IN/s".to_owned(),
        " OUT/s".to_owned(),
    ];
    let table = Table::new(rows, widths)
        .header(Cells::new(heading).bold())
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(screen.chosen_index());
    frame.render_stateful_widget(table, area, &mut state);
}

/// Open files for reading and for writing, and behind them in brackets how many tasks sleep in such a call, if any.
fn users(row: &Row) -> [String; 2] {
    let Users {
        readers,
        writers,
        waiting_readers,
        waiting_writers,
    } = row.users;
    [(readers, waiting_readers), (writers, waiting_writers)].map(|(files, waiting)| match waiting {
        0 => files.to_string(),
        waiting => format!("{files} ({waiting})"),
    })
}

fn details(screen: &Screen, row: &Row, frame: &mut Frame, area: Rect) {
    let (figures, users) = (&row.figures, &row.users);
    let block = Block::bordered().title(format!(" {} ({}) ", row.name, figures.discipline));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [gauge, text, heading, graph] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Length(1),
        Constraint::Min(1),
    ])
    .areas(inner);

    let full = Gauge::default()
        .gauge_style(fill_colour(row))
        .ratio(row.fill())
        .label(format!(
            "{} of {}",
            human(figures.bytes_used),
            human(figures.buffer_size)
        ));
    frame.render_widget(full, gauge);

    let per_second = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.0}/s"));
    let rates = row.rates;
    let waits = screen.waits();
    let waited = |all: Option<u64>, rate: Option<f64>| match all {
        Some(all) => format!("{all}, {}", per_second(rate)),
        None => "not permitted to ask".to_owned(),
    };
    let lines = vec![
        Line::from(format!(
            "writes {}, {} in all      reads {}, {} in all",
            per_second(rates.map(|r| r.writes)),
            figures.write_count,
            per_second(rates.map(|r| r.reads)),
            figures.read_count
        )),
        Line::from(format!(
            "written {}   read {}   readers {}, {} waiting   writers {}, {} waiting",
            human(figures.bytes_written),
            human(figures.bytes_read),
            users.readers,
            users.waiting_readers,
            users.writers,
            users.waiting_writers
        )),
        Line::from(format!(
            "reader waits {}   writer waits {}",
            waited(
                waits.map(|w| w.stats().reader_waits),
                waits.and_then(|w| w.rates).map(|r| r.0)
            ),
            waited(
                waits.map(|w| w.stats().writer_waits),
                waits.and_then(|w| w.rates).map(|r| r.1)
            ),
        )),
        Line::from(waits.map_or(String::new(), |w| {
            let stats = w.stats();
            format!(
                "high water {}   truncated {}   cleared {}   evicted {}",
                human(stats.high_water),
                human(stats.bytes_truncated),
                human(stats.bytes_cleared),
                human(stats.bytes_evicted)
            )
        })),
    ];
    frame.render_widget(Paragraph::new(lines), text);

    let history = screen.history();
    let shown = history
        .get(history.len().saturating_sub(graph.width.into())..)
        .unwrap_or_default();
    let most = shown.iter().max().copied().unwrap_or(0);
    let title = format!("in and out together, at most {}/s", human(most));
    frame.render_widget(Line::from(title).dim(), heading);
    // The newest is at the right edge.
    let gap = usize::from(graph.width).saturating_sub(shown.len());
    let data: Vec<u64> = std::iter::repeat_n(0, gap)
        .chain(shown.iter().copied())
        .collect();
    frame.render_widget(
        Sparkline::default()
            .data(data)
            .style(Style::new().fg(Color::Cyan)),
        graph,
    );
}

fn fill_colour(row: &Row) -> Color {
    match row.alarm() {
        Alarm::None => Color::Green,
        Alarm::Filling => Color::Yellow,
        Alarm::Full => Color::Red,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::sample::{Order, tests::row};

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(screen, frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_is_on_the_screen() {
        let mut screen = Screen::new(Order::Rate, Some("mydevice-b"));
        let mut busy = row("mydevice-b", 1000, 2048.0);
        busy.users = Users {
            readers: 10,
            writers: 3,
            waiting_readers: 0,
            waiting_writers: 21,
        };
        screen.take(vec![row("mydevice-a", 500, 1.0), busy]);
        screen.tell_waits(Some(mydevice::Stats {
            writer_waits: 77,
            ..Default::default()
        }));
        let text = drawn(&screen, 100, 24);
        for part in [
            "mydevice-a",
            "50%",
            "100%",
            " mydevice-b (stream) ",
            "1000 of 1000",
            "2K",
            " 10  3 (21) ",
            "readers 10, 0 waiting   writers 3, 21 waiting",
            "writer waits 77",
            "sorted by rate",
            "at most 2K/s",
            "█",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    }

    #[test]
    fn any_size_can_be_drawn() {
        let mut screen = Screen::new(Order::Name, None);
        for _ in 0..2 {
            for (width, height) in [(1, 1), (10, 3), (40, 12), (300, 100)] {
                drawn(&screen, width, height);
            }
            screen.take(vec![row("mydevice", 500, 1e12)]);
        }
    }
}
