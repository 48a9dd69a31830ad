//! Environment steps until CartPole's last 100 episodes return 475 on average, by seed, with the hyper-parameters that RL
//! Baselines3 Zoo has for PPO: `cargo run -p microcloud-train --example steps_to_solve`

#[path = "../tests/suite/cart_pole.rs"]
mod cart_pole;

use cart_pole::CartPole;
use microcloud_policy::network::Activation;
use microcloud_train::{Learner, PpoConfig, PpoLearner};

const SEEDS: u64 = 10;
const MOST_STEPS: u64 = 300_000;

fn config() -> PpoConfig {
    PpoConfig {
        num_envs: 8,
        num_steps: 32,
        learning_rate: 1e-3,
        gamma: 0.98,
        gae_lambda: 0.8,
        num_minibatches: 1,
        update_epochs: 20,
        anneal_clip: true,
        clip_vloss: false,
        ent_coef: 0.0,
        // Stable-Baselines3's value loss has no factor of one half.
        vf_coef: 1.0,
        activation: Activation::Tanh,
        hidden: vec![64, 64],
        no_op_prior: 0.0,
        norm_obs: false,
        norm_reward: false,
        ..PpoConfig::default()
    }
}

/// Steps until solved; none where the run ends first.
fn steps(seed: u64) -> Result<Option<u64>, Box<dyn std::error::Error>> {
    let config = config();
    let mut learner = PpoLearner::new(config.clone(), Box::new(CartPole::new(config.num_envs)), MOST_STEPS, seed, 1)?;
    let mut returns: Vec<f64> = Vec::new();
    while !learner.finished() {
        returns.extend(learner.iterate()?.episodes.iter().map(|episode| episode.episodic_return));
        let last = &returns[returns.len().saturating_sub(100)..];
        if last.len() == 100 && last.iter().sum::<f64>() >= 47_500.0 {
            return Ok(Some(learner.step()));
        }
    }
    Ok(None)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    for seed in 1..=SEEDS {
        let steps = steps(seed)?;
        println!("seed {seed}: {}", steps.map_or("not solved".into(), |steps| format!("{steps} steps")));
        all.push(steps.unwrap_or(u64::MAX));
    }
    all.sort_unstable();
    println!("median of {SEEDS} seeds: {} steps", all[all.len() / 2 - 1].midpoint(all[all.len() / 2]));
    Ok(())
}
