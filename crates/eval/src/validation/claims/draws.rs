//! Random numbers whose last bits are the same on every machine.

use microcloud_core::CounterRng;
use rand::RngExt;

/// Uniform in [0, 1).
pub(super) fn uniform(rng: &mut CounterRng) -> f64 {
    rng.random()
}

/// Exponential with mean 1, by inversion.
pub(super) fn exponential(rng: &mut CounterRng) -> f64 {
    -libm::log1p(-uniform(rng))
}

/// Two independent normal ones of mean 0 and variance 1 (Marsaglia's polar method, SIAM Review 6, 1964).
pub(super) fn normals(rng: &mut CounterRng) -> [f64; 2] {
    loop {
        let [x, y] = [uniform(rng), uniform(rng)].map(|u| 2.0 * u - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            let factor = (-2.0 * libm::log(square) / square).sqrt();
            return [x * factor, y * factor];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{exponential, normals};
    use crate::validation::claims::sample::Sample;

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let close = |sample: &Sample, expected: f64| {
            let mean = sample.mean();
            assert!((mean.value - expected).abs() < 4.0 * mean.standard_error, "{mean:?} {expected}");
        };
        close(&Sample::draw(1, 100_000, exponential), 1.0);
        close(&Sample::draw(1, 100_000, |rng| exponential(rng).powi(2)), 2.0);
        for which in 0..2 {
            close(&Sample::draw(2, 100_000, |rng| normals(rng)[which]), 0.0);
            close(&Sample::draw(2, 100_000, |rng| normals(rng)[which].powi(2)), 1.0);
            close(&Sample::draw(2, 100_000, |rng| normals(rng)[which].powi(4)), 3.0);
        }
    }
}
