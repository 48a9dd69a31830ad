//! PPO learns, and learns the same whatever the number of threads.

use microcloud_policy::network::Network;
use microcloud_train::{Learner, NetworkBody, PpoConfig, PpoLearner, play_greedily};

use crate::cart_pole::CartPole;
use crate::small_tasks::{Kind, SmallTask};

fn cart_pole_config() -> PpoConfig {
    PpoConfig {
        num_envs: 16,
        num_steps: 32,
        learning_rate: 1e-3,
        gamma: 0.98,
        gae_lambda: 0.9,
        update_epochs: 10,
        ent_coef: 0.0,
        no_op_prior: 0.0,
        norm_obs: false,
        ..PpoConfig::default()
    }
}

fn learner(config: PpoConfig, total_timesteps: u64, seed: u64, threads: usize) -> PpoLearner {
    let task = Box::new(CartPole::new(config.num_envs));
    PpoLearner::new(config, task, total_timesteps, seed, threads).unwrap()
}

fn trained(seed: u64, threads: usize) -> Network {
    let config = PpoConfig { num_envs: 16, num_steps: 64, update_epochs: 2, ..PpoConfig::default() };
    let mut learner = learner(config, 5_000, seed, threads);
    while !learner.finished() {
        learner.iterate().unwrap();
    }
    learner.network().clone()
}

#[test]
fn ppo_solves_cart_pole_within_150_000_steps() {
    for seed in 1..=2 {
        let mut learner = learner(cart_pole_config(), 150_000, seed, 1);
        while !learner.finished() {
            learner.iterate().unwrap();
        }
        let returns = play_greedily(&mut CartPole::new(100), learner.network(), 1_000_000);
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        assert!(learner.step() <= 150_016 && mean >= 475.0, "seed {seed}: {mean} after {} steps", learner.step());
    }
}

/// Mean greedy return after some thousand steps.
fn learned(kind: Kind, memory: usize, network: NetworkBody) -> f64 {
    let config = PpoConfig {
        num_envs: 16,
        num_steps: 32,
        learning_rate: 3e-3,
        ent_coef: 0.01,
        hidden: vec![16],
        no_op_prior: 0.0,
        memory,
        network,
        ..PpoConfig::default()
    };
    let task = Box::new(SmallTask::new(kind, config.num_envs));
    let mut learner = PpoLearner::new(config, task, 25_000, 1, 1).unwrap();
    while !learner.finished() {
        learner.iterate().unwrap();
    }
    let returns = play_greedily(&mut SmallTask::new(kind, 64), learner.network(), 99);
    returns.iter().sum::<f64>() / returns.len() as f64
}

#[test]
fn the_best_arm_of_a_bandit_is_found() {
    assert_eq!(learned(Kind::Bandit, 0, NetworkBody::Separate), 1.0);
    assert_eq!(learned(Kind::Bandit, 0, NetworkBody::Shared), 1.0);
}

#[test]
fn a_better_arm_that_is_illegal_is_left_alone() {
    assert_eq!(learned(Kind::Forbidden, 0, NetworkBody::Separate), 1.0);
}

#[test]
fn what_was_shown_a_decision_ago_is_used_with_memory_alone() {
    assert_eq!(learned(Kind::Memory, 8, NetworkBody::Separate), 1.0);
    let without = learned(Kind::Memory, 0, NetworkBody::Separate);
    assert!((0.2..0.8).contains(&without), "{without}");
}

#[test]
fn one_and_two_threads_give_identical_weights() {
    assert_eq!(trained(4, 1), trained(4, 2));
}

#[test]
fn the_seed_decides_the_weights() {
    assert_eq!(trained(4, 1), trained(4, 1));
    assert_ne!(trained(4, 1), trained(5, 1));
}

#[test]
fn a_restored_learner_is_the_one_that_was_saved() {
    let config = PpoConfig { num_envs: 16, num_steps: 64, update_epochs: 2, ..PpoConfig::default() };
    let (mut first, mut second) = (learner(config.clone(), 5_000, 4, 1), learner(config, 5_000, 4, 1));
    first.iterate().unwrap();
    first.iterate().unwrap();
    let saved = first.save();
    second.restore(saved.clone()).unwrap();
    assert_eq!(second.step(), first.step());
    assert_eq!(second.save(), saved);
    // And goes on as the one that was saved.
    first.iterate().unwrap();
    second.iterate().unwrap();
    assert_eq!(second.save(), first.save());

    let other = PpoConfig { num_envs: 16, num_steps: 64, hidden: vec![8], ..PpoConfig::default() };
    assert!(learner(other, 5_000, 4, 1).restore(saved).unwrap_err().contains("layers"));
}
