//! The frozen observation normaliser that is stored with a network.

use ndarray::{Array1, ArrayView2, ArrayViewMut2, Zip};

/// Normalised observations are clamped to plus and minus this.
const LIMIT: f32 = 10.0;

/// `clamp((x - mean) / sqrt(var + 1e-8), -10, 10)` per observation feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalizer {
    mean: Array1<f32>,
    var: Array1<f32>,
    scale: Array1<f32>,
}

impl Normalizer {
    /// A normaliser with these statistics; both have length `observation_size`.
    pub fn new(mean: Array1<f32>, var: Array1<f32>) -> Self {
        let scale = var.mapv(|v| 1.0 / (v + 1e-8).sqrt());
        Self { mean, var, scale }
    }

    /// The normaliser that only clamps.
    pub fn identity(observation_size: usize) -> Self {
        Self::new(Array1::zeros(observation_size), Array1::ones(observation_size))
    }

    /// Mean of each feature.
    pub fn mean(&self) -> &Array1<f32> {
        &self.mean
    }

    /// Variance of each feature.
    pub fn var(&self) -> &Array1<f32> {
        &self.var
    }

    /// Writes the normalised rows of `observations` to `out`; both are `[rows, observation_size]`.
    pub fn normalize(&self, observations: ArrayView2<'_, f32>, mut out: ArrayViewMut2<'_, f32>) {
        for (row, mut out) in observations.rows().into_iter().zip(out.rows_mut()) {
            Zip::from(&mut out)
                .and(&row)
                .and(&self.mean)
                .and(&self.scale)
                .for_each(|out, &x, &mean, &scale| *out = ((x - mean) * scale).clamp(-LIMIT, LIMIT));
        }
    }
}
