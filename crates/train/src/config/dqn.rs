//! The hyper-parameters of DQN.

use microcloud_policy::network::Activation;
use serde::{Deserialize, Serialize};

use super::NetworkBody;

/// DQN's hyper-parameters, named as in CleanRL.
///
/// Steps are environment steps over all environments, as CleanRL counts them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DqnConfig {
    /// Parallel environments.
    pub num_envs: usize,
    /// Decisions per environment between two reports; evaluations and checkpoints come at these moments.
    pub num_steps: usize,
    /// Transitions that the replay holds, rounded down to whole steps of all environments.
    pub buffer_size: usize,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Whether the step size falls linearly to zero over the run.
    pub anneal_lr: bool,
    /// Discount per decision.
    pub gamma: f64,
    /// Share of the online network that a target update takes over; 1 copies it.
    pub tau: f64,
    /// Steps between updates of the target network.
    pub target_network_frequency: u64,
    /// Transitions per optimizer step.
    pub batch_size: usize,
    /// Share of exploratory actions in the first step.
    pub start_e: f64,
    /// Share of exploratory actions after `exploration_fraction`.
    pub end_e: f64,
    /// Part of the run over which that share falls linearly.
    pub exploration_fraction: f64,
    /// Share of exploratory actions that are the no-op; the others are drawn evenly from the legal ones.
    pub exploration_no_op: f64,
    /// Steps before the first optimizer step.
    pub learning_starts: u64,
    /// Steps between optimizer steps.
    pub train_frequency: u64,
    /// Optimizer steps each time.
    pub gradient_steps: usize,
    /// Rewards that a target sums before it bootstraps (Sutton, 1988; Hessel et al., 2018).
    pub n_step: usize,
    /// Whether the online network chooses the action that the target network values (van Hasselt et al., 2016).
    pub double: bool,
    /// Whether a value and advantages make up the action values (Wang et al., 2016).
    pub dueling: bool,
    /// Whether transitions are drawn by their temporal-difference error (Schaul et al., 2016) instead of evenly.
    pub prioritized_replay: bool,
    /// Exponent of the priorities; 0 draws evenly.
    pub priority_alpha: f64,
    /// Exponent of the importance weights in the first step, which rises linearly to 1.
    pub priority_beta0: f64,
    /// Which layers the value and the advantages share, where there are both.
    pub network: NetworkBody,
    /// What hidden layers apply: `relu` or `tanh`.
    pub activation: Activation,
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f64,
    /// Whether the loss is Huber's with threshold 1 instead of half the square.
    pub huber: bool,
    /// Whether observations are normalised by their running mean and variance.
    pub norm_obs: bool,
    /// Whether rewards are divided by the running standard deviation of the discounted return.
    pub norm_reward: bool,
}

impl Default for DqnConfig {
    fn default() -> Self {
        Self {
            num_envs: 64,
            num_steps: 32,
            buffer_size: 1_000_000,
            learning_rate: 5e-4,
            anneal_lr: true,
            gamma: 0.97,
            tau: 1.0,
            target_network_frequency: 16_384,
            batch_size: 256,
            start_e: 1.0,
            end_e: 0.02,
            exploration_fraction: 0.3,
            // Evenly drawn actions take a cluster down within minutes, and the replay would hold little else.
            exploration_no_op: 0.9,
            learning_starts: 50_000,
            train_frequency: 64,
            gradient_steps: 1,
            n_step: 5,
            double: true,
            dueling: true,
            prioritized_replay: true,
            priority_alpha: 0.6,
            priority_beta0: 0.4,
            network: NetworkBody::Separate,
            activation: Activation::Relu,
            hidden: vec![128, 128],
            max_grad_norm: 10.0,
            huber: true,
            norm_obs: true,
            norm_reward: true,
        }
    }
}

impl DqnConfig {
    /// Decisions per environment that the replay holds.
    pub fn replay_steps(&self) -> usize {
        self.buffer_size / self.num_envs.max(1)
    }
}
