//! What a run is configured by: built-in values, then a TOML file, then flags, then `--set`.

mod dqn;
mod network;
mod ppo;
mod ranges;
mod resolve;

use serde::{Deserialize, Serialize};

pub use dqn::DqnConfig;
pub use network::NetworkBody;
pub use ppo::PpoConfig;
pub use resolve::ConfigSources;

use crate::error::TrainError;

/// Environment steps of a run that names no other number.
pub const DEFAULT_TOTAL_TIMESTEPS: u64 = 12_000_000;
/// Algorithms that can be trained.
pub const ALGORITHMS: [&str; 2] = ["dqn", "ppo"];

/// A whole run's configuration, as `config.toml` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Name of a built-in scenario, or path of a scenario file.
    pub scenario: String,
    /// `ppo` or `dqn`.
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
    /// Hyper-parameters of DQN.
    pub dqn: DqnConfig,
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
            dqn: DqnConfig::default(),
        }
    }
}

impl TrainConfig {
    /// The whole configuration as TOML that reads back equal.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is numbers, strings and two tables")
    }

    /// Refuses values that no run can have, naming key, value and what is allowed.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for the first such value.
    pub fn validate(&self) -> Result<(), TrainError> {
        if !ALGORITHMS.contains(&self.algo.as_str()) {
            return Err(TrainError::Usage(format!(
                "algo: {:?} is unknown; allowed: {}",
                self.algo,
                ALGORITHMS.join(", ")
            )));
        }
        ranges::check(self)
    }
}
