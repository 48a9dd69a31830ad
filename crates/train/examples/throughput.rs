//! Samples per second of PPO, and how long a decision takes: 64 environments of 128 steps, 4 epochs of 4 minibatches, two torsos
//! of 2x128 tanh.
//!
//! `cargo run -p microcloud-train --example throughput -- --task free --threads 2`

use std::time::Instant;

use clap::{Parser, ValueEnum};
use microcloud_core::{Scenario, Topology};
use microcloud_policy::Policy;
use microcloud_policy::network::{Activation, CheckpointPolicy, Network};
use microcloud_train::{ClusterTask, Learner, PpoConfig, PpoLearner, TaskBuffers, VectorTask};
use ndarray::Array2;

const NUM_ENVS: usize = 64;

#[derive(Parser)]
struct Arguments {
    /// What is learned: an environment of 128 features and 64 actions that costs nothing, or a scenario's cluster
    #[arg(long, default_value = "free")]
    task: Task,
    #[arg(long, default_value = "spine12")]
    scenario: String,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rollouts that are timed, after one that is not
    #[arg(long, default_value_t = 12)]
    rollouts: usize,
    /// Units of memory
    #[arg(long, default_value_t = 0)]
    memory: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Task {
    Free,
    Cluster,
}

/// Random observations from a table.
struct Free {
    table: Vec<f32>,
    steps: usize,
}

const WIDTH: usize = 128;
const ACTIONS: usize = 64;

impl Free {
    fn new() -> Self {
        let value = |index: usize| ((index * 7919 + 13) % 100_003) as f32 / 50_001.5 - 1.0;
        Self { table: (0..997 * WIDTH).map(value).collect(), steps: 0 }
    }

    fn observe(&self, out: &mut [f32]) {
        for (env, out) in out.chunks_exact_mut(WIDTH).enumerate() {
            let row = (self.steps * NUM_ENVS + env) % 997;
            out.copy_from_slice(&self.table[row * WIDTH..(row + 1) * WIDTH]);
        }
    }
}

impl VectorTask for Free {
    fn num_envs(&self) -> usize {
        NUM_ENVS
    }
    fn observation_size(&self) -> usize {
        WIDTH
    }
    fn num_actions(&self) -> usize {
        ACTIONS
    }
    fn reset(&mut self, _: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        action_masks.fill(true);
        self.observe(observations);
    }
    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        self.steps += 1;
        for (env, action) in actions.iter().enumerate() {
            buffers.rewards[env] = (*action % 3) as f64 - 1.0;
            buffers.terminated[env] = false;
            buffers.truncated[env] = (self.steps + env).is_multiple_of(200);
        }
        self.observe(buffers.observations);
        buffers.final_observations.copy_from_slice(buffers.observations);
    }
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
    fn restore(&mut self, _: &[u8], _: &mut [f32], _: &mut [bool]) -> Result<(), String> {
        Ok(())
    }
}

/// Adds up the time in which the environments step.
struct Timed<T> {
    task: T,
    seconds: std::sync::Arc<std::sync::Mutex<f64>>,
}

impl<T: VectorTask> VectorTask for Timed<T> {
    fn num_envs(&self) -> usize {
        self.task.num_envs()
    }
    fn observation_size(&self) -> usize {
        self.task.observation_size()
    }
    fn num_actions(&self) -> usize {
        self.task.num_actions()
    }
    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        self.task.reset(seed, observations, action_masks);
    }
    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        let started = Instant::now();
        self.task.step(actions, buffers);
        if let Ok(mut seconds) = self.seconds.lock() {
            *seconds += started.elapsed().as_secs_f64();
        }
    }
    fn save(&self) -> Vec<u8> {
        self.task.save()
    }
    fn restore(&mut self, bytes: &[u8], observations: &mut [f32], masks: &mut [bool]) -> Result<(), String> {
        self.task.restore(bytes, observations, masks)
    }
}

/// Median and 99th percentile of the time that a policy takes for one observation, in microseconds.
fn decision_us(network: &Network) -> [f64; 2] {
    let mut policy = CheckpointPolicy::from_network("ppo", network.clone());
    let observation = Array2::from_shape_fn((1, network.observation_size()), |(_, column)| (column % 7) as f32 * 0.1);
    let mask = Array2::from_elem((1, network.num_actions()), true);
    let mut actions = [0];
    let mut times: Vec<f64> = (0..20_000)
        .map(|_| {
            let started = Instant::now();
            policy.act(observation.view(), mask.view(), &[false], &mut actions);
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[times.len() * 99 / 100]]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let config = PpoConfig {
        num_envs: NUM_ENVS,
        activation: Activation::Tanh,
        memory: arguments.memory,
        ..PpoConfig::default()
    };
    let seconds = std::sync::Arc::new(std::sync::Mutex::new(0.0));
    let task: Box<dyn VectorTask> = match arguments.task {
        Task::Free => Box::new(Timed { task: Free::new(), seconds: seconds.clone() }),
        Task::Cluster => {
            let topology = Topology::new(Scenario::load(&arguments.scenario)?)?;
            let task = ClusterTask::new(topology, NUM_ENVS, arguments.threads, true)?;
            Box::new(Timed { task, seconds: seconds.clone() })
        }
    };
    let (width, num_actions) = (task.observation_size(), task.num_actions());
    let mut learner = PpoLearner::new(config, task, u64::MAX / 2, 1, arguments.threads)?;
    learner.iterate()?;
    if let Ok(mut seconds) = seconds.lock() {
        *seconds = 0.0;
    }
    let (first, started) = (learner.step(), Instant::now());
    for _ in 0..arguments.rollouts {
        learner.iterate()?;
    }
    let elapsed = started.elapsed().as_secs_f64();
    let rate = (learner.step() - first) as f64 / elapsed;
    let in_task = seconds.lock().map_or(0.0, |seconds| *seconds) / elapsed;
    // Four epochs of a forward pass and two products backward, and one forward pass to act.
    let products = 2 * (width * 128 + 128 * 128) + 128 * (num_actions + 1);
    let operations = 2.0 * products as f64 * (4.0 * 3.0 + 1.0) - 2.0 * 4.0 * 2.0 * (width * 128) as f64;
    println!(
        "{rate:.0} samples/s on {} threads, {:.1} % of the time in the environments, {:.1} GFLOP/s in matrix products",
        arguments.threads,
        100.0 * in_task,
        rate * operations / 1e9
    );
    let [median, p99] = decision_us(learner.network());
    println!("one decision: median {median:.1} us, 99th percentile {p99:.1} us");
    Ok(())
}
