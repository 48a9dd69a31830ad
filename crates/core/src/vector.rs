//! Many clusters stepped together over a thread pool of their own, into slices that the caller owns.

use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;

use crate::{
    environment::{Environment, Transition},
    level::{Level, Split},
    topology::Topology,
};

/// Environments of one task for a thread: enough work to pay for the hand-over, small enough for its cache.
const CHUNK: usize = 16;

/// Why a vector environment could not be made.
#[derive(Debug, Error)]
pub enum VectorError {
    /// No environments, or more than memory is likely to hold.
    #[error("num_envs = {0}; allowed: 1 to 1048576")]
    NumEnvs(usize),
    /// No threads, or far more than any machine has.
    #[error("num_threads = {0}; allowed: 1 to 1024")]
    NumThreads(usize),
    /// The system gave no threads.
    #[error("cannot start {threads} threads: {source}")]
    Pool {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// A batch of independent environments that reset themselves within the step in which an episode ends.
///
/// Environment `i` of a vector reset with seed `s` plays what a single environment reset with `s + i` plays: its `k`-th
/// episode is level `Level::draw(split, s + i, k)`. Threads and batch size cannot change a bit.
pub struct VectorEnvironment {
    environments: Vec<Environment>,
    draws: Vec<u64>,
    transitions: Vec<Transition>,
    seed: u64,
    split: Split,
    pool: Option<rayon::ThreadPool>,
}

/// Where a step writes; rows belong to environments.
pub struct StepBuffers<'a> {
    /// `[num_envs, observation_size]`: the next observation, of a new episode where one ended.
    pub observations: &'a mut [f32],
    /// `[num_envs, num_actions]`: which actions are legal next.
    pub action_masks: &'a mut [bool],
    /// `[num_envs]`.
    pub rewards: &'a mut [f64],
    /// `[num_envs]`.
    pub terminated: &'a mut [bool],
    /// `[num_envs]`.
    pub truncated: &'a mut [bool],
    /// `[num_envs, observation_size]`: the last observation of an episode, written only where one ended.
    pub final_observations: &'a mut [f32],
}

impl VectorEnvironment {
    /// `num_envs` environments of a split over `num_threads` threads; one thread means the caller's own.
    ///
    /// # Errors
    /// Counts out of range, and threads that the system does not give.
    pub fn new(
        topology: Arc<Topology>,
        split: Split,
        num_envs: usize,
        num_threads: usize,
    ) -> Result<Self, VectorError> {
        if !(1..=1 << 20).contains(&num_envs) {
            return Err(VectorError::NumEnvs(num_envs));
        }
        if !(1..=1024).contains(&num_threads) {
            return Err(VectorError::NumThreads(num_threads));
        }
        let pool = if num_threads > 1 && num_envs > CHUNK {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(num_threads);
            Some(builder.build().map_err(|source| VectorError::Pool { threads: num_threads, source })?)
        } else {
            None
        };
        let first = Environment::new(topology.clone());
        let settled = first.settled().clone();
        let mut environments = vec![first];
        environments.resize_with(num_envs, || Environment::with_settled(topology.clone(), settled.clone()));
        let blank = Transition { reward: 0.0, terms: Default::default(), terminated: false, truncated: false };
        Ok(Self { environments, draws: vec![0; num_envs], transitions: vec![blank; num_envs], seed: 0, split, pool })
    }

    /// Number of environments.
    pub fn num_envs(&self) -> usize {
        self.environments.len()
    }

    /// The cluster's constants.
    pub fn topology(&self) -> &Arc<Topology> {
        self.environments[0].topology()
    }

    /// The environments, by row.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The environments, by row, to play them otherwise.
    pub fn environments_mut(&mut self) -> &mut [Environment] {
        &mut self.environments
    }

