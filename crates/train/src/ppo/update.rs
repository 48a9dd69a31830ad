//! One PPO update: epochs of minibatches, each minibatch split into parts for our own threads.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::loss::LossSums;
use super::worker::{Minibatch, Worker};
use crate::config::PpoConfig;
use crate::error::TrainError;
use crate::kernel::{BLOCK_ROWS, Layout};
use crate::optimizer::Adam;
use crate::random::{Purpose, RandomStream};
use crate::rollout::Rollout;

/// A minibatch is split into at most this many parts whatever the number of threads, so that sums have one order.
const MOST_PARTS: usize = 16;
/// Fewer environments than this are not worth a part of their own.
const LEAST_SEQUENCES: usize = 8;

/// The learner: parameters, their optimizer and the threads that compute gradients.
pub struct Ppo {
    config: PpoConfig,
    layout: Layout,
    parameters: Vec<f32>,
    optimizer: Adam,
    workers: Vec<Worker>,
    threads: ThreadPool,
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
    /// A learner that computes on `threads` threads.
    ///
    /// # Errors
    /// [`TrainError::Threads`] where the system refuses the threads.
    pub fn new(config: PpoConfig, layout: Layout, parameters: Vec<f32>, threads: usize) -> Result<Self, TrainError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("learner-{index}"));
        let pool = pool.build().map_err(|error| TrainError::Threads { threads, reason: error.to_string() })?;
        let optimizer = Adam::new(parameters.len());
        Ok(Self { config, layout, parameters, optimizer, workers: Vec::new(), threads: pool })
    }

    /// Where the parameters of each layer stand.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The weights and biases.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    /// Replaces parameters and optimizer, e.g. by saved ones.
    pub fn restore(&mut self, parameters: Vec<f32>, optimizer: Adam) {
        (self.parameters, self.optimizer) = (parameters, optimizer);
    }

    /// Improves the policy on a rollout whose advantages are computed; `clip_coef` stands for the configuration's.
    ///
    /// # Errors
    /// What was found not to be finite.
    pub fn update(
        &mut self,
        rollout: &Rollout,
        learning_rate: f64,
        clip_coef: f64,
        seed: u64,
        iteration: u64,
    ) -> Result<UpdateDiagnostics, String> {
        self.config.clip_coef = clip_coef;
        // With memory, samples go together by environment.
        let sequences = self.layout.spec().memory > 0;
        let mut items: Vec<usize> = (0..if sequences { rollout.num_envs } else { rollout.rows() }).collect();
        let in_minibatch = items.len().div_ceil(self.config.num_minibatches.min(items.len()));
        let mut advantages = rollout.advantages.clone();
        let mut totals = UpdateDiagnostics::default();
        let mut minibatches = 0.0;
        for epoch in 0..self.config.update_epochs {
            let index = iteration * self.config.update_epochs as u64 + epoch as u64;
            RandomStream::new(seed, Purpose::Shuffle, index).shuffle(&mut items);
            for items in items.chunks(in_minibatch) {
                if self.config.norm_adv {
                    normalize(rollout, items, sequences, &mut advantages);
                }
                let samples = items.len() * if sequences { rollout.num_steps } else { 1 };
                let sums = self.gradients(rollout, items, &advantages, samples);
                let norm = self.step(learning_rate);
                if !norm.is_finite() {
                    return Err(self.not_finite());
                }
                totals.add(sums, samples as f64);
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

    /// The gradients of the mean loss over a whole rollout whose advantages are taken as they are, laid out as the parameters.
    pub fn gradients_of(&mut self, rollout: &Rollout) -> Vec<f32> {
        let sequences = self.layout.spec().memory > 0;
        let items: Vec<usize> = (0..if sequences { rollout.num_envs } else { rollout.rows() }).collect();
        self.gradients(rollout, &items, &rollout.advantages, rollout.rows());
        let mut sum = vec![0.0; self.parameters.len()];
        for worker in &self.workers {
            sum.iter_mut().zip(&worker.gradients).for_each(|(sum, gradient)| *sum += gradient);
        }
        sum
    }

    /// Leaves every part's gradients in its worker, and gives the sums over all samples.
    fn gradients(&mut self, rollout: &Rollout, items: &[usize], advantages: &[f32], samples: usize) -> LossSums {
        let needed = self.layout.needed();
        let minibatch = Minibatch {
            layout: &self.layout,
            needed: &needed,
            parameters: &self.parameters,
            config: &self.config,
            rollout,
            advantages,
            scale: 1.0 / samples as f32,
        };
        let sequences = minibatch.layout.spec().memory > 0;
        let least = if sequences { LEAST_SEQUENCES } else { BLOCK_ROWS };
        let in_part = items.len().div_ceil(MOST_PARTS).next_multiple_of(least);
        self.workers.resize_with(items.len().div_ceil(in_part), Worker::default);
        let work = |(worker, items): (&mut Worker, &[usize])| {
            if sequences { worker.sequences(&minibatch, items) } else { worker.rows(&minibatch, items) }
        };
        let parts = (&mut self.workers, items);
        if parts.0.len() > 1 {
            self.threads.install(|| parts.0.par_iter_mut().zip(parts.1.par_chunks(in_part)).for_each(work));
        } else {
            parts.0.iter_mut().zip(parts.1.chunks(in_part)).for_each(work);
        }
        self.workers.iter().fold(LossSums::default(), |mut sums, worker| {
            sums += worker.sums;
            sums
        })
    }

    fn step(&mut self, learning_rate: f64) -> f64 {
        let mut gradients: Vec<&mut [f32]> =
            self.workers.iter_mut().map(|worker| worker.gradients.as_mut_slice()).collect();
        let (optimizer, parameters) = (&mut self.optimizer, &mut self.parameters);
        let most = self.config.max_grad_norm;
        self.threads.install(|| optimizer.step(parameters, &mut gradients, learning_rate, most))
    }

    /// Names the tensor that is not finite, or whose gradient is not.
    fn not_finite(&self) -> String {
        let broken = self.layout.not_finite(&self.parameters);
        let of_gradient = || {
            let gradients = self.workers.first().map(|worker| worker.gradients.as_slice());
            gradients.and_then(|gradients| self.layout.not_finite(gradients))
        };
        match broken {
            Some(tensor) => tensor,
            None => of_gradient().map_or("the gradient's norm".into(), |tensor| format!("the gradient of {tensor}")),
        }
    }
}

/// Gives the advantages of a minibatch's samples mean zero and variance one, as far as there are two.
fn normalize(rollout: &Rollout, items: &[usize], sequences: bool, advantages: &mut [f32]) {
    let steps = if sequences { rollout.num_steps } else { 1 };
    let rows = || items.iter().flat_map(move |&item| (0..steps).map(move |step| step * rollout.num_envs + item));
    let count = (items.len() * steps) as f64;
    if count < 2.0 {
        return;
    }
    let values = || rows().map(|row| f64::from(rollout.advantages[row]));
    let mean = values().sum::<f64>() / count;
    let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt() + 1e-8;
    for row in rows() {
        advantages[row] = ((f64::from(rollout.advantages[row]) - mean) / deviation) as f32;
    }
}

impl UpdateDiagnostics {
    fn add(&mut self, sums: LossSums, samples: f64) {
        self.value_loss += sums.value_loss / samples;
        self.policy_loss += sums.policy_loss / samples;
        self.entropy += sums.entropy / samples;
        self.clipfrac += sums.clipped / samples;
        (self.old_approx_kl, self.approx_kl) = (sums.old_approx_kl / samples, sums.approx_kl / samples);
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
