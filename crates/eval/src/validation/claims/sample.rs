//! Replications of a random trial, and what they say with a standard error.

use microcloud_core::{CounterRng, Stream};

use crate::validation::{Engine, Row};

/// Replications that a standard error is taken over.
const REPLICATIONS: u64 = 20;
/// Standard errors within which a sampled figure has to agree with its expectation.
const WITHIN: f64 = 4.0;
/// Largest standard error relative to the expectation: a wider one would prove nothing.
const LARGEST_ERROR: f64 = 0.01;

/// The results of equally many trials in each replication.
pub(super) struct Sample {
    replications: Vec<Vec<f64>>,
}

/// A mean over the replications.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub value: f64,
    pub standard_error: f64,
}

impl Sample {
    /// At least so many trials, spread over the replications; equal seeds give equal ones.
    pub fn draw(seed: u64, trials: usize, mut trial: impl FnMut(&mut CounterRng) -> f64) -> Self {
        let each = trials.div_ceil(REPLICATIONS as usize);
        let replicate = |replication| {
            let mut rng = CounterRng::new(seed, Stream::Phases, replication);
            (0..each).map(|_| trial(&mut rng)).collect()
        };
        Self { replications: (0..REPLICATIONS).map(replicate).collect() }
    }

    pub fn mean(&self) -> Estimate {
        self.estimate(mean)
    }

    /// Ratio of the trials whose result is of a kind.
    pub fn ratio(&self, of_kind: impl Fn(f64) -> bool) -> Estimate {
        self.estimate(|results| results.iter().filter(|&&x| of_kind(x)).count() as f64 / results.len() as f64)
    }

    /// Ratio of the trials with a result from `low` to `high`.
    pub fn within(&self, low: f64, high: f64) -> Estimate {
        self.ratio(|x| (low..=high).contains(&x))
    }

    pub fn quantile(&self, probability: f64) -> Estimate {
        self.estimate(|results| {
            let mut sorted = results.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted[((probability * sorted.len() as f64) as usize).min(sorted.len() - 1)]
        })
    }

    pub fn largest(&self) -> f64 {
        self.replications.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn estimate(&self, statistic: impl Fn(&[f64]) -> f64) -> Estimate {
        let values: Vec<f64> = self.replications.iter().map(|results| statistic(results)).collect();
        let (value, number) = (mean(&values), values.len() as f64);
        let variance = values.iter().map(|x| (x - value) * (x - value)).sum::<f64>() / (number - 1.0);
        Estimate { value, standard_error: (variance / number).sqrt() }
    }
}

/// The mean, without rounding where all are equal.
pub(super) fn mean(values: &[f64]) -> f64 {
    let base = values[0];
    base + values.iter().map(|x| x - base).sum::<f64>() / values.len() as f64
}

/// A simulated figure, held to its expectation within four standard errors, which have to be small themselves.
pub(super) fn simulated(name: &str, quantity: &str, expected: f64, estimate: Estimate, source: &str) -> Row {
    let Estimate { value, standard_error } = estimate;
    Row::held(name, Engine::Sampled, quantity, [expected, value], WITHIN * standard_error, source)
        .with_standard_error(standard_error, LARGEST_ERROR * expected.abs())
}

#[cfg(test)]
mod tests {
    use microcloud_core::CounterRng;
    use rand::RngExt;

    use super::{Sample, simulated};

    fn uniform(rng: &mut CounterRng) -> f64 {
        rng.random()
    }

    #[test]
    fn a_sample_of_uniform_numbers_has_their_moments_and_quantiles() {
        let sample = Sample::draw(1, 100_000, uniform);
        let (mean, median) = (sample.mean(), sample.quantile(0.5));
        // Standard error of the mean of n uniform numbers: 1 / sqrt(12 n).
        assert!((mean.standard_error - 1.0 / 1_200_000_f64.sqrt()).abs() < 3e-4);
        for (estimate, expected) in [(mean, 0.5), (median, 0.5), (sample.within(0.2, 0.5), 0.3)] {
            assert!((estimate.value - expected).abs() < 4.0 * estimate.standard_error, "{estimate:?}");
        }
    }

    #[test]
    fn a_simulated_row_fails_where_it_is_off_and_where_it_is_too_coarse() {
        let pass = |expected: f64, trials: usize| {
            simulated("uniform", "mean", expected, Sample::draw(1, trials, uniform).mean(), "1/2").pass
        };
        assert_eq!(pass(0.5, 100_000), Some(true));
        assert_eq!(pass(0.51, 100_000), Some(false));
        assert_eq!(pass(0.5, 200), Some(false));
    }
}
