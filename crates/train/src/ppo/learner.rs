//! PPO as a run's learner: collect, estimate advantages, update, again.

use microcloud_policy::network::{Head, Network, NetworkSpec, Normalizer};

use super::{Ppo, UpdateDiagnostics};
use crate::collector::{Collector, Player};
use crate::config::PpoConfig;
use crate::error::TrainError;
use crate::kernel::Layout;
use crate::learner::{Iteration, Learner};
use crate::normalization::ReturnScaler;
use crate::optimizer::Adam;
use crate::rollout::Rollout;
use crate::saved_learner::SavedLearner;
use crate::task::VectorTask;

/// Counters of a saved learner.
const ITERATION: &str = "iteration";
const OPTIMIZER_STEPS: &str = "optimizer_steps";

/// Everything that training with PPO changes.
pub struct PpoLearner {
    config: PpoConfig,
    seed: u64,
    num_iterations: u64,
    iteration: u64,
    collector: Collector,
    rollout: Rollout,
    ppo: Ppo,
    network: Network,
}

impl PpoLearner {
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
        let layout = Layout::new(network_spec(&config, task.as_ref())?).map_err(TrainError::Usage)?;
        let parameters = layout.initialize(config.no_op_prior, seed);
        let network = layout.network(&parameters, Normalizer::identity(width)).map_err(TrainError::Usage)?;
        let scaler = config.norm_reward.then(|| ReturnScaler::new(num_envs, config.gamma));
        let rollout = Rollout::new(config.num_steps, num_envs, width, num_actions);
        Ok(Self {
            seed,
            num_iterations: total_timesteps.div_ceil(rollout.rows() as u64),
            iteration: 0,
            collector: Collector::new(task, seed, scaler, config.memory),
            rollout,
            ppo: Ppo::new(config.clone(), layout, parameters, threads)?,
            network,
            config,
        })
    }

    fn diverged(&self, what: String) -> TrainError {
        TrainError::Diverged { step: self.step(), what }
    }

    /// The optimizer that was saved.
    fn saved_optimizer(&self, saved: &mut SavedLearner) -> Result<Adam, String> {
        let time = saved.take_counter(OPTIMIZER_STEPS)?;
        let per_iteration = (self.config.update_epochs as u64).saturating_mul(self.config.num_minibatches as u64);
        if time > self.iteration.saturating_mul(per_iteration) || time == 0 && self.iteration > 0 {
            return Err(format!("optimizer_steps is {time} after {} iterations", self.iteration));
        }
        let mut optimizer = Adam::new(self.ppo.parameters().len());
        optimizer.time = time;
        let layout = self.ppo.layout();
        for (name, place) in layout.graph().tensor_names().iter().zip(layout.tensors()) {
            let [first, second] = names_of_moments(name);
            optimizer.first[place.clone()].copy_from_slice(&saved.take_f32(&first, place.len())?);
            let squares = saved.take_f32(&second, place.len())?;
            if squares.iter().any(|&square| square < 0.0) {
                return Err(format!("adam.{name}.second has a negative value"));
            }
            optimizer.second[place].copy_from_slice(&squares);
        }
        Ok(optimizer)
    }
}

/// The network of a configuration, for a task.
fn network_spec(config: &PpoConfig, task: &dyn VectorTask) -> Result<NetworkSpec, TrainError> {
    Ok(NetworkSpec {
        observation_size: task.observation_size(),
        num_actions: task.num_actions(),
        body: config.network.of(task, "ppo.network")?,
        hidden: config.hidden.clone(),
        activation: config.activation,
        memory: config.memory,
        head: Head::ActorCritic,
    })
}

impl Learner for PpoLearner {
    fn step(&self) -> u64 {
        self.iteration * self.rollout.rows() as u64
    }

    fn total_steps(&self) -> u64 {
        self.num_iterations * self.rollout.rows() as u64
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn iterate(&mut self) -> Result<Iteration, TrainError> {
        let remaining = 1.0 - self.iteration as f64 / self.num_iterations.max(1) as f64;
        let annealed = |value: f64, anneals: bool| if anneals { value * remaining } else { value };
        let learning_rate = annealed(self.config.learning_rate, self.config.anneal_lr);
        let clip_coef = annealed(self.config.clip_coef, self.config.anneal_clip);
        let (layout, parameters) = (self.ppo.layout(), self.ppo.parameters());
        let player = Player { layout, parameters, normalizer: self.network.normalizer() };
        let episodes = self.collector.collect(&player, &mut self.rollout, self.iteration);
        let episodes = episodes.map_err(|what| self.diverged(what))?;
        self.rollout.compute_advantages(self.config.gamma as f32, self.config.gae_lambda as f32);
        let update = self.ppo.update(&self.rollout, learning_rate, clip_coef, self.seed, self.iteration);
        let update = update.map_err(|what| self.diverged(what))?;
        let normalizer = if self.config.norm_obs {
            self.collector.moments().normalizer()
        } else {
            Normalizer::identity(self.rollout.observation_size)
        };
        if let Some(tensor) = self.ppo.layout().not_finite(self.ppo.parameters()) {
            return Err(self.diverged(tensor));
        }
        let network = self.ppo.layout().network(self.ppo.parameters(), normalizer);
        let network = network.map_err(|what| self.diverged(what))?;
        self.network = network;
        self.iteration += 1;
        let mut scalars = losses(&update);
        scalars.extend(self.collector.task().drain_scalars());
        Ok(Iteration { episodes, learning_rate, scalars })
    }

    fn save(&self) -> SavedLearner {
        let mut saved = SavedLearner::new(self.network.clone());
        saved.put_counter(ITERATION, self.iteration);
        let (optimizer, layout) = (self.ppo.optimizer(), self.ppo.layout());
        saved.put_counter(OPTIMIZER_STEPS, optimizer.time);
        for (name, place) in layout.graph().tensor_names().iter().zip(layout.tensors()) {
            let [first, second] = names_of_moments(name);
            saved.put(first, optimizer.first[place.clone()].to_vec());
            saved.put(second, optimizer.second[place].to_vec());
        }
        self.collector.save(&mut saved);
        saved
    }

    fn restore(&mut self, mut saved: SavedLearner) -> Result<(), String> {
        let parameters = self.ppo.layout().parameters(&saved.network);
        let parameters = parameters.ok_or("its network has other layers than the configuration")?;
        self.iteration = saved.take_counter(ITERATION)?;
        if self.iteration > self.num_iterations {
            return Err(format!("iteration {} is after the run's last, {}", self.iteration, self.num_iterations));
        }
        let optimizer = self.saved_optimizer(&mut saved)?;
        self.collector.restore(&mut saved)?;
        saved.is_used_up()?;
        self.ppo.restore(parameters, optimizer);
        self.network = saved.network;
        Ok(())
    }
}

/// The names of a parameter's two moments in `trainer.safetensors`.
fn names_of_moments(parameter: &str) -> [String; 2] {
    ["first", "second"].map(|kind| format!("adam.{parameter}.{kind}"))
}

fn losses(update: &UpdateDiagnostics) -> Vec<(&'static str, f64)> {
    vec![
        ("losses/value_loss", update.value_loss),
        ("losses/policy_loss", update.policy_loss),
        ("losses/entropy", update.entropy),
        ("losses/old_approx_kl", update.old_approx_kl),
        ("losses/approx_kl", update.approx_kl),
        ("losses/clipfrac", update.clipfrac),
        ("losses/explained_variance", update.explained_variance),
        ("losses/grad_norm", update.grad_norm),
    ]
}
