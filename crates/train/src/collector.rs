//! Plays the current network in a batch of environments and records a rollout.

use microcloud_policy::network::{ActorCritic, Workspace, counter_uniform, sample};
use ndarray::ArrayView2;

use crate::normalization::{ReturnScaler, RunningMoments};
use crate::random::Purpose;
use crate::rollout::Rollout;
use crate::saved_learner::SavedLearner;
use crate::task::{TaskBuffers, VectorTask};

/// More decisions than any episode has.
const LONGEST_EPISODE: u64 = 1 << 40;

/// An episode that ended during a rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// Undiscounted sum of the rewards as the environment gave them.
    pub episodic_return: f64,
    /// Decisions.
    pub length: u64,
}

/// The environments with everything that lives from one rollout to the next.
pub struct Collector {
    task: Box<dyn VectorTask>,
    seed: u64,
    workspace: Workspace,
    observations: Vec<f32>,
    action_masks: Vec<bool>,
    final_observations: Vec<f32>,
    final_action_masks: Vec<bool>,
    rewards: Vec<f64>,
    running: Vec<Episode>,
    moments: RunningMoments,
    scaler: Option<ReturnScaler>,
}

impl Collector {
    /// Resets the task; `scaler` is none where rewards are learned from as they are.
    pub fn new(task: Box<dyn VectorTask>, seed: u64, scaler: Option<ReturnScaler>) -> Self {
        let (num_envs, width, num_actions) = (task.num_envs(), task.observation_size(), task.num_actions());
        let mut collector = Self {
            task,
            seed,
            workspace: Workspace::default(),
            observations: vec![0.0; num_envs * width],
            action_masks: vec![true; num_envs * num_actions],
            final_observations: vec![0.0; num_envs * width],
            final_action_masks: vec![true; num_envs * num_actions],
            rewards: vec![0.0; num_envs],
            running: vec![Episode { episodic_return: 0.0, length: 0 }; num_envs],
            moments: RunningMoments::new(width),
            scaler,
        };
        collector.task.reset(seed, &mut collector.observations, &mut collector.action_masks);
        collector
    }

    /// Statistics of all raw observations so far.
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    /// Adds what a checkpoint keeps of it to `saved`.
    pub fn save(&self, saved: &mut SavedLearner) {
        saved.put("environments.state", self.task.save());
        saved.put(
            "environments.returns",
            self.running.iter().map(|running| running.episodic_return).collect::<Vec<_>>(),
        );
        saved.put("environments.lengths", self.running.iter().map(|running| running.length).collect::<Vec<_>>());
        saved.put("normalizer.count", vec![self.moments.count]);
        saved.put("normalizer.mean", self.moments.mean.clone());
        saved.put("normalizer.squares", self.moments.squares.clone());
        if let Some(scaler) = &self.scaler {
            let moments = scaler.moments();
            saved.put("return_scaler.returns", scaler.returns().to_vec());
            saved.put("return_scaler.moments", vec![moments.count, moments.mean[0], moments.squares[0]]);
        }
    }

    /// Goes on from what was saved, in the middle of every episode.
    ///
    /// # Errors
    /// What does not fit; the collector must not go on after that.
    pub fn restore(&mut self, saved: &mut SavedLearner) -> Result<(), String> {
        let width = self.moments.mean.len();
        let count = saved.take_f64("normalizer.count", 1)?;
        let (mean, squares) = (saved.take_f64("normalizer.mean", width)?, saved.take_f64("normalizer.squares", width)?);
        let moments =
            RunningMoments::from_parts(count[0], mean, squares).ok_or("normalizer has a negative count or variance")?;
        if let Some(scaler) = &mut self.scaler {
            let returns = saved.take_f64("return_scaler.returns", self.running.len())?;
            let parts = saved.take_f64("return_scaler.moments", 3)?;
            let moments = RunningMoments::from_parts(parts[0], vec![parts[1]], vec![parts[2]]);
            *scaler =
                scaler.with_parts(returns, moments.ok_or("return_scaler.moments has a negative count or variance")?);
        }
        self.moments = moments;
        let returns = saved.take_f64("environments.returns", self.running.len())?;
        let lengths = saved.take_u64("environments.lengths", self.running.len())?;
        if lengths.iter().any(|&length| length > LONGEST_EPISODE) {
            return Err(format!("environments.lengths has a value beyond {LONGEST_EPISODE}"));
        }
        let running = returns.into_iter().zip(lengths);
        self.running = running.map(|(episodic_return, length)| Episode { episodic_return, length }).collect();
        let state = saved.take_bytes("environments.state")?;
        let restored = self.task.restore(&state, &mut self.observations, &mut self.action_masks);
        restored.map_err(|reason| format!("environments.state: {reason}"))?;
        match self.observations.iter().position(|value| !value.is_finite()) {
            Some(place) => Err(format!("environments.state: feature {place} of the observations is not finite")),
            None => Ok(()),
        }
    }

