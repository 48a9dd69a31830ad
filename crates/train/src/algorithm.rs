//! What a run needs to know of its algorithm before it begins: how its learner is made, and what that takes.

use microcloud_core::Topology;

use crate::config::{ALGORITHMS, TrainConfig};
use crate::dqn::{DqnLearner, ReplayShape};
use crate::error::TrainError;
use crate::learner::Learner;
use crate::ppo::PpoLearner;
use crate::task::VectorTask;

/// The learner of `config.algo` in a task with as many environments as the configuration says; it has not begun.
///
/// # Errors
/// [`TrainError::Usage`] for an algorithm that there is not, [`TrainError::Threads`] where the system refuses the threads.
pub fn new_learner(config: &TrainConfig, task: Box<dyn VectorTask>) -> Result<Box<dyn Learner>, TrainError> {
    let TrainConfig { total_timesteps, seed, threads, .. } = *config;
    match config.algo.as_str() {
        "ppo" => Ok(Box::new(PpoLearner::new(config.ppo.clone(), task, total_timesteps, seed, threads)?)),
        "dqn" => Ok(Box::new(DqnLearner::new(config.dqn.clone(), task, total_timesteps, seed, threads)?)),
        other => Err(unknown(other)),
    }
}

/// Environments that `config.algo` plays at once.
///
/// # Errors
/// [`TrainError::Usage`] for an algorithm that there is not.
pub fn num_envs(config: &TrainConfig) -> Result<usize, TrainError> {
    match config.algo.as_str() {
        "ppo" => Ok(config.ppo.num_envs),
        "dqn" => Ok(config.dqn.num_envs),
        other => Err(unknown(other)),
    }
}

/// Bytes that the largest parts of a learner take, each with the keys that decide it.
///
/// # Errors
/// [`TrainError::Usage`] for an algorithm that there is not.
pub fn memory(config: &TrainConfig, topology: &Topology) -> Result<Vec<(&'static str, u128)>, TrainError> {
    match config.algo.as_str() {
        "ppo" => Ok(ppo_memory(config, topology)),
        "dqn" => Ok(dqn_memory(config, topology)),
        other => Err(unknown(other)),
    }
}

fn ppo_memory(config: &TrainConfig, topology: &Topology) -> Vec<(&'static str, u128)> {
    let ppo = &config.ppo;
    let (width, num_actions) = (topology.observation_size() as u128, topology.num_actions() as u128);
    // Observations are 4 bytes, masks 1, and everything else of a row less than 64; a minibatch is a copy.
    let rollout = (ppo.num_envs as u128) * (ppo.num_steps as u128) * (4 * width + num_actions + 64) * 2;
    let sizes = || ppo.hidden.iter().map(|&size| size as u128);
    let inputs = || std::iter::once(width).chain(sizes());
    let weights = |last: u128| inputs().zip(sizes().chain([last])).map(|(inputs, outputs)| (inputs + 1) * outputs);
    // A weight has a gradient and two moments, each of 4 bytes.
    let parameters = 16 * (weights(num_actions).sum::<u128>() + weights(1).sum::<u128>());
    vec![("ppo.num_envs, ppo.num_steps", rollout), ("ppo.hidden", parameters)]
}

fn dqn_memory(config: &TrainConfig, topology: &Topology) -> Vec<(&'static str, u128)> {
    let dqn = &config.dqn;
    let (width, num_actions) = (topology.observation_size(), topology.num_actions());
    let shape = ReplayShape { steps: 1, num_envs: 1, observation_size: width, num_actions };
    // A priority is two numbers of eight bytes, and the tree is rounded up to a power of two.
    let replay = (dqn.buffer_size as u128) * (shape.bytes_per_transition() as u128 + 32);
    // A transition of a batch has two observations, raw and normalised, and a mask.
    let batch = (dqn.batch_size as u128) * (16 * width + num_actions + 64) as u128;
    let sizes = || dqn.hidden.iter().map(|&size| size as u128);
    let inputs = || std::iter::once(width as u128).chain(sizes());
    let weights = |last: u128| inputs().zip(sizes().chain([last])).map(|(inputs, outputs)| (inputs + 1) * outputs);
    // A weight has a target, a gradient and two moments, each of 4 bytes.
    let parameters = 20 * (weights(num_actions as u128).sum::<u128>() + weights(1).sum::<u128>());
    vec![("dqn.buffer_size", replay), ("dqn.batch_size", batch), ("dqn.hidden", parameters)]
}

fn unknown(algo: &str) -> TrainError {
    TrainError::Usage(format!("algo: {algo:?} is unknown; allowed: {}", ALGORITHMS.join(", ")))
}
