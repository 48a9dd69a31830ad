//! Plays the current network in a batch of environments and records a rollout.

use microcloud_policy::network::{Normalizer, counter_uniform, sample};
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::kernel::{Layout, Tape};
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
    tape: Tape,
    /// What is remembered, `[num_envs, memory]`.
    state: Vec<f32>,
    episode_starts: Vec<bool>,
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
    /// Resets the task; `scaler` is none where rewards are learned from as they are, and `memory` is what the network
    /// remembers per environment.
    pub fn new(task: Box<dyn VectorTask>, seed: u64, scaler: Option<ReturnScaler>, memory: usize) -> Self {
        let (num_envs, width, num_actions) = (task.num_envs(), task.observation_size(), task.num_actions());
        let mut collector = Self {
            task,
            seed,
            tape: Tape::default(),
            state: vec![0.0; num_envs * memory],
            episode_starts: vec![true; num_envs],
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
        if !self.state.is_empty() {
            saved.put("environments.memory", self.state.clone());
        }
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
        self.episode_starts = self.running.iter().map(|running| running.length == 0).collect();
        if !self.state.is_empty() {
            self.state = saved.take_f32("environments.memory", self.state.len())?;
        }
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
        player: &Player<'_>,
        rollout: &mut Rollout,
        iteration: u64,
    ) -> Result<Vec<Episode>, String> {
        let (num_envs, width, num_actions) = (rollout.num_envs, rollout.observation_size, rollout.num_actions);
        let graph = player.layout.graph();
        let needed = player.layout.needed();
        let mut episodes = Vec::new();
        rollout.final_values.fill(0.0);
        rollout.first_states.clone_from(&self.state);
        for step in 0..rollout.num_steps {
            let rows = step * num_envs..(step + 1) * num_envs;
            let normalized = &mut rollout.observations[rows.start * width..rows.end * width];
            player.normalize(&self.observations, normalized);
            player.layout.forward(player.parameters, &needed, normalized, &self.state, &mut self.tape);
            if let Some(value) = graph.value {
                rollout.values[rows.clone()].copy_from_slice(self.tape.values(value));
            }
            rollout.episode_starts[rows.clone()].copy_from_slice(&self.episode_starts);
            rollout.action_masks[rows.start * num_actions..rows.end * num_actions].copy_from_slice(&self.action_masks);
            let draw = iteration * rollout.num_steps as u64 + step as u64;
            let logits = self.tape.values(graph.actions).chunks_exact(num_actions);
            for (env, (logits, mask)) in logits.zip(self.action_masks.chunks_exact(num_actions)).enumerate() {
                let uniform = counter_uniform(self.seed ^ (Purpose::Actions as u64) << 56, draw, env as u64);
                let (action, log_prob) = sample(logits, mask, uniform);
                rollout.actions[rows.start + env] = action;
                rollout.log_probs[rows.start + env] = log_prob;
            }
            if let Some(next) = graph.next_state {
                self.state.copy_from_slice(self.tape.values(next));
            }

            let (terminated, truncated) = (&mut rollout.terminated[rows.clone()], &mut rollout.truncated[rows.clone()]);
            let rewards = &mut rollout.rewards[rows.clone()];
            self.step(&rollout.actions[rows.clone()], terminated, truncated, rewards, &mut episodes)?;
            self.record_final_values(player, rollout, rows.start);
            self.begin_episodes(rollout, rows.start);
        }
        player.values(&self.observations, &self.state, &mut self.tape, &mut rollout.next_values);
        Ok(episodes)
    }

    /// Takes an action in every environment, writes which episodes ended and the rewards to learn from, scaled where they are,
    /// and adds the episodes that ended.
    ///
    /// # Errors
    /// Which reward or observation is not finite, by environment.
    pub fn step(
        &mut self,
        actions: &[usize],
        terminated: &mut [bool],
        truncated: &mut [bool],
        rewards: &mut [f32],
        episodes: &mut Vec<Episode>,
    ) -> Result<(), String> {
        self.moments.update(&self.observations);
        let mut buffers = TaskBuffers {
            observations: &mut self.observations,
            action_masks: &mut self.action_masks,
            rewards: &mut self.rewards,
            terminated,
            truncated,
            final_observations: &mut self.final_observations,
            final_action_masks: &mut self.final_action_masks,
        };
        self.task.step(actions, &mut buffers);
        self.check_finite()?;
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
        Ok(())
    }

    /// What an environment gave must be numbers: one that is none would be in every statistic from then on.
    fn check_finite(&self) -> Result<(), String> {
        if let Some(env) = self.rewards.iter().position(|reward| !reward.is_finite()) {
            return Err(format!("rewards of environment {env}"));
        }
        let width = self.moments.mean.len();
        // Last observations are those of the episodes that ended latest, or zeros.
        let place = [&self.observations, &self.final_observations]
            .into_iter()
            .find_map(|values| values.iter().position(|value| !value.is_finite()));
        match place {
            Some(place) => {
                Err(format!("feature {} of the observations of environment {}", place % width, place / width))
            }
            None => Ok(()),
        }
    }

    /// Raw observations to act on, `[num_envs, observation_size]`.
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// Legal actions, `[num_envs, num_actions]`.
    pub fn action_masks(&self) -> &[bool] {
        &self.action_masks
    }

    /// Rewards of the last step as the environments gave them, `[num_envs]`.
    pub fn rewards(&self) -> &[f64] {
        &self.rewards
    }

    /// Raw last observations of episodes that ended in the last step, in their environments' rows, `[num_envs,
    /// observation_size]`.
    pub fn final_observations(&self) -> &[f32] {
        &self.final_observations
    }

    /// What was legal there, `[num_envs, num_actions]`.
    pub fn final_action_masks(&self) -> &[bool] {
        &self.final_action_masks
    }

    /// How rewards are scaled, if they are.
    pub fn scaler(&self) -> Option<&ReturnScaler> {
        self.scaler.as_ref()
    }

    /// Notes which environments begin episodes, and forgets what they remembered.
    fn begin_episodes(&mut self, rollout: &Rollout, start: usize) {
        let memory = self.state.len() / rollout.num_envs;
        for env in 0..rollout.num_envs {
            self.episode_starts[env] = rollout.terminated[start + env] || rollout.truncated[start + env];
            if self.episode_starts[env] {
                self.state[env * memory..(env + 1) * memory].fill(0.0);
            }
        }
    }

    fn record_final_values(&mut self, player: &Player<'_>, rollout: &mut Rollout, start: usize) {
        let (width, memory) = (rollout.observation_size, self.state.len() / rollout.num_envs);
        for env in 0..rollout.num_envs {
            if rollout.truncated[start + env] && !rollout.terminated[start + env] {
                let last = &self.final_observations[env * width..(env + 1) * width];
                let state = &self.state[env * memory..(env + 1) * memory];
                let value = &mut rollout.final_values[start + env..=start + env];
                player.values(last, state, &mut self.tape, value);
            }
        }
    }
}

