//! Random draws of the exact engine, in `f64` with the same bits on every machine.

use rand::TryRng;

use crate::rng::{CounterRng, Stream};

/// Below this squared coefficient of variation work is taken as constant, rather than as a sum of thousands of stages.
const NEARLY_CONSTANT: f64 = 1e-3;

/// One generator for a whole run.
#[derive(Clone, Debug)]
pub(super) struct Random(CounterRng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(CounterRng::new(seed, Stream::Exact, 0))
    }

    /// Uniform in [0, 1) with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        let Ok(bits) = self.0.try_next_u64();
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.uniform() < probability
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.uniform())
    }

    /// Normal with mean 0 and variance 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// A number whose mean is `mean`: the whole part, and one more as often as the rest says.
    pub fn round(&mut self, mean: f64) -> u32 {
        mean as u32 + u32::from(self.chance(mean.fract()))
    }

    /// A positive number of mean 1 with a squared coefficient of variation.
    ///
    /// Constant, exponential, a mixture of two Erlang distributions below 1 and a hyperexponential with balanced means
    /// above (Tijms, "A First Course in Stochastic Models", 2003, appendix B).
    pub fn work(&mut self, cv2: f64) -> f64 {
        if cv2 == 1.0 {
            return self.exponential();
        }
        if cv2 < NEARLY_CONSTANT {
            return 1.0;
        }
        if cv2 > 1.0 {
            let first = 0.5 * (1.0 + libm::sqrt((cv2 - 1.0) / (cv2 + 1.0)));
            let share = if self.chance(first) { first } else { 1.0 - first };
            return self.exponential() / (2.0 * share);
        }
        let stages = libm::ceil(1.0 / cv2);
        let fewer = (stages * cv2 - libm::sqrt(stages * (1.0 + cv2) - stages * stages * cv2)) / (1.0 + cv2);
        let drawn = if self.chance(fewer) { stages - 1.0 } else { stages };
        (0..drawn as u32).map(|_| self.exponential()).sum::<f64>() / (stages - fewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_has_mean_one_and_the_variation_asked_for() {
        for cv2 in [0.0, 0.1, 0.4, 0.5, 0.7, 1.0, 2.0, 10.0] {
            let mut random = Random::new(5);
            let draws: Vec<f64> = (0..400_000).map(|_| random.work(cv2)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / draws.len() as f64;
            assert!((mean - 1.0).abs() < 0.02, "{cv2}: mean {mean}");
            assert!((variance - cv2).abs() < 0.03 * cv2.max(0.1) + 0.02 * cv2 * cv2, "{cv2}: variance {variance}");
        }
    }
}
