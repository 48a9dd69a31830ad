//! One PPO update: epochs of minibatches, each minibatch split into a fixed number of shards for our own threads.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Adam, Shard, ShardResult};
use crate::config::PpoConfig;
use crate::error::TrainError;
use crate::parameters::Parameters;
use crate::random::{Purpose, RandomStream};
use crate::rollout::Rollout;

/// A minibatch is split into this many shards whatever the number of threads, so that sums have one order.
const SHARDS: usize = 4;
/// Fewer samples than this are not worth a shard of their own.
const LEAST_ROWS_PER_SHARD: usize = 64;

/// The learner: parameters, their optimizer and the threads that compute gradients.
pub struct Ppo {
    config: PpoConfig,
    parameters: Parameters,
    optimizer: Adam,
    threads: Option<ThreadPool>,
}

/// Means over an update's minibatches, named as CleanRL names them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UpdateDiagnostics {
    /// Half the mean squared error of the values.
    pub value_loss: f64,
    /// The clipped surrogate loss.
    pub policy_loss: f64,
    /// Entropy over legal actions, nats.
    pub entropy: f64,
    /// First-order estimate of the divergence from the old policy (last minibatch).
    pub old_approx_kl: f64,
    /// Schulman's estimate of it (last minibatch).
    pub approx_kl: f64,
    /// Share of samples whose ratio was clipped.
    pub clipfrac: f64,
    /// Share of the returns' variance that the values explained before the update.
    pub explained_variance: f64,
    /// Global norm of the gradient before clipping.
    pub grad_norm: f64,
}

