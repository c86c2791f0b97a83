// SPDX-License-Identifier: GPL-2.0

//! Medians and spreads.

use std::fmt;

/// Figures of one thing that was measured often.
pub struct Sample {
    sorted: Vec<f64>,
}

impl Sample {
    /// Of these figures, at least one.
    pub fn new(mut figures: Vec<f64>) -> Self {
        assert!(!figures.is_empty(), "nothing was measured");
        figures.sort_by(f64::total_cmp);
        Self { sorted: figures }
    }

    /// The figure that this share of all do not exceed.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len() - 1;
        self.sorted[(last as f64 * share).round() as usize]
    }

    /// The figure in the middle.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Half the distance between the quartiles, as a share of the median.
    pub fn spread(&self) -> f64 {
        (self.at(0.75) - self.at(0.25)) / 2.0 / self.median()
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.median() < 100.0);
        write!(
            f,
            "{:.digits$} ±{:.0}%",
            self.median(),
            self.spread() * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_quartiles() {
        let sample = Sample::new(vec![9.0, 1.0, 5.0, 3.0, 7.0]);
        assert_eq!(
            (sample.median(), sample.at(0.25), sample.at(0.75)),
            (5.0, 3.0, 7.0)
        );
        assert_eq!(sample.spread(), 0.4);
        assert_eq!(sample.to_string(), "5.0 ±40%");
    }
}
