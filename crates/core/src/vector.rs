//! Many clusters stepped together over a thread pool of their own, into slices that the caller owns.

use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;

use crate::{
    environment::{Environment, Transition},
    level::{LevelDraws, Split, Start},
    snapshot::SnapshotError,
    topology::Topology,
};

/// Environments of one task for a thread: enough work to pay for the hand-over, small enough for its cache.
const CHUNK: usize = 16;
/// More environments than memory is likely to hold.
const MOST_ENVS: usize = 1 << 20;

/// Why a vector environment could not be made.
#[derive(Debug, Error)]
pub enum VectorError {
    /// No environments, or more than memory is likely to hold.
    #[error("num_envs = {0}; allowed: 1 to 1048576")]
    NumEnvs(usize),
    /// No threads, or far more than any machine has.
    #[error("num_threads = {0}; allowed: 1 to 1024")]
    NumThreads(usize),
    /// Environments of one batch have rows of one size.
    #[error(
        "environment {row} has {found_observation} observed features and {found_actions} actions; allowed: {observation} \
         and {actions}, as environment 0"
    )]
    Shapes {
        /// The first environment that differs.
        row: usize,
        /// Its features.
        found_observation: usize,
        /// Its actions.
        found_actions: usize,
        /// The features of environment 0.
        observation: usize,
        /// The actions of environment 0.
        actions: usize,
    },
    /// The system gave no threads.
    #[error("cannot start {threads} threads: {source}")]
    Pool {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// When an environment whose episode has ended begins the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Autoreset {
    /// In the next step, which ignores the action and returns the first observation and a reward of 0.
    NextStep,
    /// In the step in which the episode ends, whose last observation goes to `final_observations`.
    #[default]
    SameStep,
    /// When the caller resets it. Stepped on past its end, an environment goes on being truncated.
    Disabled,
}

/// A batch of independent environments, over one topology or several whose rows have equal sizes.
///
/// Environment `i` of a vector reset with seed `s` plays what a single environment reset with `s + i` plays: its `k`-th
/// episode is level `Level::draw(split, s + i, k)`. Threads and batch size cannot change a bit.
pub struct VectorEnvironment {
    environments: Vec<Environment>,
    draws: Vec<LevelDraws>,
    ended: Vec<bool>,
    transitions: Vec<Transition>,
    autoreset: Autoreset,
    num_threads: usize,
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
    /// `[num_envs, observation_size]`: the last observation of an episode, written only where one ended and the next
    /// began in the same step.
    pub final_observations: &'a mut [f32],
}

impl VectorEnvironment {
    /// `num_envs` environments of a split over `num_threads` threads, which reset themselves in the step in which an episode
    /// ends; one thread means the caller's own.
    ///
    /// # Errors
    /// Counts out of range, and threads that the system does not give.
    pub fn new(
        topology: Arc<Topology>,
        split: Split,
        num_envs: usize,
        num_threads: usize,
    ) -> Result<Self, VectorError> {
        if !(1..=MOST_ENVS).contains(&num_envs) {
            return Err(VectorError::NumEnvs(num_envs));
        }
        Self::mixed(&vec![topology; num_envs], split, Autoreset::default(), num_threads)
    }

