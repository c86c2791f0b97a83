// SPDX-License-Identifier: GPL-2.0

//! What `watch` knows, apart from how it is drawn.

use std::{
    collections::{HashMap, VecDeque},
    io,
    time::Instant,
};

use mydevice::Stats;

use crate::sample::{Order, Row, Sampler};

/// Looks that are remembered.
const HISTORY: usize = 512;

/// The state of the screen.
#[derive(Debug)]
pub struct Screen {
    /// Nothing new is looked at.
    pub paused: bool,
    sampler: Sampler,
    rows: Vec<Row>,
    order: Order,
    chosen: Option<String>,
    histories: HashMap<String, VecDeque<u64>>,
    waits: Option<Waits>,
}

/// How often somebody had to wait.
#[derive(Clone, Debug)]
pub struct Waits {
    name: String,
    at: Instant,
    stats: Stats,
    /// A second: readers, writers.
    pub rates: Option<(f64, f64)>,
}

impl Screen {
    /// Nothing yet. `chosen` is the full name of an instance.
    pub fn new(order: Order, chosen: Option<&str>) -> Self {
        Self {
            paused: false,
            sampler: Sampler::default(),
            rows: Vec::new(),
            order,
            chosen: chosen.map(str::to_owned),
            histories: HashMap::new(),
            waits: None,
        }
    }

    /// Takes the figures of this moment.
    pub fn look(&mut self) -> io::Result<()> {
        let rows = self.sampler.sample()?;
        self.take(rows);
        Ok(())
    }

    /// Takes these figures.
    pub fn take(&mut self, mut rows: Vec<Row>) {
        self.order.sort(&mut rows);
        self.histories
            .retain(|name, _| rows.iter().any(|row| row.name == *name));
        for row in &rows {
            let Some(rates) = row.rates else { continue };
            let history = self.histories.entry(row.name.clone()).or_default();
            history.push_back((rates.bytes_written + rates.bytes_read) as u64);
            if history.len() > HISTORY {
                history.pop_front();
            }
        }
        self.rows = rows;
    }

    /// Takes the counters of the chosen instance; none where asking is not permitted.
    pub fn tell_waits(&mut self, stats: Option<Stats>) {
        let now = Instant::now();
        let name = self
            .chosen()
            .map(|row| row.name.clone())
            .unwrap_or_default();
        let before = self.waits.take().filter(|waits| waits.name == name);
        self.waits = stats.map(|stats| {
            let rates = before.map(|before| {
                let seconds = (now - before.at).as_secs_f64().max(1e-6);
                let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
                (
                    rate(before.stats.reader_waits, stats.reader_waits),
                    rate(before.stats.writer_waits, stats.writer_waits),
                )
            });
            Waits {
                name,
                at: now,
                stats,
                rates,
            }
        });
    }

    /// Chooses the instance that many lines further down.
    pub fn choose(&mut self, by: isize) {
        let at = self.chosen_index().saturating_add_signed(by);
        let last = self.rows.len().saturating_sub(1);
        self.chosen = self.rows.get(at.min(last)).map(|row| row.name.clone());
    }

    /// Goes on to the next order.
    pub fn next_order(&mut self) {
        self.order = self.order.next();
        // The sort keeps what is equal as it is, so it begins with the names.
        self.rows.sort_by(|a, b| a.name.cmp(&b.name));
        self.order.sort(&mut self.rows);
    }

    /// The instances, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The order.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The line of the chosen instance; the first if it has gone.
    pub fn chosen_index(&self) -> usize {
        let chosen = self.chosen.as_deref();
        let at = self
            .rows
            .iter()
            .position(|row| Some(row.name.as_str()) == chosen);
        at.unwrap_or(0)
    }

    /// The chosen instance.
    pub fn chosen(&self) -> Option<&Row> {
        self.rows.get(self.chosen_index())
    }

    /// Bytes a second that moved in the chosen instance, the newest last.
    pub fn history(&self) -> Vec<u64> {
        let history = self.chosen().and_then(|row| self.histories.get(&row.name));
        history.into_iter().flatten().copied().collect()
    }

    /// How often somebody waited in the chosen instance.
    pub fn waits(&self) -> Option<&Waits> {
        let name = &self.chosen()?.name;
        self.waits.as_ref().filter(|waits| waits.name == *name)
    }
}

impl Waits {
    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::row;

    #[test]
    fn the_chosen_one_stays_chosen_when_the_order_changes() {
        let mut screen = Screen::new(Order::Name, Some("b"));
        screen.take(vec![row("a", 1, 0.0), row("b", 2, 9.0), row("c", 3, 0.0)]);
        assert_eq!(screen.chosen_index(), 1);
        screen.next_order();
        assert_eq!(screen.chosen().unwrap().name, "b");
        assert_eq!(screen.rows()[0].name, "c");
        screen.choose(1);
        assert_eq!(screen.chosen().unwrap().name, "a");
        screen.choose(5);
        assert_eq!(screen.chosen().unwrap().name, "a");
        screen.choose(-9);
        assert_eq!(screen.chosen().unwrap().name, "c");
    }

    #[test]
    fn history_is_kept_for_each_and_goes_with_it() {
        let mut screen = Screen::new(Order::Name, None);
        assert!(screen.chosen().is_none());
        screen.choose(1);
        for rate in [1.0, 2.0] {
            screen.take(vec![row("a", 1, rate), row("b", 1, 7.0)]);
        }
        assert_eq!(screen.history(), [1, 2]);
        screen.take(vec![row("b", 1, 8.0)]);
        assert_eq!(screen.history(), [7, 7, 8]);
    }

    #[test]
    fn waits_are_those_of_the_chosen_one() {
        let mut screen = Screen::new(Order::Name, None);
        screen.take(vec![row("a", 1, 0.0), row("b", 1, 0.0)]);
        screen.tell_waits(Some(Stats::default()));
        assert!(screen.waits().unwrap().rates.is_none());
        let stats = Stats {
            reader_waits: 5,
            ..Stats::default()
        };
        screen.tell_waits(Some(stats));
        assert!(screen.waits().unwrap().rates.unwrap().0 > 0.0);
        screen.choose(1);
        assert!(screen.waits().is_none());
    }
}
