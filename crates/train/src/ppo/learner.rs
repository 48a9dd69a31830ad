//! PPO as a run's learner: collect, estimate advantages, update, again.

use microcloud_policy::network::{ActorCritic, Normalizer};

use super::{Adam, Moments, Ppo, UpdateDiagnostics};
use crate::collector::Collector;
use crate::config::PpoConfig;
use crate::error::TrainError;
use crate::learner::{Iteration, Learner};
use crate::normalization::ReturnScaler;
use crate::parameters::{Parameters, values};
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
    network: ActorCritic,
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

    fn diverged(&self, what: String) -> TrainError {
        TrainError::Diverged { step: self.step(), what }
    }

    /// The first parameter that is not finite, by its name in `policy.safetensors`.
    fn not_finite(&self) -> Option<String> {
        let parameters = self.ppo.parameters();
        let mut named = parameters.names().into_iter().zip(parameters.tensors());
        named.find(|(_, tensor)| values(tensor).iter().any(|value| !value.is_finite())).map(|(name, _)| name)
    }

    /// The optimizer that was saved, for `parameters`.
    fn saved_optimizer(&self, parameters: &Parameters, saved: &mut SavedLearner) -> Result<Adam, String> {
        let steps = saved.take_counter(OPTIMIZER_STEPS)?;
        let per_iteration = (self.config.update_epochs as u64).saturating_mul(self.config.num_minibatches as u64);
        if steps > self.iteration.saturating_mul(per_iteration) || steps == 0 && self.iteration > 0 {
            return Err(format!("optimizer_steps is {steps} after {} iterations", self.iteration));
        }
        let mut optimizer = Adam::new(parameters.tensors().count());
        if steps > 0 {
            let mut moments = Vec::new();
            for (name, tensor) in parameters.names().iter().zip(parameters.tensors()) {
                let [rows, columns] = tensor.dims();
                let [first, second] = names_of_moments(name);
                let (first, second) =
                    (saved.take_f32(&first, rows * columns)?, saved.take_f32(&second, rows * columns)?);
                if second.iter().any(|&square| square < 0.0) {
                    return Err(format!("adam.{name}.second has a negative value"));
                }
                moments.push(Moments { first, second });
            }
            if !optimizer.restore(parameters, steps as usize, moments) {
                return Err("its optimizer's moments have other shapes than the network".into());
            }
        }
        Ok(optimizer)
    }
}

impl Learner for PpoLearner {
    fn step(&self) -> u64 {
        self.iteration * self.rollout.rows() as u64
    }

    fn total_steps(&self) -> u64 {
        self.num_iterations * self.rollout.rows() as u64
    }

    fn network(&self) -> &ActorCritic {
        &self.network
    }

    fn iterate(&mut self) -> Result<Iteration, TrainError> {
        let remaining = 1.0 - self.iteration as f64 / self.num_iterations.max(1) as f64;
        let learning_rate = self.config.learning_rate * if self.config.anneal_lr { remaining } else { 1.0 };
        let episodes = self.collector.collect(&self.network, &mut self.rollout, self.iteration);
        let episodes = episodes.map_err(|what| self.diverged(what))?;
        self.rollout.compute_advantages(self.config.gamma as f32, self.config.gae_lambda as f32);
        let update = self.ppo.update(&self.rollout, learning_rate, self.seed, self.iteration);
        let update = update.map_err(|what| self.diverged(self.not_finite().unwrap_or(what)))?;
        let normalizer = if self.config.norm_obs {
            self.collector.moments().normalizer()
        } else {
            Normalizer::identity(self.rollout.observation_size)
        };
        let network = self.ppo.parameters().to_network(normalizer).map_err(|what| self.diverged(what))?;
        if let Some(name) = self.not_finite() {
            return Err(self.diverged(name));
        }
        self.network = network;
        self.iteration += 1;
        let mut scalars = losses(&update);
        scalars.extend(self.collector.task().drain_scalars());
        Ok(Iteration { episodes, learning_rate, scalars })
    }

    fn save(&self) -> SavedLearner {
        let mut saved = SavedLearner::new(self.network.clone());
        saved.put_counter(ITERATION, self.iteration);
        let (steps, moments) = self.ppo.optimizer().moments().unwrap_or_default();
        saved.put_counter(OPTIMIZER_STEPS, steps as u64);
        for (name, moments) in self.ppo.parameters().names().iter().zip(moments) {
            let [first, second] = names_of_moments(name);
            saved.put(first, moments.first);
            saved.put(second, moments.second);
        }
        self.collector.save(&mut saved);
        saved
    }

    fn restore(&mut self, mut saved: SavedLearner) -> Result<(), String> {
        let parameters = Parameters::from_network(&saved.network);
        let shapes = |parameters: &Parameters| parameters.tensors().map(|tensor| tensor.dims()).collect::<Vec<_>>();
        if shapes(&parameters) != shapes(self.ppo.parameters()) {
            return Err("its network has other layers than the configuration".into());
        }
        self.iteration = saved.take_counter(ITERATION)?;
        if self.iteration > self.num_iterations {
            return Err(format!("iteration {} is after the run's last, {}", self.iteration, self.num_iterations));
        }
        let optimizer = self.saved_optimizer(&parameters, &mut saved)?;
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