    /// The task.
    pub fn task(&mut self) -> &mut dyn VectorTask {
        self.task.as_mut()
    }

    /// Fills `rollout` and returns the episodes that ended, in the order of their ends.
    ///
    /// # Errors
    /// Which reward or observation is not finite, by environment.
    pub fn collect(
        &mut self,
        network: &ActorCritic,
        rollout: &mut Rollout,
        iteration: u64,
    ) -> Result<Vec<Episode>, String> {
        let (num_envs, width, num_actions) = (rollout.num_envs, rollout.observation_size, rollout.num_actions);
        let mut episodes = Vec::new();
        rollout.final_values.fill(0.0);
        for step in 0..rollout.num_steps {
            let rows = step * num_envs..(step + 1) * num_envs;
            self.moments.update(&self.observations);
            let observations = view(&self.observations, num_envs, width);
            let (logits, values, normalized) = network.evaluate(observations, &mut self.workspace);
            copy(normalized, &mut rollout.observations[rows.start * width..rows.end * width]);
            copy(values, &mut rollout.values[rows.clone()]);
            rollout.action_masks[rows.start * num_actions..rows.end * num_actions].copy_from_slice(&self.action_masks);
            let draw = iteration * rollout.num_steps as u64 + step as u64;
            let masks = self.action_masks.chunks_exact(num_actions);
            for (env, (logits, mask)) in logits.rows().into_iter().zip(masks).enumerate() {
                let uniform = counter_uniform(self.seed ^ (Purpose::Actions as u64) << 56, draw, env as u64);
                let (action, log_prob) = sample(logits.to_slice().unwrap_or_default(), mask, uniform);
                rollout.actions[rows.start + env] = action;
                rollout.log_probs[rows.start + env] = log_prob;
            }

            let mut buffers = TaskBuffers {
                observations: &mut self.observations,
                action_masks: &mut self.action_masks,
                rewards: &mut self.rewards,
                terminated: &mut rollout.terminated[rows.clone()],
                truncated: &mut rollout.truncated[rows.clone()],
                final_observations: &mut self.final_observations,
                final_action_masks: &mut self.final_action_masks,
            };
            self.task.step(&rollout.actions[rows.clone()], &mut buffers);
            self.check_finite(width)?;
            self.record_rewards(rollout, rows.start, &mut episodes);
            self.record_final_values(network, rollout, rows.start);
        }
        let values = network.values(view(&self.observations, num_envs, width), &mut self.workspace);
        copy(values, &mut rollout.next_values);
        Ok(episodes)
    }

    /// What an environment gave must be numbers: one that is none would be in every statistic from then on.
    fn check_finite(&self, width: usize) -> Result<(), String> {
        if let Some(env) = self.rewards.iter().position(|reward| !reward.is_finite()) {
            return Err(format!("rewards of environment {env}"));
        }
        match self.observations.iter().position(|value| !value.is_finite()) {
            Some(place) => {
                Err(format!("feature {} of the observations of environment {}", place % width, place / width))
            }
            None => Ok(()),
        }
    }

    fn record_rewards(&mut self, rollout: &mut Rollout, start: usize, episodes: &mut Vec<Episode>) {
        let rows = start..start + rollout.num_envs;
        let (terminated, truncated) = (&rollout.terminated[rows.clone()], &rollout.truncated[rows.clone()]);
        let rewards = &mut rollout.rewards[rows];
        match &mut self.scaler {
            Some(scaler) => scaler.scale(&self.rewards, terminated, truncated, rewards),
            None => rewards.iter_mut().zip(&self.rewards).for_each(|(out, reward)| *out = *reward as f32),
        }
        for (env, running) in self.running.iter_mut().enumerate() {
            running.episodic_return += self.rewards[env];
            running.length += 1;
            if terminated[env] || truncated[env] {
                episodes.push(*running);
                *running = Episode { episodic_return: 0.0, length: 0 };
            }
        }
    }

    fn record_final_values(&mut self, network: &ActorCritic, rollout: &mut Rollout, start: usize) {
        let width = rollout.observation_size;
        for env in 0..rollout.num_envs {
            if rollout.truncated[start + env] && !rollout.terminated[start + env] {
                let last = view(&self.final_observations[env * width..(env + 1) * width], 1, width);
                rollout.final_values[start + env] = network.values(last, &mut self.workspace)[[0, 0]];
            }
        }
    }
}

fn view(values: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), values).expect("a task's buffers have the task's shape")
}

fn copy(from: ArrayView2<'_, f32>, to: &mut [f32]) {
    to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = *from);
}