impl Ppo {
    /// A learner that computes on `threads` threads; one means the calling thread.
    ///
    /// # Errors
    /// [`TrainError::Threads`] where the system refuses the threads.
    pub fn new(config: PpoConfig, parameters: Parameters, threads: usize) -> Result<Self, TrainError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("learner-{index}"));
        let pool = (threads > 1).then(|| pool.build()).transpose();
        let optimizer = Adam::new(parameters.tensors().count());
        Ok(Self {
            config,
            parameters,
            optimizer,
            threads: pool.map_err(|error| TrainError::Threads { threads, reason: error.to_string() })?,
        })
    }

    /// The trainable tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    /// Replaces parameters and optimizer, e.g. by saved ones.
    pub fn restore(&mut self, parameters: Parameters, optimizer: Adam) {
        (self.parameters, self.optimizer) = (parameters, optimizer);
    }

    /// Improves the policy on a rollout whose advantages are computed.
    ///
    /// # Errors
    /// What was found not to be finite.
    pub fn update(
        &mut self,
        rollout: &Rollout,
        learning_rate: f64,
        seed: u64,
        iteration: u64,
    ) -> Result<UpdateDiagnostics, String> {
        let mut rows: Vec<usize> = (0..rollout.rows()).collect();
        let minibatch_rows = rollout.rows().div_ceil(self.config.num_minibatches);
        let mut totals = UpdateDiagnostics::default();
        let mut minibatches = 0.0;
        for epoch in 0..self.config.update_epochs {
            let index = iteration * self.config.update_epochs as u64 + epoch as u64;
            RandomStream::new(seed, Purpose::Shuffle, index).shuffle(&mut rows);
            for minibatch in rows.chunks(minibatch_rows) {
                let advantages = self.advantages(rollout, minibatch);
                let shards = self.shards(rollout, minibatch, &advantages);
                let diagnostics = self.diagnose(rollout, minibatch, &advantages, &shards);
                let gradients = sum_in_order(shards);
                let norm =
                    self.optimizer.step(&mut self.parameters, gradients, learning_rate, self.config.max_grad_norm);
                if !norm.is_finite() {
                    return Err("the gradient's norm".into());
                }
                totals.add(diagnostics);
                totals.grad_norm += norm;
                minibatches += 1.0;
            }
            if self.config.target_kl.is_some_and(|limit| totals.approx_kl > limit) {
                break;
            }
        }
        totals.explained_variance = rollout.explained_variance();
        Ok(totals.divided_by(minibatches))
    }

    fn advantages(&self, rollout: &Rollout, minibatch: &[usize]) -> Vec<f32> {
        let mut advantages: Vec<f32> = minibatch.iter().map(|&row| rollout.advantages[row]).collect();
        if self.config.norm_adv && advantages.len() > 1 {
            let count = advantages.len() as f64;
            let mean = advantages.iter().map(|&a| f64::from(a)).sum::<f64>() / count;
            let squares = advantages.iter().map(|&a| (f64::from(a) - mean).powi(2)).sum::<f64>();
            let deviation = (squares / (count - 1.0)).sqrt() + 1e-8;
            advantages.iter_mut().for_each(|a| *a = ((f64::from(*a) - mean) / deviation) as f32);
        }
        advantages
    }

    fn shards(&self, rollout: &Rollout, minibatch: &[usize], advantages: &[f32]) -> Vec<ShardResult> {
        let shards = (minibatch.len() / LEAST_ROWS_PER_SHARD).clamp(1, SHARDS);
        let rows = minibatch.len().div_ceil(shards);
        let compute = |(rows, advantages): (&[usize], &[f32])| {
            Shard::gather(rollout, rows, advantages).gradients(&self.parameters, &self.config, minibatch.len())
        };
        match &self.threads {
            Some(pool) => pool.install(|| {
                let parts = minibatch.par_chunks(rows).zip(advantages.par_chunks(rows));
                parts.map(compute).collect()
            }),
            None => minibatch.chunks(rows).zip(advantages.chunks(rows)).map(compute).collect(),
        }
    }

    fn diagnose(
        &self,
        rollout: &Rollout,
        minibatch: &[usize],
        advantages: &[f32],
        shards: &[ShardResult],
    ) -> UpdateDiagnostics {
        let clip = f64::from(self.config.clip_coef as f32);
        let log_probs = shards.iter().flat_map(|shard| &shard.log_probs);
        let entropies = shards.iter().flat_map(|shard| &shard.entropies);
        let values = shards.iter().flat_map(|shard| &shard.values);
        let mut sums = UpdateDiagnostics::default();
        for ((((&row, &advantage), &log_prob), &entropy), &value) in
            minibatch.iter().zip(advantages).zip(log_probs).zip(entropies).zip(values)
        {
            let (advantage, value) = (f64::from(advantage), f64::from(value));
            let log_ratio = f64::from(log_prob) - f64::from(rollout.log_probs[row]);
            let ratio = log_ratio.exp();
            let target = f64::from(rollout.returns[row]);
            let mut error = (value - target).powi(2);
            if self.config.clip_vloss {
                let old = f64::from(rollout.values[row]);
                error = error.max((old + (value - old).clamp(-clip, clip) - target).powi(2));
            }
            sums.value_loss += 0.5 * error;
            sums.policy_loss -= (ratio * advantage).min(ratio.clamp(1.0 - clip, 1.0 + clip) * advantage);
            sums.entropy += f64::from(entropy);
            sums.old_approx_kl -= log_ratio;
            sums.approx_kl += ratio - 1.0 - log_ratio;
            sums.clipfrac += f64::from(u8::from((ratio - 1.0).abs() > clip));
        }
        let rows = minibatch.len() as f64;
        let kl = (sums.old_approx_kl / rows, sums.approx_kl / rows);
        UpdateDiagnostics { old_approx_kl: kl.0, approx_kl: kl.1, ..sums.divided_by(rows) }
    }
}

impl UpdateDiagnostics {
    fn add(&mut self, other: Self) {
        self.value_loss += other.value_loss;
        self.policy_loss += other.policy_loss;
        self.entropy += other.entropy;
        self.clipfrac += other.clipfrac;
        (self.old_approx_kl, self.approx_kl) = (other.old_approx_kl, other.approx_kl);
    }

    /// Divides what is summed; divergences and the explained variance are no sums.
    fn divided_by(self, count: f64) -> Self {
        Self {
            value_loss: self.value_loss / count,
            policy_loss: self.policy_loss / count,
            entropy: self.entropy / count,
            clipfrac: self.clipfrac / count,
            grad_norm: self.grad_norm / count,
            ..self
        }
    }
}

fn sum_in_order(shards: Vec<ShardResult>) -> Vec<burn::tensor::Tensor<2>> {
    let mut gradients = shards.into_iter().map(|shard| shard.gradients);
    let first = gradients.next().unwrap_or_default();
    gradients.fold(first, |sums, next| sums.into_iter().zip(next).map(|(sum, next)| sum + next).collect())
}
