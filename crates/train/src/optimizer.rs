//! Adam over one flat vector of parameters, with the gradient's global norm clipped first.

use rayon::prelude::*;

use crate::kernel::vectorized;

/// Values that a thread works on at once; sums are taken in this order whatever the number of threads.
const CHUNK: usize = 1 << 13;
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-5;

/// Adam (Kingma and Ba, 2015) with epsilon 1e-5, as PPO's authors use it, and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Steps taken.
    pub time: u64,
    /// Running mean of the gradient.
    pub first: Vec<f32>,
    /// Running mean of its square.
    pub second: Vec<f32>,
}

impl Adam {
    /// An optimizer without history for so many parameters.
    pub fn new(count: usize) -> Self {
        Self { time: 0, first: vec![0.0; count], second: vec![0.0; count] }
    }

    /// Adds the gradients in their order to the first one, scales the sum so that its norm is at most `max_grad_norm`, takes one
    /// step and returns the norm before clipping.
    ///
    /// Where the norm is not finite nothing is changed but that first gradient. Runs on the threads of the pool that it is
    /// called in; the result does not depend on their number.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradients: &mut [&mut [f32]],
        learning_rate: f64,
        max_grad_norm: f64,
    ) -> f64 {
        let Some((sum, others)) = gradients.split_first_mut() else { return 0.0 };
        let others: &[&mut [f32]] = others;
        let squares = sum.par_chunks_mut(CHUNK).enumerate().map(|(chunk, sum)| {
            for other in others {
                add(sum, &other[chunk * CHUNK..chunk * CHUNK + sum.len()]);
            }
            sum.iter().map(|&gradient| f64::from(gradient) * f64::from(gradient)).sum::<f64>()
        });
        let norm = squares.collect::<Vec<f64>>().iter().sum::<f64>().sqrt();
        if !norm.is_finite() {
            return norm;
        }
        self.time += 1;
        let scale = (max_grad_norm / (norm + 1e-6)).min(1.0) as f32;
        let power = i32::try_from(self.time).unwrap_or(i32::MAX);
        let correction = |beta: f32| (1.0 / (1.0 - f64::from(beta).powi(power))) as f32;
        let rate = Rate { scale, first: correction(BETA_1), second: correction(BETA_2), step: learning_rate as f32 };
        let chunks = parameters
            .par_chunks_mut(CHUNK)
            .zip(sum.par_chunks(CHUNK))
            .zip(self.first.par_chunks_mut(CHUNK))
            .zip(self.second.par_chunks_mut(CHUNK));
        chunks.for_each(|(((parameters, gradients), first), second)| rate.apply(parameters, gradients, first, second));
        norm
    }
}

/// The factors of one step.
struct Rate {
    scale: f32,
    first: f32,
    second: f32,
    step: f32,
}

impl Rate {
    fn apply(&self, parameters: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32]) {
        vectorized(
            #[inline(always)]
            || {
                let moments = first.iter_mut().zip(second.iter_mut());
                for ((parameter, gradient), (first, second)) in parameters.iter_mut().zip(gradients).zip(moments) {
                    let gradient = gradient * self.scale;
                    *first = BETA_1 * *first + (1.0 - BETA_1) * gradient;
                    *second = BETA_2 * *second + (1.0 - BETA_2) * (gradient * gradient);
                    let deviation = (*second * self.second).sqrt() + EPSILON;
                    *parameter -= self.step * (*first * self.first) / deviation;
                }
            },
        );
    }
}

fn add(sum: &mut [f32], other: &[f32]) {
    vectorized(
        #[inline(always)]
        || sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other),
    );
}