    /// What the last step led to, by row: reward terms included.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// Begins a new episode in every environment; row `i` draws its levels with `seed + i`.
    ///
    /// # Panics
    /// Where a slice's length is not `num_envs` times the row's size.
    pub fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        self.seed = seed;
        self.draws.fill(1);
        let (width, actions) = (self.topology().observation_size(), self.topology().num_actions());
        assert_eq!(observations.len(), self.num_envs() * width, "observations");
        assert_eq!(action_masks.len(), self.num_envs() * actions, "action_masks");
        let rows = observations.chunks_exact_mut(width).zip(action_masks.chunks_exact_mut(actions));
        for ((index, environment), (observation, mask)) in self.environments.iter_mut().enumerate().zip(rows) {
            environment.reset(Level::draw(self.split, seed.wrapping_add(index as u64), 0));
            environment.observe(observation);
            environment.action_mask(mask);
        }
    }

    /// Plays one decision in every environment.
    ///
    /// # Panics
    /// Where a slice's length is not `num_envs` times the row's size.
    pub fn step(&mut self, actions: &[usize], buffers: &mut StepBuffers<'_>) {
        let (width, num_actions) = (self.topology().observation_size(), self.topology().num_actions());
        let n = self.num_envs();
        assert_eq!(actions.len(), n, "actions");
        assert_eq!(buffers.observations.len(), n * width, "observations");
        assert_eq!(buffers.action_masks.len(), n * num_actions, "action_masks");
        assert_eq!(buffers.final_observations.len(), n * width, "final_observations");
        assert!(buffers.rewards.len() == n && buffers.terminated.len() == n && buffers.truncated.len() == n, "flags");
        let (seed, split) = (self.seed, self.split);
        let play = |(index, row): (usize, Row<'_>)| row.play(split, seed.wrapping_add(index as u64));
        // Every row's buffers are taken apart once, so that both ways of stepping run the same code.
        let environments = self.environments.par_iter_mut();
        let rows = environments
            .zip(self.draws.par_iter_mut())
            .zip(self.transitions.par_iter_mut())
            .zip(actions.par_iter())
            .zip(buffers.observations.par_chunks_exact_mut(width))
            .zip(buffers.action_masks.par_chunks_exact_mut(num_actions))
            .zip(buffers.final_observations.par_chunks_exact_mut(width));
        if let Some(pool) = &self.pool {
            pool.install(|| {
                rows.with_min_len(CHUNK).enumerate().for_each(
                    |(index, ((((((environment, draws), transition), &action), observation), mask), last))| {
                        play((index, Row { environment, draws, transition, action, observation, mask, last }));
                    },
                );
            });
        } else {
            let rows = self
                .environments
                .iter_mut()
                .zip(&mut self.draws)
                .zip(&mut self.transitions)
                .zip(actions)
                .zip(buffers.observations.chunks_exact_mut(width))
                .zip(buffers.action_masks.chunks_exact_mut(num_actions))
                .zip(buffers.final_observations.chunks_exact_mut(width));
            for (index, ((((((environment, draws), transition), &action), observation), mask), last)) in
                rows.enumerate()
            {
                play((index, Row { environment, draws, transition, action, observation, mask, last }));
            }
        }
        for (index, transition) in self.transitions.iter().enumerate() {
            buffers.rewards[index] = transition.reward;
            buffers.terminated[index] = transition.terminated;
            buffers.truncated[index] = transition.truncated;
        }
    }
}

/// One environment and its places in the batch's buffers.
struct Row<'a> {
    environment: &'a mut Environment,
    draws: &'a mut u64,
    transition: &'a mut Transition,
    action: usize,
    observation: &'a mut [f32],
    mask: &'a mut [bool],
    last: &'a mut [f32],
}

impl Row<'_> {
    fn play(self, split: Split, seed: u64) {
        let transition = self.environment.step(self.action);
        *self.transition = transition;
        if transition.terminated || transition.truncated {
            self.environment.observe(self.last);
            self.environment.reset(Level::draw(split, seed, *self.draws));
            *self.draws += 1;
        }
        self.environment.observe(self.observation);
        self.environment.action_mask(self.mask);
    }
}
