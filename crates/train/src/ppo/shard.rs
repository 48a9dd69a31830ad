//! The loss of one part of a minibatch and its gradients, on a graph that no other thread touches.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::PpoConfig;
use crate::parameters::{Parameters, tensor, values};
use crate::rollout::Rollout;

/// Added to the logits of illegal actions: their exponential is exactly zero, and so is every gradient through it.
const ILLEGAL: f32 = -1e9;

/// Some samples of a minibatch, gathered from a rollout.
#[derive(Debug, Clone)]
pub struct Shard {
    rows: usize,
    observations: Vec<f32>,
    logit_offsets: Vec<f32>,
    actions: Vec<i64>,
    log_probs: Vec<f32>,
    values: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
}

/// What one shard adds to a minibatch.
#[derive(Debug)]
pub struct ShardResult {
    /// Gradients of the minibatch's mean loss through these samples, in the parameters' order.
    pub gradients: Vec<Tensor<2>>,
    /// New log-probabilities of the actions taken.
    pub log_probs: Vec<f32>,
    /// Entropies over legal actions.
    pub entropies: Vec<f32>,
    /// New values.
    pub values: Vec<f32>,
}

impl Shard {
    /// Gathers the samples `rows`; `advantages` belongs to the same rows, normalised or not.
    pub fn gather(rollout: &Rollout, rows: &[usize], advantages: &[f32]) -> Self {
        let (width, num_actions) = (rollout.observation_size, rollout.num_actions);
        let mut observations = Vec::with_capacity(rows.len() * width);
        let mut logit_offsets = Vec::with_capacity(rows.len() * num_actions);
        for &row in rows {
            observations.extend_from_slice(&rollout.observations[row * width..(row + 1) * width]);
            let mask = &rollout.action_masks[row * num_actions..(row + 1) * num_actions];
            logit_offsets.extend(mask.iter().map(|&legal| if legal { 0.0 } else { ILLEGAL }));
        }
        let pick = |values: &[f32]| rows.iter().map(|&row| values[row]).collect();
        Self {
            rows: rows.len(),
            observations,
            logit_offsets,
            actions: rows.iter().map(|&row| rollout.actions[row] as i64).collect(),
            log_probs: pick(&rollout.log_probs),
            values: pick(&rollout.values),
            advantages: advantages.to_vec(),
            returns: pick(&rollout.returns),
        }
    }

    /// Gradients of the PPO loss, divided by the number of samples in the whole minibatch.
    pub fn gradients(self, parameters: &Parameters, config: &PpoConfig, minibatch_rows: usize) -> ShardResult {
        let rows = self.rows;
        let num_actions = self.logit_offsets.len() / rows.max(1);
        let width = self.observations.len() / rows.max(1);
        let column = |values: Vec<f32>| tensor(values, rows, 1);
        let actions = Tensor::<2, Int>::from_data(TensorData::new(self.actions, [rows, 1]), &Device::flex());
        let observations = tensor(self.observations, rows, width);
        let (old_log_probs, old_values) = (column(self.log_probs), column(self.values));
        let (advantages, returns) = (column(self.advantages), column(self.returns));

        let leaves = parameters.leaves();
        let logits = leaves.logits(observations.clone()) + tensor(self.logit_offsets, rows, num_actions);
        let largest = logits.clone().inner().max_dim(1);
        let shifted = logits - largest;
        let exponentials = shifted.clone().exp();
        let sum = exponentials.clone().sum_dim(1);
        let log_sum = sum.clone().log();
        let log_probs = shifted.clone().gather(1, actions) - log_sum.clone();
        let entropies = log_sum - (exponentials * shifted).sum_dim(1) / sum;

        let ratio = (log_probs.clone() - old_log_probs).exp();
        let clipped = ratio.clone().clamp(1.0 - config.clip_coef, 1.0 + config.clip_coef);
        let gain = (ratio * advantages.clone()).min_pair(clipped * advantages);

        let values_now = leaves.values(observations);
        let mut value_errors = (values_now.clone() - returns.clone()).square();
        if config.clip_vloss {
            let change = (values_now.clone() - old_values.clone()).clamp(-config.clip_coef, config.clip_coef);
            value_errors = value_errors.max_pair((old_values + change - returns).square());
        }
        let loss = value_errors.mul_scalar(0.5 * config.vf_coef) - gain - entropies.clone().mul_scalar(config.ent_coef);
        let mut gradients = loss.sum().div_scalar(minibatch_rows as f64).backward();

        let gradients = leaves.tensors().map(|leaf| {
            leaf.grad_remove(&mut gradients).unwrap_or_else(|| Tensor::zeros(leaf.dims(), &Device::flex()))
        });
        ShardResult {
            gradients: gradients.collect(),
            log_probs: values(&log_probs.inner()),
            entropies: values(&entropies.inner()),
            values: values(&values_now.inner()),
        }
    }
}
