//! One optimizer step on a batch of transitions, split into parts for our own threads.

use microcloud_policy::network::{NodeId, Normalizer};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::targets::{NextValues, TdErrors, TdLoss, bootstrap};
use super::transitions::TransitionBatch;
use crate::collector::Player;
use crate::config::DqnConfig;
use crate::error::TrainError;
use crate::kernel::{BLOCK_ROWS, Layout, Tape};
use crate::optimizer::Adam;

/// A batch is split into at most this many parts whatever the number of threads, so that sums have one order.
const MOST_PARTS: usize = 4;
/// Fewer transitions than this are not worth a part of their own.
const LEAST_ROWS: usize = 64;

/// The online and the target network with their optimizer, and the threads that compute gradients.
pub struct Dqn {
    config: DqnConfig,
    layout: Layout,
    parameters: Vec<f32>,
    target: Vec<f32>,
    optimizer: Adam,
    workers: Vec<Worker>,
    errors: Vec<f32>,
    threads: ThreadPool,
}

/// What one optimizer step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepDiagnostics {
    /// Mean weighted loss of the batch.
    pub td_loss: f64,
    /// Mean value of the actions that were taken.
    pub q_values: f64,
    /// Global norm of the gradient before clipping.
    pub grad_norm: f64,
}

impl Dqn {
    /// A learner whose target network is a copy of the online one, and that computes on `threads` threads.
    ///
    /// # Errors
    /// [`TrainError::Threads`] where the system refuses the threads.
    pub fn new(config: DqnConfig, layout: Layout, parameters: Vec<f32>, threads: usize) -> Result<Self, TrainError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("learner-{index}"));
        let pool = pool.build().map_err(|error| TrainError::Threads { threads, reason: error.to_string() })?;
        let (target, optimizer) = (parameters.clone(), Adam::new(parameters.len()));
        let (workers, errors) = (Vec::new(), Vec::new());
        Ok(Self { config, layout, parameters, target, optimizer, workers, errors, threads: pool })
    }

    /// Where the parameters of each layer stand.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The weights and biases of the online network.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Those of the target network.
    pub fn target(&self) -> &[f32] {
        &self.target
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    /// The temporal-difference errors of the last batch.
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// Replaces networks and optimizer, e.g. by saved ones.
    pub fn restore(&mut self, parameters: Vec<f32>, target: Vec<f32>, optimizer: Adam) {
        (self.parameters, self.target, self.optimizer) = (parameters, target, optimizer);
    }

    /// Moves the target network by `share` of its distance to the online one (Lillicrap et al., 2016); 1 copies it.
    pub fn update_target(&mut self, share: f64) {
        if share >= 1.0 {
            self.target.copy_from_slice(&self.parameters);
        } else {
            let share = share as f32;
            self.target.iter_mut().zip(&self.parameters).for_each(|(to, from)| *to += share * (from - *to));
        }
    }

    /// Takes one optimizer step on a batch whose losses are weighted; the result does not depend on the number of threads.
    ///
    /// # Errors
    /// Which tensor is not finite, or has a gradient that is not.
    pub fn step(
        &mut self,
        batch: &TransitionBatch,
        weights: &[f32],
        normalizer: &Normalizer,
        learning_rate: f64,
    ) -> Result<StepDiagnostics, String> {
        let rows = batch.rows();
        let in_part = rows.div_ceil(MOST_PARTS).max(LEAST_ROWS);
        self.workers.resize_with(rows.div_ceil(in_part), Worker::default);
        let needed = self.layout.needed();
        let work = Work {
            config: &self.config,
            layout: &self.layout,
            needed: &needed,
            parameters: &self.parameters,
            target: &self.target,
            batch,
            weights,
            normalizer,
        };
        let compute = |(part, worker): (usize, &mut Worker)| {
            worker.learn(&work, part * in_part, rows.min((part + 1) * in_part));
        };
        if self.workers.len() > 1 {
            let workers = &mut self.workers;
            self.threads.install(|| workers.par_iter_mut().enumerate().for_each(compute));
        } else {
            self.workers.iter_mut().enumerate().for_each(compute);
        }
        self.errors.clear();
        let (mut td_loss, mut q_values) = (0.0, 0.0);
        for worker in &self.workers {
            td_loss += worker.td.loss / rows as f64;
            q_values += worker.td.values / rows as f64;
            self.errors.extend_from_slice(&worker.td.errors);
        }
        let mut gradients: Vec<&mut [f32]> =
            self.workers.iter_mut().map(|worker| worker.gradients.as_mut_slice()).collect();
        let (optimizer, parameters) = (&mut self.optimizer, &mut self.parameters);
        let most = self.config.max_grad_norm;
        let grad_norm = self.threads.install(|| optimizer.step(parameters, &mut gradients, learning_rate, most));
        if grad_norm.is_finite() {
            Ok(StepDiagnostics { td_loss, q_values, grad_norm })
        } else {
            Err(self.not_finite())
        }
    }

    /// Names the tensor that is not finite, or whose gradient is not.
    fn not_finite(&self) -> String {
        let named = |what: &str, values: &[f32]| self.layout.not_finite(values).map(|tensor| format!("{what}{tensor}"));
        let gradients = self.workers.first().map(|worker| worker.gradients.as_slice()).unwrap_or_default();
        named("", &self.parameters)
            .or_else(|| named("target.", &self.target))
            .or_else(|| named("the gradient of ", gradients))
            .unwrap_or_else(|| "the gradient's norm".into())
    }
}

