//! Means, tails and bootstrap intervals over levels.

/// Resamples of a bootstrap.
pub(crate) const RESAMPLES: usize = 2000;

/// The mean, and none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean of the worst (lowest) tenth, rounded up to whole values.
pub fn cvar10(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.truncate(values.len().div_ceil(10));
    mean(&sorted)
}

/// The 95 % percentile interval of the mean, from 2,000 resamples of the values (Efron and Tibshirani, "An Introduction to
/// the Bootstrap", 1993, chapter 13).
pub fn bootstrap_ci95(values: &[f64], seed: u64) -> Option<[f64; 2]> {
    Bootstrap::new(values.len(), seed).ci95(|draw| draw.mean(values))
}

/// Resamples of the levels; every statistic of one bootstrap sees the same ones, so that comparisons are paired.
pub(crate) struct Bootstrap {
    levels: usize,
    seed: u64,
}

/// One resample: the same levels for every policy.
pub(crate) struct Draw<'a> {
    levels: &'a [usize],
}

impl Bootstrap {
    pub fn new(levels: usize, seed: u64) -> Self {
        Self { levels, seed }
    }

    /// The middle 95 % of a statistic over the resamples for which it exists.
    pub fn ci95(&self, statistic: impl Fn(&Draw<'_>) -> Option<f64>) -> Option<[f64; 2]> {
        if self.levels == 0 {
            return None;
        }
        let mut state = self.seed;
        let mut levels = vec![0; self.levels];
        let mut values = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            for level in &mut levels {
                *level = ((u128::from(splitmix(&mut state)) * self.levels as u128) >> 64) as usize;
            }
            values.extend(statistic(&Draw { levels: &levels }).filter(|value| value.is_finite()));
        }
        values.sort_by(f64::total_cmp);
        Some([quantile(&values, 0.025)?, quantile(&values, 0.975)?])
    }
}

impl Draw<'_> {
    pub fn mean(&self, values: &[f64]) -> Option<f64> {
        let total: f64 = self.levels.iter().map(|&level| values[level]).sum();
        Some(total / self.levels.len() as f64)
    }
}

/// A quantile of sorted values, linear between neighbours.
pub(crate) fn quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    let place = probability * sorted.len().checked_sub(1)? as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

/// The generator splitmix64 (Steele, Lea and Flood, 2014).
pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    microcloud_core::mix_bits(*state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cvar10_is_the_mean_of_the_worst_tenth() {
        let values: Vec<f64> = (0..20).rev().map(f64::from).collect();
        assert_eq!(cvar10(&values), Some(0.5));
        assert_eq!(cvar10(&[3.0]), Some(3.0));
        assert_eq!(cvar10(&[]), None);
    }

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_either_side() {
        let mut state = 9;
        let uniform: Vec<f64> = (0..400).map(|_| splitmix(&mut state) as f64 / u64::MAX as f64).collect();
        let ci = bootstrap_ci95(&uniform, 1);
        let half_width = ci.map(|[low, high]| (high - low) / 2.0);
        // Standard error of the mean of 400 uniform numbers: sqrt(1/12/400) = 0.0144.
        assert!(half_width.is_some_and(|half| (half - 1.96 * 0.0144).abs() < 0.004), "{ci:?}");
        assert_eq!(ci, bootstrap_ci95(&uniform, 1));
        assert_ne!(ci, bootstrap_ci95(&uniform, 2));
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        assert_eq!(bootstrap_ci95(&[2.0; 10], 0), Some([2.0, 2.0]));
        assert_eq!(bootstrap_ci95(&[], 0), None);
    }
}
