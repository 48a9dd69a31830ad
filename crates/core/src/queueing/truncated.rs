//! Moments of exponential and geometric distributions that end somewhere.

/// Mean and variance of the distribution on [0, 1] with density proportional to `exp(-theta y)`; `exp(-|theta|)`, and
/// one minus it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncated {
    pub mean: f64,
    pub variance: f64,
    pub decay: f64,
    pub fall: f64,
}

/// Below this rate the closed forms cancel and their series serve.
const SMALL: f64 = 0.05;

impl Truncated {
    pub(super) fn new(theta: f64) -> Self {
        let rate = theta.abs();
        // 1 / (e^rate - 1), which is 0 where the exponential overflows.
        let grown = libm::expm1(rate);
        let odds = 1.0 / grown;
        let decay = 1.0 / (1.0 + grown);
        let (mean, variance) = if rate < SMALL {
            let square = rate * rate;
            (0.5 - rate * (1.0 / 12.0 - square / 720.0), 1.0 / 12.0 - square / 240.0 + square * square / 6048.0)
        } else {
            (1.0 / rate - odds, 1.0 / (rate * rate) - odds * (1.0 + odds))
        };
        let fall = if rate < 1.0 { grown * decay } else { 1.0 - decay };
        Self { mean: if theta < 0.0 { 1.0 - mean } else { mean }, variance, decay, fall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_density() {
        for theta in [-60.0, -3.0, -0.051, -0.049, 0.0, 1e-3, 0.049, 0.051, 2.0, 40.0] {
            let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
            for step in 0..200_000 {
                let y = (f64::from(step) + 0.5) / 200_000.0;
                let density = (-theta * y).exp();
                mass += density;
                first += density * y;
                second += density * y * y;
            }
            let (mean, second) = (first / mass, second / mass);
            let found = Truncated::new(theta);
            assert!((found.mean / mean - 1.0).abs() < 1e-6, "{theta}: {found:?}, {mean}");
            assert!((found.variance / (second - mean * mean) - 1.0).abs() < 1e-4, "{theta}: {found:?}");
        }
        let steep = Truncated::new(1e6);
        assert!((steep.mean * 1e6 - 1.0).abs() < 1e-9 && steep.decay == 0.0);
    }
}