/// What the parts of a batch share.
struct Work<'a> {
    config: &'a DqnConfig,
    layout: &'a Layout,
    needed: &'a [NodeId],
    parameters: &'a [f32],
    target: &'a [f32],
    batch: &'a TransitionBatch,
    weights: &'a [f32],
    normalizer: &'a Normalizer,
}

/// The buffers of one part.
#[derive(Debug, Default)]
struct Worker {
    tape: Tape,
    /// Of the target network.
    next_tape: Tape,
    observations: Vec<f32>,
    targets: Vec<f32>,
    /// Of the mean loss over the batch, as the parameters are laid out.
    gradients: Vec<f32>,
    /// Of this part's transitions.
    td: TdErrors,
}

impl Worker {
    /// Computes the gradients through the transitions `start..end`, in blocks.
    fn learn(&mut self, work: &Work<'_>, start: usize, end: usize) {
        self.gradients.clear();
        self.gradients.resize(work.parameters.len(), 0.0);
        self.td.clear();
        let mut first = start;
        while first < end {
            let last = end.min(first + BLOCK_ROWS);
            self.learn_block(work, first, last);
            first = last;
        }
    }

    fn learn_block(&mut self, work: &Work<'_>, start: usize, end: usize) {
        let Work { config, layout, batch, .. } = work;
        let (graph, num_actions) = (layout.graph(), layout.spec().num_actions);
        self.normalize(work, &batch.next_observations, start, end);
        if config.double {
            layout.forward(work.parameters, work.needed, &self.observations, &[], &mut self.tape);
        }
        layout.forward(work.target, work.needed, &self.observations, &[], &mut self.next_tape);
        let target = self.next_tape.values(graph.actions);
        let next = NextValues {
            online: if config.double { self.tape.values(graph.actions) } else { target },
            target,
            action_masks: &batch.next_action_masks[start * num_actions..end * num_actions],
        };
        let (returns, discounts) = (&batch.returns[start..end], &batch.discounts[start..end]);
        bootstrap(returns, discounts, next, config.double, &mut self.targets);

        self.normalize(work, &batch.observations, start, end);
        layout.forward(work.parameters, work.needed, &self.observations, &[], &mut self.tape);
        self.tape.clear_gradients(graph);
        let (values, gradient) = self.tape.output(graph.actions);
        let loss = if config.huber { TdLoss::Huber } else { TdLoss::Squared };
        let taken = (&batch.actions[start..end], self.targets.as_slice(), &work.weights[start..end]);
        self.td.add(values, gradient, taken, loss, 1.0 / batch.rows() as f32);
        layout.backward(work.parameters, work.needed, &mut self.tape, &mut self.gradients);
    }

    fn normalize(&mut self, work: &Work<'_>, raw: &[f32], start: usize, end: usize) {
        let width = work.layout.spec().observation_size;
        let raw = &raw[start * width..end * width];
        self.observations.resize(raw.len(), 0.0);
        let player = Player { layout: work.layout, parameters: work.parameters, normalizer: work.normalizer };
        player.normalize(raw, &mut self.observations);
    }
}
