//! The gradients of one part of a minibatch, in buffers of its own.

use microcloud_policy::network::NodeId;

use super::loss::{LossSums, Sample};
use crate::config::PpoConfig;
use crate::kernel::{BLOCK_ROWS, Layout, Tape};
use crate::rollout::Rollout;

/// What the parts of a minibatch share.
pub struct Minibatch<'a> {
    pub layout: &'a Layout,
    pub needed: &'a [NodeId],
    pub parameters: &'a [f32],
    pub config: &'a PpoConfig,
    pub rollout: &'a Rollout,
    /// By row of the rollout, normalised or not.
    pub advantages: &'a [f32],
    /// One over the number of samples.
    pub scale: f32,
}

/// The buffers of one part.
#[derive(Debug, Default)]
pub struct Worker {
    /// One tape, or with memory one for every step of a rollout.
    tapes: Vec<Tape>,
    observations: Vec<f32>,
    state: Vec<f32>,
    /// Of the mean loss over the minibatch, as the parameters are laid out.
    pub gradients: Vec<f32>,
    /// Of this part's samples.
    pub sums: LossSums,
}

impl Worker {
    /// Computes the gradients through the samples `rows`, in blocks.
    pub fn rows(&mut self, minibatch: &Minibatch<'_>, rows: &[usize]) {
        self.begin(minibatch);
        self.tapes.resize_with(1, Tape::default);
        for block in rows.chunks(BLOCK_ROWS) {
            self.forward(minibatch, block, 0);
            self.tapes[0].clear_gradients(minibatch.layout.graph());
            self.loss(minibatch, block, 0);
            let (tape, gradients) = (&mut self.tapes[0], &mut self.gradients);
            minibatch.layout.backward(minibatch.parameters, minibatch.needed, tape, gradients);
        }
    }

    /// Computes the gradients through whole rollouts of the environments `envs`, back through time.
    pub fn sequences(&mut self, minibatch: &Minibatch<'_>, envs: &[usize]) {
        self.begin(minibatch);
        let Minibatch { layout, rollout, .. } = minibatch;
        let units = layout.spec().memory;
        let rows_of = |step: usize| envs.iter().map(move |&env| step * rollout.num_envs + env).collect::<Vec<_>>();
        self.tapes.resize_with(rollout.num_steps, Tape::default);
        self.state.clear();
        for &env in envs {
            self.state.extend_from_slice(&rollout.first_states[env * units..(env + 1) * units]);
        }
        let Some(next) = layout.graph().next_state else { return };
        for step in 0..rollout.num_steps {
            let rows = rows_of(step);
            self.forget(rollout, &rows, units);
            self.forward(minibatch, &rows, step);
            self.state.copy_from_slice(self.tapes[step].values(next));
        }
        // The gradient with respect to what was remembered comes from the step after it.
        self.state.fill(0.0);
        for step in (0..rollout.num_steps).rev() {
            let rows = rows_of(step);
            self.tapes[step].clear_gradients(layout.graph());
            self.tapes[step].gradient_mut(next).copy_from_slice(&self.state);
            self.loss(minibatch, &rows, step);
            let (tape, gradients) = (&mut self.tapes[step], &mut self.gradients);
            layout.backward(minibatch.parameters, minibatch.needed, tape, gradients);
            if let Some(state) = layout.state() {
                self.state.copy_from_slice(self.tapes[step].gradient(state));
            }
            self.forget(rollout, &rows, units);
        }
    }

    fn begin(&mut self, minibatch: &Minibatch<'_>) {
        self.gradients.clear();
        self.gradients.resize(minibatch.parameters.len(), 0.0);
        self.sums = LossSums::default();
    }

    /// Clears what is remembered, or its gradient, where an episode starts.
    fn forget(&mut self, rollout: &Rollout, rows: &[usize], units: usize) {
        for (&row, state) in rows.iter().zip(self.state.chunks_exact_mut(units)) {
            if rollout.episode_starts[row] {
                state.fill(0.0);
            }
        }
    }

    fn forward(&mut self, minibatch: &Minibatch<'_>, rows: &[usize], tape: usize) {
        let rollout = minibatch.rollout;
        let width = rollout.observation_size;
        self.observations.clear();
        for &row in rows {
            self.observations.extend_from_slice(&rollout.observations[row * width..(row + 1) * width]);
        }
        let (observations, tape) = (&self.observations, &mut self.tapes[tape]);
        minibatch.layout.forward(minibatch.parameters, minibatch.needed, observations, &self.state, tape);
    }

    /// Writes the gradients at the outputs.
    fn loss(&mut self, minibatch: &Minibatch<'_>, rows: &[usize], tape: usize) {
        let Minibatch { layout, rollout, config, .. } = minibatch;
        let (graph, tape) = (layout.graph(), &mut self.tapes[tape]);
        let Some(value_node) = graph.value else { return };
        let num_actions = rollout.num_actions;
        for (place, &row) in rows.iter().enumerate() {
            let actions = place * num_actions..(place + 1) * num_actions;
            let sample = Sample {
                mask: &rollout.action_masks[row * num_actions..(row + 1) * num_actions],
                action: rollout.actions[row],
                log_prob: rollout.log_probs[row],
                advantage: minibatch.advantages[row],
                value: rollout.values[row],
                target: rollout.returns[row],
            };
            let value = tape.values(value_node)[place];
            let (logits, of_logits) = tape.output(graph.actions);
            let (logits, of_logits) = (&logits[actions.clone()], &mut of_logits[actions]);
            let (sums, of_value) = sample.gradients(config, minibatch.scale, logits, value, of_logits);
            tape.gradient_mut(value_node)[place] = of_value;
            self.sums += sums;
        }
    }
}
