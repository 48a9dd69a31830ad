//! Response times of many answers as a histogram of logarithmic bins, and the percentiles read from it.

use microcloud_core::EdgeAnswers;

/// Shortest time told apart, in seconds, and the ratio of a bin's ends.
const SHORTEST_S: f64 = 1e-4;
const RATIO: f64 = 1.02;
/// Bins: from 0.1 ms to more than a thousand seconds.
const BINS: usize = 820;
/// Answers of a group stand at these probabilities of its distribution, each for the share beside it: finer in the tail,
/// where percentiles are read.
const STRATA: [(f64, f64); 24] = strata();

const fn strata() -> [(f64, f64); 24] {
    let steps = [(9, 0.1), (5, 0.01), (5, 0.005), (5, 0.005)];
    let mut strata = [(0.0, 0.0); 24];
    let (mut from, mut index, mut step) = (0.0, 0, 0);
    while step < steps.len() {
        let mut left = steps[step].0;
        while left > 0 {
            strata[index] = (from + 0.5 * steps[step].1, steps[step].1);
            from += steps[step].1;
            index += 1;
            left -= 1;
        }
        step += 1;
    }
    strata
}

/// Response times, by weight.
#[derive(Clone, Debug)]
pub(super) struct LatencyHistogram {
    bins: Vec<f64>,
    total: f64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self { bins: vec![0.0; BINS], total: 0.0 }
    }
}

impl LatencyHistogram {
    /// Adds a group's answers: gamma distributed by mean and deviation (Wilson and Hilferty, 1931), and cut off where the
    /// user has given up.
    pub fn add(&mut self, answers: &EdgeAnswers, timeout_s: f64) {
        if answers.per_s <= 0.0 || answers.mean_s <= 0.0 {
            return;
        }
        let variation = answers.sd_s / answers.mean_s;
        for ((_, share), z) in STRATA.iter().zip(normal_quantiles()) {
            let root = (1.0 - variation * variation / 9.0 + z * variation / 3.0).max(0.0);
            let time_s = (answers.mean_s * root * root * root).min(timeout_s).max(SHORTEST_S);
            let bin = (libm::log(time_s / SHORTEST_S) / libm::log(RATIO)) as usize;
            self.bins[bin.min(BINS - 1)] += answers.per_s * share;
            self.total += answers.per_s * share;
        }
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            *bin += more;
        }
        self.total += other.total;
    }

    /// The time in milliseconds that a share of the answers does not exceed, to 1 %; none without answers.
    pub fn quantile_ms(&self, probability: f64) -> Option<f64> {
        let mut below = 0.0;
        let bin = self.bins.iter().position(|weight| {
            below += weight;
            *weight > 0.0 && below >= probability * self.total
        })?;
        Some(1000.0 * SHORTEST_S * libm::pow(RATIO, bin as f64 + 0.5))
    }
}

/// The normal distribution's quantiles at the strata.
fn normal_quantiles() -> &'static [f64; 24] {
    static QUANTILES: std::sync::OnceLock<[f64; 24]> = std::sync::OnceLock::new();
    QUANTILES.get_or_init(|| STRATA.map(|(probability, _)| normal_quantile(probability)))
}

/// By bisection of the distribution function.
fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let below = 0.5 * libm::erfc(-middle / std::f64::consts::SQRT_2);
        if below < probability { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_exponential_times_are_the_closed_forms() {
        let mut histogram = LatencyHistogram::default();
        histogram.add(&EdgeAnswers { per_s: 10.0, mean_s: 0.02, sd_s: 0.02 }, 10.0);
        for (probability, expected_ms) in [(0.95, 20.0 * 2.9957), (0.99, 20.0 * 4.6052)] {
            let found = histogram.quantile_ms(probability).expect("a time");
            assert!((found / expected_ms - 1.0).abs() < 0.06, "{probability}: {found} for {expected_ms}");
        }
    }

    #[test]
    fn a_tenth_of_slow_answers_decides_the_95th_percentile_and_not_the_median() {
        let mut histogram = LatencyHistogram::default();
        histogram.add(&EdgeAnswers { per_s: 9.0, mean_s: 0.02, sd_s: 0.005 }, 10.0);
        histogram.add(&EdgeAnswers { per_s: 1.0, mean_s: 1.2, sd_s: 0.1 }, 10.0);
        assert!(histogram.quantile_ms(0.5).is_some_and(|ms| ms < 25.0));
        assert!(histogram.quantile_ms(0.95).is_some_and(|ms| (1000.0..1400.0).contains(&ms)));
    }

    #[test]
    fn nobody_waits_beyond_the_users_timeout_and_nobody_has_no_percentile() {
        let mut histogram = LatencyHistogram::default();
        assert_eq!(histogram.quantile_ms(0.99), None);
        histogram.add(&EdgeAnswers { per_s: 1.0, mean_s: 5.0, sd_s: 5.0 }, 2.0);
        assert!(histogram.quantile_ms(0.99).is_some_and(|ms| (1950.0..2050.0).contains(&ms)));
    }
}