    /// One environment for each of the topologies, which may be the same or differ, as long as their observations and
    /// actions have equal sizes.
    ///
    /// # Errors
    /// As [`VectorEnvironment::new`], and sizes that differ.
    pub fn mixed(
        topologies: &[Arc<Topology>],
        split: Split,
        autoreset: Autoreset,
        num_threads: usize,
    ) -> Result<Self, VectorError> {
        let num_envs = topologies.len();
        if !(1..=MOST_ENVS).contains(&num_envs) {
            return Err(VectorError::NumEnvs(num_envs));
        }
        if !(1..=1024).contains(&num_threads) {
            return Err(VectorError::NumThreads(num_threads));
        }
        let sizes = |topology: &Topology| (topology.observation_size(), topology.num_actions());
        let (observation, actions) = sizes(&topologies[0]);
        if let Some(row) = topologies.iter().position(|topology| sizes(topology) != (observation, actions)) {
            let (found_observation, found_actions) = sizes(&topologies[row]);
            return Err(VectorError::Shapes { row, found_observation, found_actions, observation, actions });
        }
        let mut environments: Vec<Environment> = Vec::with_capacity(num_envs);
        for topology in topologies {
            // Environments of a topology share the state in which it has settled.
            let known = environments.iter().rev().find(|known| Arc::ptr_eq(known.topology(), topology));
            environments.push(match known.map(|known| known.settled().clone()) {
                Some(settled) => Environment::with_settled(topology.clone(), settled),
                None => Environment::new(topology.clone()),
            });
        }
        let blank = Transition::default();
        Ok(Self {
            environments,
            draws: vec![LevelDraws::new(split, 0); num_envs],
            ended: vec![false; num_envs],
            transitions: vec![blank; num_envs],
            autoreset,
            num_threads,
            pool: pool(num_envs, num_threads)?,
        })
    }

    /// Starts the threads anew: those of a parent process do not exist in a forked child.
    ///
    /// # Errors
    /// Threads that the system does not give.
    pub fn restart_threads(&mut self) -> Result<(), VectorError> {
        let fresh = pool(self.num_envs(), self.num_threads)?;
        // To end the old pool is to wait for locks that a thread of the parent may have held.
        std::mem::forget(std::mem::replace(&mut self.pool, fresh));
        Ok(())
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

    /// Which environments' episodes have ended and not begun anew, by row.
    pub fn ended(&self) -> &[bool] {
        &self.ended
    }

    /// What each row's seed draws next.
    pub fn draws(&self) -> &[LevelDraws] {
        &self.draws
    }

    /// The threads of the batch; none where it runs on the caller's.
    pub fn pool(&self) -> Option<&rayon::ThreadPool> {
        self.pool.as_ref()
    }

    /// Lets a row draw its levels with another seed from its next reset on.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn seed_row(&mut self, row: usize, seed: u64) {
        self.draws[row] = LevelDraws::new(self.draws[row].split(), seed);
    }

