//! The hyper-parameters of PPO.

use microcloud_policy::network::Activation;
use serde::{Deserialize, Serialize};

use super::NetworkBody;

/// PPO's hyper-parameters, named as in CleanRL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpoConfig {
    /// Parallel environments.
    pub num_envs: usize,
    /// Decisions per environment in a rollout.
    pub num_steps: usize,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Whether the step size falls linearly to zero over the run.
    pub anneal_lr: bool,
    /// Discount per decision.
    pub gamma: f64,
    /// Mixing of the generalised advantage estimate.
    pub gae_lambda: f64,
    /// Minibatches per epoch.
    pub num_minibatches: usize,
    /// Passes over a rollout.
    pub update_epochs: usize,
    /// Clipping of the probability ratio, and of the value's change.
    pub clip_coef: f64,
    /// Whether that falls linearly to zero over the run.
    pub anneal_clip: bool,
    /// Whether advantages are normalised per minibatch.
    pub norm_adv: bool,
    /// Whether the value's loss is clipped.
    pub clip_vloss: bool,
    /// Weight of the entropy.
    pub ent_coef: f64,
    /// Weight of the value's loss.
    pub vf_coef: f64,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f64,
    /// Divergence beyond which the remaining epochs of an update are skipped; none never skips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_kl: Option<f64>,
    /// Which layers actor and critic share.
    pub network: NetworkBody,
    /// What hidden layers apply: `relu` or `tanh`.
    pub activation: Activation,
    /// Units of a gated recurrent layer behind the first hidden one; 0 remembers nothing.
    pub memory: usize,
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Probability of the no-op before anything is learned; 0 makes all actions equally likely.
    pub no_op_prior: f64,
    /// Whether observations are normalised by their running mean and variance.
    pub norm_obs: bool,
    /// Whether rewards are divided by the running standard deviation of the discounted return.
    pub norm_reward: bool,
}

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            num_envs: 64,
            num_steps: 128,
            learning_rate: 1e-3,
            anneal_lr: true,
            gamma: 0.97,
            gae_lambda: 0.95,
            num_minibatches: 4,
            update_epochs: 4,
            clip_coef: 0.2,
            anneal_clip: false,
            norm_adv: true,
            clip_vloss: true,
            ent_coef: 0.001,
            vf_coef: 0.5,
            max_grad_norm: 0.5,
            target_kl: None,
            network: NetworkBody::Separate,
            activation: Activation::Relu,
            memory: 0,
            hidden: vec![128, 128],
            no_op_prior: 0.9,
            norm_obs: true,
            norm_reward: true,
        }
    }
}
