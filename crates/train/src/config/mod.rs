//! What a run is configured by: built-in values, then a TOML file, then flags, then `--set`.

mod ppo;
mod resolve;

use serde::{Deserialize, Serialize};

pub use ppo::PpoConfig;
pub use resolve::ConfigSources;

use crate::error::TrainError;

/// Environment steps of a run that names no other number.
pub const DEFAULT_TOTAL_TIMESTEPS: u64 = 12_000_000;
/// Algorithms that can be trained.
pub const ALGORITHMS: [&str; 1] = ["ppo"];

/// A whole run's configuration, as `config.toml` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Name of a built-in scenario, or path of a scenario file.
    pub scenario: String,
    /// `ppo`.
    pub algo: String,
    /// Decides initial weights, levels, sampled actions and the order of samples.
    pub seed: u64,
    /// Environment steps over all environments, rounded up to whole rollouts.
    pub total_timesteps: u64,
    /// Threads for environments and gradients; results do not depend on it.
    pub threads: usize,
    /// A checkpoint is written each time this many steps are passed.
    pub checkpoint_every: u64,
    /// The policy is evaluated on fixed train levels each time this many steps are passed.
    pub eval_every: u64,
    /// Episodes of such an evaluation.
    pub eval_episodes: usize,
    /// Fault levels of the final evaluation on test levels.
    pub final_episodes: usize,
    /// Control levels of the final evaluation.
    pub final_control_episodes: usize,
    /// Hyper-parameters of PPO.
    pub ppo: PpoConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            scenario: "spine12".into(),
            algo: "ppo".into(),
            seed: 1,
            total_timesteps: DEFAULT_TOTAL_TIMESTEPS,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            checkpoint_every: 500_000,
            eval_every: 250_000,
            eval_episodes: 64,
            final_episodes: 200,
            final_control_episodes: 50,
            ppo: PpoConfig::default(),
        }
    }
}

impl TrainConfig {
    /// The whole configuration as TOML that reads back equal.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is numbers, strings and one table")
    }

    /// Refuses values that no run can have, naming key, value and what is allowed.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for the first such value.
    pub fn validate(&self) -> Result<(), TrainError> {
        if self.algo == "dqn" {
            return Err(TrainError::Usage("algo: dqn is not available yet; allowed: ppo".into()));
        }
        if !ALGORITHMS.contains(&self.algo.as_str()) {
            return Err(TrainError::Usage(format!(
                "algo: {:?} is unknown; allowed: {}",
                self.algo,
                ALGORITHMS.join(", ")
            )));
        }
        let ppo = &self.ppo;
        let count = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(TrainError::Usage(format!("{key}: {value} is out of range; allowed: {least} to {most}")))
            }
        };
        let real = |key: &str, value: f64, least: f64, most: f64| {
            if value.is_finite() && (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(TrainError::Usage(format!("{key}: {value} is out of range; allowed: {least} to {most}")))
            }
        };
        count("seed", self.seed, 0, u64::from(u32::MAX))?;
        count("total_timesteps", self.total_timesteps, 1, 1_000_000_000_000)?;
        count("threads", self.threads as u64, 1, 1024)?;
        count("checkpoint_every", self.checkpoint_every, 1, 1_000_000_000_000)?;
        count("eval_every", self.eval_every, 1, 1_000_000_000_000)?;
        count("eval_episodes", self.eval_episodes as u64, 1, 65_536)?;
        count("final_episodes", self.final_episodes as u64, 1, 1_000_000)?;
        count("final_control_episodes", self.final_control_episodes as u64, 0, 1_000_000)?;
        count("ppo.num_envs", ppo.num_envs as u64, 1, 65_536)?;
        count("ppo.num_steps", ppo.num_steps as u64, 1, 65_536)?;
        let rows = (ppo.num_envs * ppo.num_steps) as u64;
        count("ppo.num_envs times ppo.num_steps", rows, 1, 16_777_216)?;
        count("ppo.num_minibatches", ppo.num_minibatches as u64, 1, rows)?;
        count("ppo.update_epochs", ppo.update_epochs as u64, 1, 1000)?;
        count("length of ppo.hidden", ppo.hidden.len() as u64, 1, 8)?;
        for &size in &ppo.hidden {
            count("ppo.hidden", size as u64, 1, 8192)?;
        }
        real("ppo.learning_rate", ppo.learning_rate, 1e-12, 1e6)?;
        real("ppo.gamma", ppo.gamma, 0.0, 1.0)?;
        real("ppo.gae_lambda", ppo.gae_lambda, 0.0, 1.0)?;
        real("ppo.clip_coef", ppo.clip_coef, 1e-6, 10.0)?;
        real("ppo.ent_coef", ppo.ent_coef, 0.0, 100.0)?;
        real("ppo.vf_coef", ppo.vf_coef, 0.0, 1000.0)?;
        real("ppo.max_grad_norm", ppo.max_grad_norm, 1e-9, 1e9)?;
        real("ppo.no_op_prior", ppo.no_op_prior, 0.0, 0.999_999)?;
        ppo.target_kl.map_or(Ok(()), |limit| real("ppo.target_kl", limit, 1e-9, 1e9))
    }
}
