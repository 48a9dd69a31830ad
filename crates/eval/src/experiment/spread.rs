//! Times as weighted samples: how they spread over levels and, within a level, over replicas.

use serde::Serialize;

/// A time in seconds, and how much of the probability lies there.
pub(super) type Sample = (f64, f64);

/// How some times in seconds spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// Half of them do not exceed it.
    pub p50: f64,
    /// 95 % do not exceed it.
    pub p95: f64,
    /// 99 % do not exceed it.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// The spread of weighted times; none where there is no weight.
    pub(super) fn of(samples: &[Sample]) -> Option<Self> {
        let sorted = sorted(samples);
        let total: f64 = sorted.iter().map(|&(_, weight)| weight).sum();
        let (first, last) = (sorted.first()?, sorted.last()?);
        let quantile = |probability: f64| {
            let mut below = 0.0;
            let found = sorted.iter().find(|&&(_, weight)| {
                below += weight;
                below >= (probability - 1e-12) * total
            });
            found.unwrap_or(last).0
        };
        let mean = sorted.iter().map(|&(time_s, weight)| time_s * weight).sum::<f64>() / total;
        Some(Self { mean, min: first.0, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: last.0 })
    }

    /// The figure of a statistic's name.
    pub(super) fn statistic(&self, name: &str) -> Option<f64> {
        match name {
            "mean" => Some(self.mean),
            "min" => Some(self.min),
            "p50" => Some(self.p50),
            "p95" => Some(self.p95),
            "p99" => Some(self.p99),
            "max" => Some(self.max),
            _ => None,
        }
    }
}

/// Samples with weight, by time.
fn sorted(samples: &[Sample]) -> Vec<Sample> {
    let mut sorted: Vec<Sample> = samples.iter().copied().filter(|&(_, weight)| weight > 0.0).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted
}

/// Points of the distribution function, two for each time so that it is drawn as steps; `whole` is the weight of 1.
pub(super) fn steps(samples: &[Sample], whole: f64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut below = 0.0;
    for (time_s, weight) in sorted(samples) {
        points.push((time_s, below / whole));
        below += weight;
        points.push((time_s, below / whole));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_spread_as_plain_values_do() {
        let samples: Vec<Sample> = (1..=100).rev().map(|value| (f64::from(value), 0.5)).collect();
        let spread = Spread::of(&samples).expect("a spread");
        assert_eq!((spread.min, spread.p50, spread.p95, spread.p99, spread.max), (1.0, 50.0, 95.0, 99.0, 100.0));
        assert!((spread.mean - 50.5).abs() < 1e-9);
    }

    #[test]
    fn a_heavy_sample_counts_as_much_as_it_weighs() {
        let spread = Spread::of(&[(1.0, 9.0), (11.0, 1.0), (99.0, 0.0)]).expect("a spread");
        assert_eq!((spread.p50, spread.p95, spread.max), (1.0, 11.0, 11.0));
        assert!((spread.mean - 2.0).abs() < 1e-9);
        assert_eq!(Spread::of(&[(1.0, 0.0)]), None);
    }

    #[test]
    fn a_distribution_that_misses_some_ends_below_one() {
        assert_eq!(steps(&[(2.0, 1.0), (1.0, 2.0)], 4.0), [(1.0, 0.0), (1.0, 0.5), (2.0, 0.5), (2.0, 0.75)]);
    }
}
