//! DQN as a run's learner: act, store, draw, update, again.

use std::io::{self, Read, Write};

use microcloud_policy::network::{Head, Network, NetworkSpec, Normalizer};

use super::exploration::Exploration;
use super::prioritized::{DrawnRows, PrioritizedRows};
use super::replay::{Replay, ReplayShape, ReplayStep};
use super::replay_file::write_replay;
use super::transitions::{RewardScale, TransitionBatch};
use super::update::Dqn;
use crate::collector::{Collector, Episode, Player};
use crate::config::DqnConfig;
use crate::error::TrainError;
use crate::kernel::{Layout, Tape};
use crate::learner::{Iteration, Learner};
use crate::normalization::{REWARD_LIMIT, ReturnScaler};
use crate::random::{Purpose, RandomStream};
use crate::saved_learner::SavedLearner;
use crate::schedule::linear;
use crate::task::VectorTask;

/// Everything that training with DQN changes.
pub struct DqnLearner {
    pub(super) config: DqnConfig,
    seed: u64,
    pub(super) num_iterations: u64,
    pub(super) iteration: u64,
    pub(super) collector: Collector,
    pub(super) replay: Replay,
    pub(super) priorities: Option<PrioritizedRows>,
    pub(super) dqn: Dqn,
    pub(super) network: Network,
    tape: Tape,
    step: StepBuffers,
    drawn: DrawnRows,
    batch: TransitionBatch,
}

/// One step of all environments, as it is stored.
struct StepBuffers {
    normalized: Vec<f32>,
    observations: Vec<f32>,
    action_masks: Vec<bool>,
    actions: Vec<usize>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    /// Not learned from: the replay keeps rewards as they are, to be scaled when they are drawn.
    scaled: Vec<f32>,
}

/// Sums over an iteration's optimizer steps.
#[derive(Debug, Default)]
struct Sums {
    td_loss: f64,
    q_values: f64,
    grad_norm: f64,
    updates: f64,
}

impl DqnLearner {
    /// A run that has not begun; it will take at least `total_timesteps` steps, rounded up to whole iterations.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for a network that the task has no use for or a replay that memory does not hold,
    /// [`TrainError::Threads`] where the system refuses the threads.
    pub fn new(
        config: DqnConfig,
        task: Box<dyn VectorTask>,
        total_timesteps: u64,
        seed: u64,
        threads: usize,
    ) -> Result<Self, TrainError> {
        let (num_envs, width, num_actions) = (task.num_envs(), task.observation_size(), task.num_actions());
        let layout = Layout::new(network_spec(&config, task.as_ref())?).map_err(TrainError::Usage)?;
        let parameters = layout.initialize(0.0, seed);
        let network = layout.network(&parameters, Normalizer::identity(width)).map_err(TrainError::Usage)?;
        let scaler = config.norm_reward.then(|| ReturnScaler::new(num_envs, config.gamma));
        let shape =
            ReplayShape { steps: config.buffer_size / num_envs.max(1), num_envs, observation_size: width, num_actions };
        let replay = Replay::new(shape).map_err(|reason| TrainError::Usage(format!("dqn.buffer_size: {reason}")))?;
        let priorities = config.prioritized_replay.then(|| PrioritizedRows::new(shape.rows(), config.priority_alpha));
        Ok(Self {
            seed,
            num_iterations: total_timesteps.div_ceil((config.num_steps * num_envs) as u64),
            iteration: 0,
            collector: Collector::new(task, seed, scaler, 0),
            replay,
            priorities,
            dqn: Dqn::new(config.clone(), layout, parameters, threads)?,
            network,
            tape: Tape::default(),
            step: StepBuffers {
                normalized: vec![0.0; num_envs * width],
                observations: Vec::new(),
                action_masks: Vec::new(),
                actions: vec![0; num_envs],
                terminated: vec![false; num_envs],
                truncated: vec![false; num_envs],
                scaled: vec![0.0; num_envs],
            },
            drawn: DrawnRows::default(),
            batch: TransitionBatch::default(),
            config,
        })
    }