/// The network that plays, as training has it.
#[derive(Debug, Clone, Copy)]
pub struct Player<'a> {
    /// What it computes.
    pub layout: &'a Layout,
    /// Its weights and biases.
    pub parameters: &'a [f32],
    /// What raw observations go through.
    pub normalizer: &'a Normalizer,
}

impl Player<'_> {
    /// Normalises raw observations `[rows, observation_size]` into `out`.
    pub fn normalize(&self, observations: &[f32], out: &mut [f32]) {
        let width = self.layout.spec().observation_size;
        let shape = (observations.len() / width, width);
        let from = ArrayView2::from_shape(shape, observations);
        if let (Ok(from), Ok(to)) = (from, ArrayViewMut2::from_shape(shape, out)) {
            self.normalizer.normalize(from, to);
        }
    }

    /// Writes the critic's values of raw observations, given what was remembered.
    fn values(&self, observations: &[f32], state: &[f32], tape: &mut Tape, out: &mut [f32]) {
        let graph = self.layout.graph();
        let Some(value) = graph.value else { return };
        let mut normalized = vec![0.0; observations.len()];
        self.normalize(observations, &mut normalized);
        self.layout.forward(self.parameters, &graph.needed(&[value]), &normalized, state, tape);
        out.copy_from_slice(tape.values(value));
    }
}
