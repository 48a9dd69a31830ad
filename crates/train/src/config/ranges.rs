//! The values that a run's numbers may have, by key.

use super::TrainConfig;
use crate::error::TrainError;

type Count = (&'static str, fn(&TrainConfig) -> u64, u64, u64);
type Real = (&'static str, fn(&TrainConfig) -> f64, f64, f64);

const COUNTS: [Count; 24] = [
    ("seed", |c| c.seed, 0, u32::MAX as u64),
    ("total_timesteps", |c| c.total_timesteps, 1, 1_000_000_000_000),
    ("threads", |c| c.threads as u64, 1, 1024),
    ("checkpoint_every", |c| c.checkpoint_every, 1, 1_000_000_000_000),
    ("eval_every", |c| c.eval_every, 1, 1_000_000_000_000),
    ("eval_episodes", |c| c.eval_episodes as u64, 1, 65_536),
    ("final_episodes", |c| c.final_episodes as u64, 1, 1_000_000),
    ("final_control_episodes", |c| c.final_control_episodes as u64, 0, 1_000_000),
    ("ppo.num_envs", |c| c.ppo.num_envs as u64, 1, 65_536),
    ("ppo.num_steps", |c| c.ppo.num_steps as u64, 1, 65_536),
    // Whose product is bounded by those of the two before it.
    ("ppo.num_envs * ppo.num_steps", |c| (c.ppo.num_envs as u64).saturating_mul(c.ppo.num_steps as u64), 1, 16_777_216),
    ("ppo.num_minibatches", |c| c.ppo.num_minibatches as u64, 1, 16_777_216),
    ("ppo.memory", |c| c.ppo.memory as u64, 0, 8192),
    ("ppo.update_epochs", |c| c.ppo.update_epochs as u64, 1, 1000),
    ("dqn.num_envs", |c| c.dqn.num_envs as u64, 1, 65_536),
    ("dqn.num_steps", |c| c.dqn.num_steps as u64, 1, 65_536),
    ("dqn.num_envs * dqn.num_steps", |c| (c.dqn.num_envs as u64).saturating_mul(c.dqn.num_steps as u64), 1, 16_777_216),
    ("dqn.buffer_size", |c| c.dqn.buffer_size as u64, 1, 100_000_000),
    ("dqn.target_network_frequency", |c| c.dqn.target_network_frequency, 1, 1_000_000_000_000),
    ("dqn.batch_size", |c| c.dqn.batch_size as u64, 1, 65_536),
    ("dqn.learning_starts", |c| c.dqn.learning_starts, 0, 1_000_000_000_000),
    ("dqn.train_frequency", |c| c.dqn.train_frequency, 1, 1_000_000_000_000),
    ("dqn.gradient_steps", |c| c.dqn.gradient_steps as u64, 1, 100_000),
    ("dqn.n_step", |c| c.dqn.n_step as u64, 1, 1000),
];

const REALS: [Real; 19] = [
    ("ppo.learning_rate", |c| c.ppo.learning_rate, 1e-12, 1e6),
    ("ppo.gamma", |c| c.ppo.gamma, 0.0, 1.0),
    ("ppo.gae_lambda", |c| c.ppo.gae_lambda, 0.0, 1.0),
    ("ppo.clip_coef", |c| c.ppo.clip_coef, 1e-6, 10.0),
    ("ppo.ent_coef", |c| c.ppo.ent_coef, 0.0, 100.0),
    ("ppo.vf_coef", |c| c.ppo.vf_coef, 0.0, 1000.0),
    ("ppo.max_grad_norm", |c| c.ppo.max_grad_norm, 1e-9, 1e9),
    ("ppo.no_op_prior", |c| c.ppo.no_op_prior, 0.0, 0.999_999),
    ("ppo.target_kl", |c| c.ppo.target_kl.unwrap_or(1.0), 1e-9, 1e9),
    ("dqn.learning_rate", |c| c.dqn.learning_rate, 1e-12, 1e6),
    ("dqn.gamma", |c| c.dqn.gamma, 0.0, 1.0),
    ("dqn.tau", |c| c.dqn.tau, 1e-9, 1.0),
    ("dqn.start_e", |c| c.dqn.start_e, 0.0, 1.0),
    ("dqn.end_e", |c| c.dqn.end_e, 0.0, 1.0),
    ("dqn.exploration_fraction", |c| c.dqn.exploration_fraction, 0.0, 1.0),
    ("dqn.exploration_no_op", |c| c.dqn.exploration_no_op, 0.0, 1.0),
    ("dqn.priority_alpha", |c| c.dqn.priority_alpha, 0.0, 2.0),
    ("dqn.priority_beta0", |c| c.dqn.priority_beta0, 0.0, 1.0),
    ("dqn.max_grad_norm", |c| c.dqn.max_grad_norm, 1e-9, 1e9),
];

/// What a number's key allows, as an error says it.
pub fn allowed(key: &str) -> Option<String> {
    let count = COUNTS.iter().find(|count| count.0 == key).map(|(_, _, least, most)| format!("{least} to {most}"));
    count
        .or_else(|| REALS.iter().find(|real| real.0 == key).map(|(_, _, least, most)| format!("{least:?} to {most:?}")))
}

/// Refuses the first number that no run can have, as `key = value; allowed: range`.
pub fn check(config: &TrainConfig) -> Result<(), TrainError> {
    let refused = |key: &str, value: String, allowed: String| {
        Err(TrainError::Usage(format!("{key} = {value}; allowed: {allowed}")))
    };
    for (key, value, least, most) in COUNTS {
        let value = value(config);
        if !(least..=most).contains(&value) {
            return refused(key, value.to_string(), format!("{least} to {most}"));
        }
    }
    let rows = (config.ppo.num_envs as u64).saturating_mul(config.ppo.num_steps as u64);
    if config.ppo.num_minibatches as u64 > rows {
        let allowed = format!("1 to {rows}, the samples of a rollout");
        return refused("ppo.num_minibatches", config.ppo.num_minibatches.to_string(), allowed);
    }
    let dqn = &config.dqn;
    // A transition is complete, and can be drawn, when `n_step` more of its environment are stored.
    let least = dqn.num_envs.saturating_mul(dqn.n_step + 1);
    if dqn.buffer_size < least {
        let allowed = format!("{least} to 100000000, where the least is dqn.num_envs * (dqn.n_step + 1)");
        return refused("dqn.buffer_size", dqn.buffer_size.to_string(), allowed);
    }
    for (key, hidden) in [("ppo.hidden", &config.ppo.hidden), ("dqn.hidden", &dqn.hidden)] {
        if !(1..=8).contains(&hidden.len()) || hidden.iter().any(|size| !(1..=8192).contains(size)) {
            return refused(key, format!("{hidden:?}"), "1 to 8 sizes, each 1 to 8192".into());
        }
    }
    for (key, value, least, most) in REALS {
        let value = value(config);
        if !(least..=most).contains(&value) {
            return refused(key, format!("{value}"), format!("{least:?} to {most:?}"));
        }
    }
    Ok(())
}
