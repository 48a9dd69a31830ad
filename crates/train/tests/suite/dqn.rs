//! DQN learns what is best among what is legal, the same whatever the number of threads, and goes on where it was saved.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use microcloud_policy::Policy;
use microcloud_policy::network::{CheckpointPolicy, Network};
use microcloud_train::run::{CheckpointReader, Outcome, Placement, RunListener, RunRequest, train};
use microcloud_train::{
    DqnConfig, DqnLearner, Learner, RandomStream, TaskBuffers, TrainConfig, TrainError, VectorTask, play_greedily,
};
use ndarray::Array2;

use crate::cart_pole::CartPole;

fn cart_pole_config() -> DqnConfig {
    DqnConfig {
        num_envs: 8,
        buffer_size: 50_000,
        learning_rate: 2.3e-3,
        gamma: 0.99,
        target_network_frequency: 256,
        batch_size: 64,
        end_e: 0.05,
        exploration_fraction: 0.2,
        exploration_no_op: 0.0,
        learning_starts: 1000,
        train_frequency: 8,
        gradient_steps: 4,
        n_step: 3,
        norm_obs: false,
        norm_reward: false,
        ..DqnConfig::default()
    }
}

fn small_config() -> DqnConfig {
    DqnConfig {
        num_envs: 4,
        num_steps: 16,
        buffer_size: 900,
        batch_size: 160,
        learning_starts: 100,
        train_frequency: 4,
        target_network_frequency: 50,
        hidden: vec![16],
        norm_reward: true,
        norm_obs: true,
        ..cart_pole_config()
    }
}

fn learner(
    config: DqnConfig,
    task: Box<dyn VectorTask>,
    total_timesteps: u64,
    seed: u64,
    threads: usize,
) -> DqnLearner {
    DqnLearner::new(config, task, total_timesteps, seed, threads).unwrap()
}

fn play_out(mut learner: DqnLearner) -> DqnLearner {
    while !learner.finished() {
        learner.iterate().unwrap();
    }
    learner
}

/// The values of all actions at an observation.
fn values(network: &Network, observation: &[f32]) -> Vec<f32> {
    let observation = Array2::from_shape_vec((1, observation.len()), observation.to_vec()).unwrap();
    let none = Array2::zeros((1, 0));
    network.act(observation.view(), none.view(), &mut Default::default()).actions.iter().copied().collect()
}

/// A task of two states that pays for what is chosen.
///
/// In the first, action 2 pays 1 and ends the episode, and action 0 leads to the second, where action 2 looks as good and is
/// illegal, action 1 pays 0.2 and action 0 nothing. As a `bandit` it has
/// the first state alone, and all actions end the episode.
struct TwoStates {
    second: Vec<bool>,
    random: RandomStream,
    bandit: bool,
}

impl TwoStates {
    fn new(num_envs: usize, bandit: bool) -> Self {
        Self { second: vec![false; num_envs], random: RandomStream::from_seed(1), bandit }
    }

    fn show(&self, env: usize, observations: &mut [f32], action_masks: &mut [bool]) {
        let second = self.second[env];
        observations[env] = if second { 2.0 } else { 1.0 };
        action_masks[3 * env..3 * env + 3].copy_from_slice(&[true, true, !second]);
    }
}

impl VectorTask for TwoStates {
    fn num_envs(&self) -> usize {
        self.second.len()
    }

    fn observation_size(&self) -> usize {
        1
    }

    fn num_actions(&self) -> usize {
        3
    }

    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        self.random = RandomStream::from_seed(seed);
        self.second.fill(false);
        (0..self.num_envs()).for_each(|env| self.show(env, observations, action_masks));
    }

    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        for (env, &action) in actions.iter().enumerate() {
            let second = self.second[env];
            assert!(!second || action != 2, "an illegal action was taken");
            let noise = self.random.normal() * 0.1;
            (buffers.rewards[env], buffers.terminated[env]) = match (self.bandit, second, action) {
                (true, _, action) => ([0.1, 0.9, 0.5][action] + noise, true),
                (false, false, 0) => (0.0, false),
                (false, false, action) => ([0.0, 0.0, 1.0][action], true),
                (false, true, action) => ([0.0, 0.2][action], true),
            };
            buffers.truncated[env] = false;
            self.second[env] = !buffers.terminated[env];
            if buffers.terminated[env] {
                buffers.final_observations[env] = 1.0;
            }
            self.show(env, buffers.observations, buffers.action_masks);
        }
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _bytes: &[u8], _observations: &mut [f32], _action_masks: &mut [bool]) -> Result<(), String> {
        Err("it is never resumed".into())
    }
}

