//! Adam over all parameters, with the gradient's global norm clipped first.

use burn::optim::{Adam as BurnAdam, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer};
use burn::tensor::Tensor;

use crate::parameters::{Parameters, tensor, values};

/// burn's Adam with epsilon 1e-5, and its state per parameter.
#[derive(Clone)]
pub struct Adam {
    optimizer: BurnAdam,
    states: Vec<Option<AdamState<2>>>,
}

/// The saved state of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient, row-major as the parameter.
    pub first: Vec<f32>,
    /// Running mean of its square.
    pub second: Vec<f32>,
}

impl Adam {
    /// An optimizer without history for `count` parameters.
    pub fn new(count: usize) -> Self {
        Self { optimizer: AdamConfig::new().with_epsilon(1e-5).build(), states: vec![None; count] }
    }

    /// Scales the gradients so that their common norm is at most `max_grad_norm`, takes one step and returns the norm
    /// before clipping.
    ///
    /// Where the norm is not finite nothing is changed.
    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        gradients: Vec<Tensor<2>>,
        learning_rate: f64,
        max_grad_norm: f64,
    ) -> f64 {
        let squares = gradients.iter().map(|gradient| f64::from(gradient.clone().square().sum().into_scalar::<f32>()));
        let norm = squares.sum::<f64>().sqrt();
        if !norm.is_finite() {
            return norm;
        }
        let scale = (max_grad_norm / (norm + 1e-6)).min(1.0);
        let mut pairs = gradients.into_iter().zip(&mut self.states);
        let optimizer = &self.optimizer;
        *parameters = parameters.clone().map(|parameter| match pairs.next() {
            Some((gradient, state)) => {
                let gradient = if scale < 1.0 { gradient.mul_scalar(scale) } else { gradient };
                let (parameter, next) = optimizer.step(learning_rate, parameter, gradient, state.take());
                *state = next;
                parameter
            }
            None => parameter,
        });
        norm
    }

    /// Steps taken, and the moments of every parameter in order; nothing before the first step.
    pub fn moments(&self) -> Option<(usize, Vec<Moments>)> {
        let mut time = 0;
        let moments = self.states.iter().map(|state| {
            let momentum = &state.as_ref()?.momentum;
            time = momentum.time;
            Some(Moments { first: values(&momentum.moment_1), second: values(&momentum.moment_2) })
        });
        let moments = moments.collect::<Option<Vec<_>>>()?;
        Some((time, moments))
    }

    /// Takes up saved moments, in the order of the parameters; false where they do not fit and nothing was changed.
    pub fn restore(&mut self, parameters: &Parameters, time: usize, moments: Vec<Moments>) -> bool {
        let sizes: Vec<[usize; 2]> = parameters.tensors().map(Tensor::dims).collect();
        let fits = |(moments, [rows, columns]): (&Moments, &[usize; 2])| {
            moments.first.len() == rows * columns && moments.second.len() == rows * columns
        };
        if moments.len() != sizes.len() || time == 0 || !moments.iter().zip(&sizes).all(fits) {
            return false;
        }
        let states = moments.into_iter().zip(sizes).map(|(moments, [rows, columns])| {
            let first = tensor(moments.first, rows, columns);
            let second = tensor(moments.second, rows, columns);
            Some(AdamState::new(AdaptiveMomentumState::new(time, first, second)))
        });
        self.states = states.collect();
        true
    }
}
