// SPDX-License-Identifier: GPL-2.0

//! Medians and spreads.

/// Values of one thing that was measured often.
#[derive(Clone, Debug)]
pub struct Sample {
    sorted: Vec<f64>,
}

impl Sample {
    /// Of these values, at least one.
    pub fn new(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "nothing was measured");
        values.sort_by(f64::total_cmp);
        Self { sorted: values }
    }

    /// Of what the values of two contenders are to each other, round by round: both have met the same disturbance.
    pub fn of_ratios(these: &[f64], those: &[f64]) -> Self {
        Self::new(these.iter().zip(those).map(|(a, b)| a / b).collect())
    }

    /// The value that this share of all do not exceed.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len() - 1;
        self.sorted[(last as f64 * share).round() as usize]
    }

    /// The value in the middle.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Half the distance between the quartiles, as a share of the median.
    pub fn spread(&self) -> f64 {
        match self.median() {
            0.0 => 0.0,
            median => (self.at(0.75) - self.at(0.25)) / 2.0 / median,
        }
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
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // Both take three times as long in the second round, as on a machine that was disturbed then.
        let sample = Sample::of_ratios(&[2.0, 6.0, 2.0], &[1.0, 3.0, 1.0]);
        assert_eq!((sample.median(), sample.spread()), (2.0, 0.0));
    }
}
