//! How fast environments step together under random legal actions.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use microcloud_core::{Environment, Split, StepBuffers, Topology, VectorEnvironment};
use microcloud_policy::{Policy, RandomPolicy};
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;

use crate::{EvaluationError, Progress, speed::age};

/// The speed of one number of environments on one number of threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Throughput {
    /// The scenario.
    pub scenario: String,
    /// Environments stepped together.
    pub num_envs: usize,
    /// Threads they are stepped on.
    pub threads: usize,
    /// Simulated ticks per second, over all environments.
    pub ticks_per_s: f64,
    /// (service, zone) groups times ticks per second.
    pub group_ticks_per_s: f64,
    /// Decisions per second, over all environments.
    pub steps_per_s: f64,
    /// Ticks that a decision takes.
    pub ticks_per_step: u32,
    /// (service, zone) groups of one environment.
    pub groups: usize,
    /// Calls between services of one environment.
    pub edges: usize,
    /// Numbers in one observation.
    pub observation_size: usize,
    /// Mean bytes of an environment's state after the play, buffers not counted.
    pub state_bytes: usize,
}

/// Steps `num_envs` environments on levels of the split `train`, with faults, telemetry, masks and autoreset, under random
/// legal actions, for `seconds` after a tenth as long to warm up. Environment `i` of `n` starts `i / n` of an episode after
/// its beginning, as batches stand that have been played for long.
///
/// # Errors
/// No environments, no threads, or a caller that asks to stop.
pub fn measure_throughput(
    topology: &Arc<Topology>,
    num_envs: usize,
    threads: usize,
    seconds: f64,
    progress: &dyn Progress,
) -> Result<Throughput, EvaluationError> {
    let environments = VectorEnvironment::new(Arc::clone(topology), Split::Train, num_envs, threads)
        .map_err(|error| EvaluationError::Environments { num_envs, threads, problem: error.to_string() })?;
    let mut stepper = Stepper::new(topology, environments, num_envs, progress)?;
    stepper.run(seconds / 10.0, progress)?;
    let (steps, elapsed) = stepper.run(seconds, progress)?;
    let steps_per_s = steps as f64 * num_envs as f64 / elapsed.as_secs_f64().max(1e-9);
    let scenario = topology.scenario();
    let ticks_per_s = steps_per_s * f64::from(scenario.decision_ticks);
    let environments = stepper.environments.environments();
    Ok(Throughput {
        scenario: scenario.name.clone(),
        num_envs,
        threads,
        ticks_per_s,
        group_ticks_per_s: ticks_per_s * topology.num_groups() as f64,
        steps_per_s,
        ticks_per_step: scenario.decision_ticks,
        groups: topology.num_groups(),
        edges: topology.num_calls(),
        observation_size: topology.observation_size(),
        state_bytes: environments.iter().map(Environment::state_bytes).sum::<usize>() / num_envs.max(1),
    })
}

/// The environments with the buffers that they write into.
struct Stepper {
    environments: VectorEnvironment,
    policy: RandomPolicy,
    num_envs: usize,
    observations: Vec<f32>,
    final_observations: Vec<f32>,
    action_masks: Vec<bool>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    episode_starts: Vec<bool>,
    actions: Vec<usize>,
}

impl Stepper {
    fn new(
        topology: &Topology,
        mut environments: VectorEnvironment,
        num_envs: usize,
        progress: &dyn Progress,
    ) -> Result<Self, EvaluationError> {
        let mut observations = vec![0.0; num_envs * topology.observation_size()];
        let mut action_masks = vec![false; num_envs * topology.num_actions()];
        environments.reset(0, &mut observations, &mut action_masks);
        let episode = topology.scenario().episode_decisions as usize;
        let rows = environments.environments_mut().par_iter_mut().enumerate();
        rows.zip(observations.par_chunks_exact_mut(topology.observation_size()))
            .zip(action_masks.par_chunks_exact_mut(topology.num_actions()))
            .try_for_each(|(((index, environment), observation), mask)| {
                if progress.is_cancelled() {
                    return Err(EvaluationError::Interrupted);
                }
                age(environment, index, observation, mask, index * episode / num_envs);
                Ok(())
            })?;
        Ok(Self {
            environments,
            policy: RandomPolicy::new(0),
            num_envs,
            final_observations: observations.clone(),
            observations,
            action_masks,
            rewards: vec![0.0; num_envs],
            terminated: vec![false; num_envs],
            truncated: vec![false; num_envs],
            episode_starts: vec![true; num_envs],
            actions: vec![0; num_envs],
        })
    }

    /// Steps for so many seconds, at least once; how many steps, and how long they took.
    fn run(&mut self, seconds: f64, progress: &dyn Progress) -> Result<(u64, Duration), EvaluationError> {
        let begin = Instant::now();
        let mut steps = 0;
        while steps == 0 || begin.elapsed().as_secs_f64() < seconds {
            if progress.is_cancelled() {
                return Err(EvaluationError::Interrupted);
            }
            self.step();
            steps += 1;
        }
        Ok((steps, begin.elapsed()))
    }

    fn step(&mut self) {
        let width = |buffer: usize| buffer / self.num_envs;
        let shape = (self.num_envs, width(self.observations.len()));
        let observations = ArrayView2::from_shape(shape, &self.observations);
        let masks = ArrayView2::from_shape((self.num_envs, width(self.action_masks.len())), &self.action_masks);
        // Both buffers were made with these shapes.
        if let (Ok(observations), Ok(masks)) = (observations, masks) {
            self.policy.act(observations, masks, &self.episode_starts, &mut self.actions);
        }
        self.environments.step(
            &self.actions,
            &mut StepBuffers {
                observations: &mut self.observations,
                action_masks: &mut self.action_masks,
                rewards: &mut self.rewards,
                terminated: &mut self.terminated,
                truncated: &mut self.truncated,
                final_observations: &mut self.final_observations,
            },
        );
        for ((start, &terminated), &truncated) in
            self.episode_starts.iter_mut().zip(&self.terminated).zip(&self.truncated)
        {
            *start = terminated || truncated;
        }
    }
}