    fn num_envs(&self) -> u64 {
        self.replay.shape().num_envs as u64
    }

    fn diverged(&self, what: String) -> TrainError {
        TrainError::Diverged { step: self.replay.pushed() * self.num_envs(), what }
    }

    /// How actions are explored after so many steps.
    fn exploration(&self, steps: u64) -> Exploration {
        let duration = self.config.exploration_fraction * self.total_steps() as f64;
        let epsilon = linear(self.config.start_e, self.config.end_e, steps as f64, duration);
        Exploration { epsilon, no_op: self.config.exploration_no_op }
    }

    /// Takes one action in every environment and stores what comes of it.
    fn act(&mut self, episodes: &mut Vec<Episode>) -> Result<(), String> {
        let steps = self.replay.pushed() * self.num_envs();
        let exploration = self.exploration(steps);
        let (layout, parameters) = (self.dqn.layout(), self.dqn.parameters());
        let player = Player { layout, parameters, normalizer: self.network.normalizer() };
        let step = &mut self.step;
        step.observations.clear();
        step.observations.extend_from_slice(self.collector.observations());
        step.action_masks.clear();
        step.action_masks.extend_from_slice(self.collector.action_masks());
        player.normalize(&step.observations, &mut step.normalized);
        layout.forward(parameters, &layout.needed(), &step.normalized, &[], &mut self.tape);
        let num_actions = self.replay.shape().num_actions;
        let values = self.tape.values(layout.graph().actions).chunks_exact(num_actions);
        let rows = values.zip(step.action_masks.chunks_exact(num_actions)).zip(&mut step.actions);
        for (env, ((values, mask), action)) in rows.enumerate() {
            let mut random = RandomStream::new(self.seed, Purpose::Exploration, steps + env as u64);
            *action = exploration.choose(values, mask, &mut random);
        }
        let (terminated, truncated) = (&mut step.terminated, &mut step.truncated);
        self.collector.step(&step.actions, terminated, truncated, &mut step.scaled, episodes)?;
        self.replay.push(&ReplayStep {
            observations: &step.observations,
            action_masks: &step.action_masks,
            actions: &step.actions,
            rewards: self.collector.rewards(),
            terminated: &step.terminated,
            truncated: &step.truncated,
            final_observations: self.collector.final_observations(),
            final_action_masks: self.collector.final_action_masks(),
        });
        if let Some(priorities) = &mut self.priorities {
            priorities.pushed(&self.replay, self.config.n_step);
        }
        Ok(())
    }

    /// Takes the optimizer steps, and moves the target network, that are due after one more step of all environments.
    fn learn(&mut self, learning_rate: f64, sums: &mut Sums) -> Result<(), String> {
        let steps = self.replay.pushed() * self.num_envs();
        let before = steps - self.num_envs();
        if steps <= self.config.learning_starts || self.replay.drawable_rows(self.config.n_step) == 0 {
            return Ok(());
        }
        let due = |frequency: u64| steps / frequency - before / frequency;
        for _ in 0..due(self.config.train_frequency).saturating_mul(self.config.gradient_steps as u64) {
            self.update(steps, learning_rate, sums)?;
        }
        let targets = due(self.config.target_network_frequency);
        if targets > 0 {
            // As many updates by `tau` as are due, in one.
            let kept = (1.0 - self.config.tau).powi(i32::try_from(targets).unwrap_or(i32::MAX));
            self.dqn.update_target(1.0 - kept);
        }
        Ok(())
    }