fn two_states_config() -> DqnConfig {
    DqnConfig { hidden: vec![32], start_e: 1.0, end_e: 0.5, n_step: 1, gamma: 0.5, ..cart_pole_config() }
}

#[test]
fn the_values_of_a_bandit_are_its_mean_rewards() {
    for prioritized_replay in [false, true] {
        let config = DqnConfig { prioritized_replay, huber: false, ..two_states_config() };
        let learner = play_out(learner(config, Box::new(TwoStates::new(8, true)), 20_000, 1, 1));
        let values = values(learner.network(), &[1.0]);
        let expected = [0.1, 0.9, 0.5];
        assert!(values.iter().zip(expected).all(|(value, mean)| (value - mean).abs() < 0.05), "{values:?}");
    }
}

#[test]
fn what_is_illegal_is_neither_taken_nor_hoped_for() {
    for (double, dueling) in [(true, true), (false, false)] {
        let config = DqnConfig { double, dueling, ..two_states_config() };
        let learner = play_out(learner(config, Box::new(TwoStates::new(8, false)), 20_000, 2, 1));
        let (first, second) = (values(learner.network(), &[1.0]), values(learner.network(), &[2.0]));
        // The way into the second state is worth half of the best legal action there, 0.2, though an illegal one looks better.
        assert!((first[0] - 0.1).abs() < 0.04 && (first[2] - 1.0).abs() < 0.05, "{first:?}");
        assert!((second[1] - 0.2).abs() < 0.05 && second[2] > 0.5, "{second:?}");
    }
}

#[test]
fn dqn_solves_cart_pole_within_50_000_steps() {
    for seed in 1..=2 {
        let learner = play_out(learner(cart_pole_config(), Box::new(CartPole::new(8)), 50_000, seed, 1));
        let returns = play_greedily(&mut CartPole::new(100), learner.network(), 1_000_000);
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        assert!(mean >= 475.0, "seed {seed}: {mean}");
    }
}

#[test]
fn one_and_two_threads_give_identical_weights_and_the_seed_decides_them() {
    let trained = |seed, threads| {
        let learner = play_out(learner(small_config(), Box::new(CartPole::new(4)), 3_000, seed, threads));
        learner.network().clone()
    };
    let one = trained(4, 1);
    assert_eq!(one, trained(4, 2));
    assert_ne!(one, trained(5, 1));
}

#[test]
fn a_restored_learner_goes_on_bit_for_bit_however_full_the_replay_was() {
    for prioritized_replay in [true, false] {
        let config = DqnConfig { prioritized_replay, ..small_config() };
        let new = || learner(config.clone(), Box::new(CartPole::new(4)), 3_000, 4, 1);
        for iterations in [1, 5, 20] {
            let (mut first, mut second) = (new(), new());
            (0..iterations).for_each(|_| drop(first.iterate().unwrap()));
            let mut replay = Vec::new();
            first.write_replay(&mut replay).unwrap();
            second.restore(first.save()).unwrap();
            second.read_replay(&mut replay.as_slice()).unwrap();
            for _ in 0..4 {
                let (one, other) = (first.iterate().unwrap(), second.iterate().unwrap());
                assert_eq!((&one.scalars, &one.episodes), (&other.scalars, &other.episodes));
            }
            assert_eq!(first.save(), second.save());
            let (mut one, mut other) = (Vec::new(), Vec::new());
            first.write_replay(&mut one).unwrap();
            second.write_replay(&mut other).unwrap();
            assert!(one == other);
        }
        let (mut first, mut second) = (new(), new());
        first.iterate().unwrap();
        let mut early = Vec::new();
        first.write_replay(&mut early).unwrap();
        first.iterate().unwrap();
        second.restore(first.save()).unwrap();
        assert!(second.read_replay(&mut early.as_slice()).unwrap_err().contains("16 where 32 was due"));
        let other = DqnConfig { hidden: vec![8], ..config.clone() };
        let mut other = learner(other, Box::new(CartPole::new(4)), 3_000, 4, 1);
        assert!(other.restore(first.save()).unwrap_err().contains("layers"));
    }
}

