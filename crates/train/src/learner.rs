//! One training run in memory: collect, estimate advantages, update, again.

use microcloud_policy::network::{ActorCritic, Normalizer};

use crate::collector::{Collector, Episode};
use crate::config::PpoConfig;
use crate::error::TrainError;
use crate::normalization::{ReturnScaler, RunningMoments};
use crate::parameters::Parameters;
use crate::ppo::{Adam, Moments, Ppo, UpdateDiagnostics};
use crate::rollout::Rollout;
use crate::task::VectorTask;

/// Everything that training changes.
pub struct Learner {
    config: PpoConfig,
    seed: u64,
    num_iterations: u64,
    iteration: u64,
    collector: Collector,
    rollout: Rollout,
    ppo: Ppo,
    network: ActorCritic,
}

/// What one iteration brought.
#[derive(Debug, Clone)]
pub struct Iteration {
    /// Episodes that ended during it.
    pub episodes: Vec<Episode>,
    /// The update's diagnostics.
    pub update: UpdateDiagnostics,
    /// The step size that was used.
    pub learning_rate: f64,
    /// The task's own scalars.
    pub scalars: Vec<(&'static str, f64)>,
}

/// What a checkpoint keeps of a learner.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedLearner {
    /// Iterations completed.
    pub iteration: u64,
    /// The policy.
    pub network: ActorCritic,
    /// The optimizer's step count and moments, none before its first step.
    pub optimizer: Option<(usize, Vec<Moments>)>,
    /// Statistics of the raw observations.
    pub moments: RunningMoments,
    /// How rewards are scaled, if they are.
    pub scaler: Option<ReturnScaler>,
}

impl Learner {
    /// A run that has not begun; it will take at least `total_timesteps` steps, rounded up to whole rollouts.
    ///
    /// # Errors
    /// [`TrainError::Threads`] where the system refuses the threads.
    pub fn new(
        config: PpoConfig,
        task: Box<dyn VectorTask>,
        total_timesteps: u64,
        seed: u64,
        threads: usize,
    ) -> Result<Self, TrainError> {
        let (num_envs, width, num_actions) = (task.num_envs(), task.observation_size(), task.num_actions());
        let parameters = Parameters::new(width, &config.hidden, num_actions, config.no_op_prior, seed);
        let network = parameters.to_network(Normalizer::identity(width)).map_err(TrainError::Usage)?;
        let scaler = config.norm_reward.then(|| ReturnScaler::new(num_envs, config.gamma));
        let rollout = Rollout::new(config.num_steps, num_envs, width, num_actions);
        Ok(Self {
            seed,
            num_iterations: total_timesteps.div_ceil(rollout.rows() as u64),
            iteration: 0,
            collector: Collector::new(task, seed, scaler),
            rollout,
            ppo: Ppo::new(config.clone(), parameters, threads)?,
            network,
            config,
        })
    }

    /// Whether all steps are taken.
    pub fn finished(&self) -> bool {
        self.iteration >= self.num_iterations
    }

    /// Environment steps taken so far.
    pub fn step(&self) -> u64 {
        self.iteration * self.rollout.rows() as u64
    }

    /// Environment steps that the whole run takes.
    pub fn total_steps(&self) -> u64 {
        self.num_iterations * self.rollout.rows() as u64
    }

    /// The current policy, ready to play.
    pub fn network(&self) -> &ActorCritic {
        &self.network
    }

    /// Takes one rollout and learns from it.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where a gradient or a weight is not finite any more; the network is as before.
    pub fn iterate(&mut self) -> Result<Iteration, TrainError> {
        let remaining = 1.0 - self.iteration as f64 / self.num_iterations.max(1) as f64;
        let learning_rate = self.config.learning_rate * if self.config.anneal_lr { remaining } else { 1.0 };
        let episodes = self.collector.collect(&self.network, &mut self.rollout, self.iteration);
        self.rollout.compute_advantages(self.config.gamma as f32, self.config.gae_lambda as f32);
        let update = self.ppo.update(&self.rollout, learning_rate, self.seed, self.iteration);
        let update = update.map_err(|what| self.diverged(what))?;
        let normalizer = if self.config.norm_obs {
            self.collector.moments().normalizer()
        } else {
            Normalizer::identity(self.rollout.observation_size)
        };
        let network = self.ppo.parameters().to_network(normalizer).map_err(|what| self.diverged(what))?;
        let layers = network.actor().iter().chain(network.critic());
        if !layers.flat_map(|layer| layer.weight.iter().chain(&layer.bias)).all(|value| value.is_finite()) {
            return Err(self.diverged("a weight".into()));
        }
        self.network = network;
        self.iteration += 1;
        let scalars = self.collector.task().drain_scalars();
        Ok(Iteration { episodes, update, learning_rate, scalars })
    }

    /// Names of the parameters, in the order of the optimizer's moments.
    pub fn parameter_names(&self) -> Vec<String> {
        self.ppo.parameters().names()
    }

    /// What a checkpoint keeps.
    pub fn save(&self) -> SavedLearner {
        SavedLearner {
            iteration: self.iteration,
            network: self.network.clone(),
            optimizer: self.ppo.optimizer().moments(),
            moments: self.collector.moments().clone(),
            scaler: self.collector.scaler().cloned(),
        }
    }

    /// Goes on from what was saved, with new episodes in every environment.
    ///
    /// # Errors
    /// What does not fit this learner's task and configuration; nothing was changed.
    pub fn restore(&mut self, saved: SavedLearner) -> Result<(), String> {
        let parameters = Parameters::from_network(&saved.network);
        let shapes = |parameters: &Parameters| parameters.tensors().map(|tensor| tensor.dims()).collect::<Vec<_>>();
        if shapes(&parameters) != shapes(self.ppo.parameters()) {
            return Err("its network has other layers than the configuration".into());
        }
        let sized = saved.scaler.as_ref().is_none_or(|scaler| scaler.num_envs() == self.rollout.num_envs);
        if saved.scaler.is_some() != self.config.norm_reward || !sized {
            return Err("its reward scaling is not the configuration's".into());
        }
        let width = self.rollout.observation_size;
        if saved.moments.mean.len() != width || saved.moments.squares.len() != width {
            return Err("its observation statistics have another size".into());
        }
        let mut optimizer = Adam::new(parameters.tensors().count());
        if let Some((time, moments)) = saved.optimizer
            && !optimizer.restore(&parameters, time, moments)
        {
            return Err("its optimizer's moments have other shapes than the network".into());
        }
        self.ppo.restore(parameters, optimizer);
        self.collector.restore(saved.moments, saved.scaler);
        self.collector.restart(saved.iteration);
        self.network = saved.network;
        self.iteration = saved.iteration;
        Ok(())
    }

    fn diverged(&self, what: String) -> TrainError {
        TrainError::Diverged { step: self.step(), what }
    }
}