    fn update(&mut self, steps: u64, learning_rate: f64, sums: &mut Sums) -> Result<(), String> {
        let DqnConfig { n_step, batch_size, gamma, .. } = self.config;
        let mut random = RandomStream::new(self.seed, Purpose::Replay, self.dqn.optimizer().time);
        match &self.priorities {
            Some(priorities) => {
                let beta = linear(self.config.priority_beta0, 1.0, steps as f64, self.total_steps() as f64);
                priorities.draw(&self.replay, n_step, batch_size, beta, &mut random, &mut self.drawn);
            }
            None => self.drawn.draw_evenly(&self.replay, n_step, batch_size, &mut random),
        }
        let scale = self.collector.scaler().map_or(RewardScale::IDENTITY, |scaler| RewardScale {
            factor: 1.0 / scaler.deviation(),
            limit: REWARD_LIMIT,
        });
        self.replay.gather(&self.drawn.rows, n_step, gamma, scale, &mut self.batch);
        let normalizer = self.network.normalizer();
        let diagnostics = self.dqn.step(&self.batch, &self.drawn.weights, normalizer, learning_rate)?;
        if let Some(priorities) = &mut self.priorities {
            priorities.update(&self.drawn.rows, self.dqn.errors());
        }
        sums.td_loss += diagnostics.td_loss;
        sums.q_values += diagnostics.q_values;
        sums.grad_norm += diagnostics.grad_norm;
        sums.updates += 1.0;
        Ok(())
    }
}

impl Learner for DqnLearner {
    fn step(&self) -> u64 {
        self.iteration * self.config.num_steps as u64 * self.num_envs()
    }

    fn total_steps(&self) -> u64 {
        self.num_iterations * self.config.num_steps as u64 * self.num_envs()
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn iterate(&mut self) -> Result<Iteration, TrainError> {
        let progress = self.iteration as f64 / self.num_iterations.max(1) as f64;
        let start = self.config.learning_rate;
        let learning_rate = if self.config.anneal_lr { linear(start, 0.0, progress, 1.0) } else { start };
        let epsilon = self.exploration(self.step()).epsilon;
        let (mut episodes, mut sums) = (Vec::new(), Sums::default());
        for _ in 0..self.config.num_steps {
            let learned = self.act(&mut episodes).and_then(|()| self.learn(learning_rate, &mut sums));
            learned.map_err(|what| self.diverged(what))?;
        }
        if let Some(tensor) = self.dqn.layout().not_finite(self.dqn.parameters()) {
            return Err(self.diverged(tensor));
        }
        let normalizer = if self.config.norm_obs {
            self.collector.moments().normalizer()
        } else {
            Normalizer::identity(self.replay.shape().observation_size)
        };
        let network = self.dqn.layout().network(self.dqn.parameters(), normalizer);
        self.network = network.map_err(|what| self.diverged(what))?;
        self.iteration += 1;
        let mut scalars = vec![("charts/epsilon", epsilon)];
        if sums.updates > 0.0 {
            scalars.push(("losses/td_loss", sums.td_loss / sums.updates));
            scalars.push(("losses/q_values", sums.q_values / sums.updates));
            scalars.push(("losses/grad_norm", sums.grad_norm / sums.updates));
        }
        scalars.extend(self.collector.task().drain_scalars());
        Ok(Iteration { episodes, learning_rate, scalars })
    }

    fn save(&self) -> SavedLearner {
        self.save_parts()
    }

    fn restore(&mut self, saved: SavedLearner) -> Result<(), String> {
        self.restore_parts(saved)
    }

    fn has_replay(&self) -> bool {
        !self.finished()
    }

    fn write_replay(&self, out: &mut dyn Write) -> io::Result<()> {
        write_replay(&self.replay, self.priorities.as_ref(), out)
    }

    fn read_replay(&mut self, input: &mut dyn Read) -> Result<(), String> {
        self.read_replay_part(input)
    }
}

/// The network of a configuration, for a task.
fn network_spec(config: &DqnConfig, task: &dyn VectorTask) -> Result<NetworkSpec, TrainError> {
    Ok(NetworkSpec {
        observation_size: task.observation_size(),
        num_actions: task.num_actions(),
        body: config.network.of(task, "dqn.network")?,
        hidden: config.hidden.clone(),
        activation: config.activation,
        memory: 0,
        head: Head::ActionValues { dueling: config.dueling },
    })
}