#[test]
fn a_reward_that_is_no_number_stops_learning_and_is_named() {
    struct Broken(CartPole);
    impl VectorTask for Broken {
        fn num_envs(&self) -> usize {
            self.0.num_envs()
        }
        fn observation_size(&self) -> usize {
            self.0.observation_size()
        }
        fn num_actions(&self) -> usize {
            self.0.num_actions()
        }
        fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
            self.0.reset(seed, observations, action_masks);
        }
        fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
            self.0.step(actions, buffers);
            buffers.rewards[2] = f64::NAN;
        }
        fn save(&self) -> Vec<u8> {
            self.0.save()
        }
        fn restore(&mut self, bytes: &[u8], observations: &mut [f32], masks: &mut [bool]) -> Result<(), String> {
            self.0.restore(bytes, observations, masks)
        }
    }
    let error = learner(small_config(), Box::new(Broken(CartPole::new(4))), 3_000, 4, 1).iterate().unwrap_err();
    assert!(error.exit_code() == 4 && error.to_string().contains("rewards of environment 2"), "{error}");
}

/// Trains DQN on spine12 in a folder; with `stop` only for one iteration.
fn train_clusters(run: &Path, resumed: bool, stop: bool) -> Result<Outcome, TrainError> {
    struct Silent;
    impl RunListener for Silent {}
    let dqn = DqnConfig { num_envs: 8, buffer_size: 200, ..small_config() };
    let config = TrainConfig {
        algo: "dqn".into(),
        total_timesteps: 512,
        threads: 1,
        eval_episodes: 2,
        final_episodes: 2,
        final_control_episodes: 1,
        dqn,
        ..TrainConfig::default()
    };
    let placement = if resumed { Placement::Resumed(run.to_owned()) } else { Placement::Fresh(run.to_owned()) };
    let request = RunRequest { config, placement, scenario: None, command_line: Vec::new() };
    train(request, &mut Silent, &AtomicBool::new(stop)).map(|run| run.outcome)
}

#[test]
fn a_damaged_replay_is_corrupt_and_a_finished_run_keeps_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    assert_eq!(train_clusters(&run, false, true).unwrap(), Outcome::Interrupted);
    let replay = run.join("replay/000000128.safetensors");
    let bytes = fs::read(&replay).unwrap();
    let read = || CheckpointReader::new(&run).unwrap().latest();
    assert_eq!(read().unwrap(), Some(128));
    let refused = |reason: &str| {
        let error = read().unwrap_err();
        let message = error.to_string();
        assert!(error.exit_code() == 3 && message.contains(reason) && message.contains("128.saf"), "{message}");
    };
    for place in (0..bytes.len()).step_by(1009) {
        let mut altered = bytes.clone();
        altered[place] ^= 1;
        fs::write(&replay, altered).unwrap();
        refused("");
        fs::write(&replay, &bytes[..place]).unwrap();
        refused("");
    }
    fs::remove_file(&replay).unwrap();
    refused("No such file");
    fs::write(&replay, &bytes).unwrap();
    assert_eq!(train_clusters(&run, true, true).unwrap(), Outcome::Interrupted);
    let names =
        |folder: &Path| fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    assert_eq!(names(&run.join("replay")), ["000000256.safetensors"]);
    assert!(matches!(train_clusters(&run, true, false).unwrap(), Outcome::Completed(_)));
    assert!(names(&run.join("replay")).is_empty());
    assert!(matches!(train_clusters(&run, true, false).unwrap(), Outcome::Completed(_)));
}

#[test]
fn a_replay_that_cannot_be_written_is_a_disk_error_and_leaves_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_clusters(&run, false, true).unwrap();
    fs::create_dir(run.join("replay/000000256.tmp")).unwrap();
    let error = train_clusters(&run, true, true).unwrap_err();
    assert_eq!(error.exit_code(), 5, "{error}");
    assert_eq!(fs::read_to_string(run.join("checkpoints/latest")).unwrap(), "000000128\n");
    assert_eq!(CheckpointReader::new(&run).unwrap().latest().unwrap(), Some(128));
}

#[test]
fn a_policy_of_action_values_plays_the_best_legal_action() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_clusters(&run, false, false).unwrap();
    let mut policy = CheckpointPolicy::open(&run).unwrap();
    assert!(policy.name().starts_with("dqn:"));
    let (width, num_actions) = (policy.observation_size(), policy.num_actions());
    let observations = Array2::from_shape_fn((6, width), |(row, column)| ((row * 31 + column) % 7) as f32);
    let masks = Array2::from_shape_fn((6, num_actions), |(row, action)| (row + action) % 3 != 0);
    let mut actions = [0; 6];
    policy.act(observations.view(), masks.view(), &[true; 6], &mut actions);
    for (row, action) in actions.into_iter().enumerate() {
        let values = values(policy.network(), observations.row(row).as_slice().unwrap());
        let legal = (0..num_actions).filter(|&action| masks[[row, action]]);
        assert_eq!(Some(action), legal.max_by(|&a, &b| values[a].total_cmp(&values[b])));
    }
}