    /// Puts a row where a snapshot was taken.
    ///
    /// # Errors
    /// As [`Environment::restore`]; the row then stays as it was.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn restore_row(
        &mut self,
        row: usize,
        snapshot: &[u8],
        draws: LevelDraws,
        ended: bool,
    ) -> Result<(), SnapshotError> {
        self.environments[row].restore(snapshot)?;
        (self.draws[row], self.ended[row]) = (draws, ended);
        Ok(())
    }

    /// Begins a new episode in every environment; row `i` draws its levels with `seed + i`.
    ///
    /// # Panics
    /// Where a slice's length is not `num_envs` times the row's size.
    pub fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        let starts: Vec<Option<Start>> =
            (0..self.num_envs() as u64).map(|row| Some(Start::Seed(seed.wrapping_add(row)))).collect();
        self.reset_rows(&starts, observations, action_masks);
    }

    /// Begins a new episode in every environment that has a start here, and writes its row; the others' stay as they are.
    ///
    /// # Panics
    /// Where a slice's length is not `num_envs` times the row's size.
    pub fn reset_rows(&mut self, starts: &[Option<Start>], observations: &mut [f32], action_masks: &mut [bool]) {
        let (width, num_actions) = (self.topology().observation_size(), self.topology().num_actions());
        assert_eq!(starts.len(), self.num_envs(), "starts");
        assert_eq!(observations.len(), self.num_envs() * width, "observations");
        assert_eq!(action_masks.len(), self.num_envs() * num_actions, "action_masks");
        let rows = (self.environments.par_iter_mut().zip(&mut self.draws).zip(&mut self.ended))
            .zip(&mut self.transitions)
            .zip(starts)
            .zip(observations.par_chunks_exact_mut(width))
            .zip(action_masks.par_chunks_exact_mut(num_actions));
        let begin = |((((((environment, draws), ended), transition), start), observation), mask): Beginning<'_>| {
            let Some(start) = *start else { return };
            environment.reset(draws.begin(start));
            environment.observe(observation);
            environment.action_mask(mask);
            (*ended, *transition) = (false, Transition::default());
        };
        match &self.pool {
            Some(pool) => pool.install(|| rows.with_min_len(CHUNK).for_each(begin)),
            None => {
                let rows = (self.environments.iter_mut().zip(&mut self.draws).zip(&mut self.ended))
                    .zip(&mut self.transitions)
                    .zip(starts)
                    .zip(observations.chunks_exact_mut(width))
                    .zip(action_masks.chunks_exact_mut(num_actions));
                rows.for_each(begin);
            }
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
        let autoreset = self.autoreset;
        // Every row's buffers are taken apart once, so that both ways of stepping run the same code.
        let environments = self.environments.par_iter_mut();
        let rows = environments
            .zip(self.draws.par_iter_mut())
            .zip(self.ended.par_iter_mut())
            .zip(self.transitions.par_iter_mut())
            .zip(actions.par_iter())
            .zip(buffers.observations.par_chunks_exact_mut(width))
            .zip(buffers.action_masks.par_chunks_exact_mut(num_actions))
            .zip(buffers.final_observations.par_chunks_exact_mut(width));
        if let Some(pool) = &self.pool {
            pool.install(|| {
                rows.with_min_len(CHUNK).for_each(
                    |(((((((environment, draws), ended), transition), &action), observation), mask), last)| {
                        Row { environment, draws, ended, transition, action, observation, mask, last }.play(autoreset);
                    },
                );
            });
        } else {
            let rows = self
                .environments
                .iter_mut()
                .zip(&mut self.draws)
                .zip(&mut self.ended)
                .zip(&mut self.transitions)
                .zip(actions)
                .zip(buffers.observations.chunks_exact_mut(width))
                .zip(buffers.action_masks.chunks_exact_mut(num_actions))
                .zip(buffers.final_observations.chunks_exact_mut(width));
            for (((((((environment, draws), ended), transition), &action), observation), mask), last) in rows {
                Row { environment, draws, ended, transition, action, observation, mask, last }.play(autoreset);
            }
        }
        for (index, transition) in self.transitions.iter().enumerate() {
            buffers.rewards[index] = transition.reward;
            buffers.terminated[index] = transition.terminated;
            buffers.truncated[index] = transition.truncated;
        }
    }
}

/// Threads of a batch's own; none for a batch that a thread finishes before another has woken up.
fn pool(num_envs: usize, num_threads: usize) -> Result<Option<rayon::ThreadPool>, VectorError> {
    if num_threads == 1 || num_envs <= CHUNK {
        return Ok(None);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build();
    pool.map(Some).map_err(|source| VectorError::Pool { threads: num_threads, source })
}

/// An environment, its levels, whether its episode has ended, its last transition, its start, and its row.
type Beginning<'a> = (
    (
        ((((&'a mut Environment, &'a mut LevelDraws), &'a mut bool), &'a mut Transition), &'a Option<Start>),
        &'a mut [f32],
    ),
    &'a mut [bool],
);

/// One environment and its places in the batch's buffers.
struct Row<'a> {
    environment: &'a mut Environment,
    draws: &'a mut LevelDraws,
    ended: &'a mut bool,
    transition: &'a mut Transition,
    action: usize,
    observation: &'a mut [f32],
    mask: &'a mut [bool],
    last: &'a mut [f32],
}

impl Row<'_> {
    fn play(self, autoreset: Autoreset) {
        if *self.ended && autoreset == Autoreset::NextStep {
            self.environment.reset(self.draws.begin(Start::Next));
            *self.transition = Transition::default();
            *self.ended = false;
        } else {
            *self.transition = self.environment.step(self.action);
            let ended = self.transition.terminated || self.transition.truncated;
            if ended && autoreset == Autoreset::SameStep {
                self.environment.observe(self.last);
                self.environment.reset(self.draws.begin(Start::Next));
            }
            *self.ended = ended && autoreset != Autoreset::SameStep;
        }
        self.environment.observe(self.observation);
        self.environment.action_mask(self.mask);
    }
}
