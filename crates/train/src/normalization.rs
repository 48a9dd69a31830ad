//! Running statistics: of the observations, and of the discounted returns by which rewards are scaled.

use microcloud_policy::network::Normalizer;
use ndarray::Array1;

/// Scaled rewards are clamped to plus and minus this.
pub const REWARD_LIMIT: f64 = 10.0;

/// Mean and variance per feature over everything seen so far (Chan, Golub and LeVeque, 1979).
#[derive(Debug, Clone, PartialEq)]
pub struct RunningMoments {
    /// Number of rows seen.
    pub count: f64,
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// Sum of squared deviations of each feature.
    pub squares: Vec<f64>,
}

impl RunningMoments {
    /// Nothing seen yet: mean 0 and variance 1.
    pub fn new(size: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; size], squares: vec![0.0; size] }
    }

    /// Saved statistics; none where a count or a variance is negative.
    pub fn from_parts(count: f64, mean: Vec<f64>, squares: Vec<f64>) -> Option<Self> {
        let sound = count >= 0.0 && squares.iter().all(|&square| square >= 0.0);
        sound.then_some(Self { count, mean, squares })
    }

    /// Takes in rows of features, row-major.
    pub fn update(&mut self, rows: &[f32]) {
        let size = self.mean.len();
        for row in rows.chunks_exact(size) {
            self.count += 1.0;
            for ((mean, squares), &value) in self.mean.iter_mut().zip(&mut self.squares).zip(row) {
                let before = f64::from(value) - *mean;
                *mean += before / self.count;
                *squares += before * (f64::from(value) - *mean);
            }
        }
    }

    /// Variance of each feature; 1 before two rows were seen.
    pub fn variance(&self) -> impl Iterator<Item = f64> + '_ {
        self.squares.iter().map(|squares| if self.count > 1.0 { squares / self.count } else { 1.0 })
    }

    /// The normaliser that these statistics make.
    pub fn normalizer(&self) -> Normalizer {
        let mean: Array1<f32> = self.mean.iter().map(|&mean| mean as f32).collect();
        Normalizer::new(mean, self.variance().map(|variance| variance as f32).collect())
    }
}

/// Divides rewards by the running standard deviation of the discounted return (Engstrom et al., 2020).
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnScaler {
    gamma: f64,
    returns: Vec<f64>,
    moments: RunningMoments,
}

impl ReturnScaler {
    /// A scaler for `num_envs` environments.
    pub fn new(num_envs: usize, gamma: f64) -> Self {
        Self { gamma, returns: vec![0.0; num_envs], moments: RunningMoments::new(1) }
    }

    /// The same discount with saved running returns and statistics.
    pub fn with_parts(&self, returns: Vec<f64>, moments: RunningMoments) -> Self {
        Self { gamma: self.gamma, returns, moments }
    }

    /// The running discounted return of every environment.
    pub fn returns(&self) -> &[f64] {
        &self.returns
    }

    /// Statistics of the running returns.
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    /// What rewards are divided by now.
    pub fn deviation(&self) -> f64 {
        self.moments.variance().next().map_or(1.0, |variance| (variance + 1e-8).sqrt())
    }

    /// Writes the scaled rewards of one step to `out`.
    pub fn scale(&mut self, rewards: &[f64], terminated: &[bool], truncated: &[bool], out: &mut [f32]) {
        for (value, reward) in self.returns.iter_mut().zip(rewards) {
            *value = *value * self.gamma + reward;
            self.moments.update(&[*value as f32]);
        }
        let deviation = self.deviation();
        for (out, reward) in out.iter_mut().zip(rewards) {
            *out = (reward / deviation).clamp(-REWARD_LIMIT, REWARD_LIMIT) as f32;
        }
        for ((value, terminated), truncated) in self.returns.iter_mut().zip(terminated).zip(truncated) {
            if *terminated || *truncated {
                *value = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_moments_are_those_of_all_rows_at_once() {
        let rows: Vec<f32> = (0..600).map(|i| ((i * 37) % 101) as f32 + 1000.0).collect();
        let mut moments = RunningMoments::new(2);
        for part in rows.chunks(20) {
            moments.update(part);
        }
        for feature in 0..2 {
            let column: Vec<f64> = rows.iter().skip(feature).step_by(2).map(|&v| f64::from(v)).collect();
            let mean = column.iter().sum::<f64>() / 300.0;
            let variance = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 300.0;
            assert!((moments.mean[feature] - mean).abs() < 1e-9);
            assert!((moments.variance().nth(feature).unwrap() - variance).abs() < 1e-6);
        }
    }
}
