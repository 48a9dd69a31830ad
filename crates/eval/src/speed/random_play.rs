//! Environments of one thread that play random legal actions, their episodes as far along as after hours of play.

use std::sync::Arc;

use microcloud_core::{Environment, Level, Phase, Split, Topology, Transition};
use microcloud_policy::{Policy, RandomPolicy};
use ndarray::ArrayView2;

use crate::{EvaluationError, Progress};

/// Seed of the levels and of the actions.
const SEED: u64 = 0;

/// Sees the parts of a step of the batch end.
pub(super) trait Watch {
    /// Plays one environment's decision.
    fn step(&mut self, environment: &mut Environment, action: usize) -> Transition;
    /// The policy has acted for the whole batch.
    fn policy_ended(&mut self) {}
    /// What comes after an environment's decision: observation, mask, reset.
    fn ended(&mut self, _phase: Phase) {}
}

/// Sees nothing.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    fn step(&mut self, environment: &mut Environment, action: usize) -> Transition {
        environment.step(action)
    }
}

/// What `bench` plays, without a thread pool: levels of the split `train`, with faults, telemetry, masks and autoreset. A
/// clone goes on with the same bits.
#[derive(Clone)]
pub(super) struct RandomPlay {
    pub environments: Vec<Environment>,
    policy: RandomPolicy,
    draws: Vec<u64>,
    observations: Vec<f32>,
    final_observations: Vec<f32>,
    action_masks: Vec<bool>,
    rewards: Vec<f64>,
    episode_starts: Vec<bool>,
    actions: Vec<usize>,
}

impl RandomPlay {
    /// Environment `i` of `n` stands `i / n` of an episode after its start, as batches do that have been played for long:
    /// faults and what random actions break come with an episode's age, and so does what a tick costs.
    ///
    /// # Errors
    /// No environments, or a caller that asks to stop.
    pub fn new(topology: &Arc<Topology>, num_envs: usize, progress: &dyn Progress) -> Result<Self, EvaluationError> {
        if progress.is_cancelled() {
            return Err(EvaluationError::Interrupted);
        }
        if num_envs == 0 {
            return Err(EvaluationError::Zero { key: "num_envs" });
        }
        let environment = Environment::new(Arc::clone(topology));
        let mut play = Self {
            environments: vec![environment; num_envs],
            policy: RandomPolicy::new(SEED),
            draws: vec![1; num_envs],
            observations: vec![0.0; num_envs * topology.observation_size()],
            final_observations: vec![0.0; num_envs * topology.observation_size()],
            action_masks: vec![false; num_envs * topology.num_actions()],
            rewards: vec![0.0; num_envs],
            episode_starts: vec![false; num_envs],
            actions: vec![0; num_envs],
        };
        let decisions = topology.scenario().episode_decisions as usize;
        for index in 0..num_envs {
            if progress.is_cancelled() {
                return Err(EvaluationError::Interrupted);
            }
            let (width, num_actions) = (topology.observation_size(), topology.num_actions());
            let observation = &mut play.observations[index * width..][..width];
            let mask = &mut play.action_masks[index * num_actions..][..num_actions];
            let age_of = index * decisions / num_envs;
            play.draws[index] = age(&mut play.environments[index], index, observation, mask, age_of);
        }
        Ok(play)
    }

    pub fn num_envs(&self) -> usize {
        self.environments.len()
    }

    /// Ticks of all environments together in one step.
    pub fn ticks_per_step(&self) -> u64 {
        let ticks = self.environments[0].topology().scenario().decision_ticks;
        u64::from(ticks) * self.num_envs() as u64
    }

    /// Mean bytes of an environment's state.
    pub fn state_bytes(&self) -> usize {
        self.environments.iter().map(Environment::state_bytes).sum::<usize>() / self.num_envs()
    }

    /// One decision in every environment; where an episode ends, the next one begins.
    pub fn step(&mut self, watch: &mut impl Watch) {
        let batch = (self.environments.len(), &self.observations[..], &self.action_masks[..]);
        act(&mut self.policy, batch, &self.episode_starts, &mut self.actions);
        watch.policy_ended();
        let topology = self.environments[0].topology();
        let (width, num_actions) = (topology.observation_size(), topology.num_actions());
        let rows = self
            .environments
            .iter_mut()
            .zip(self.observations.chunks_exact_mut(width))
            .zip(self.final_observations.chunks_exact_mut(width))
            .zip(self.action_masks.chunks_exact_mut(num_actions));
        for (index, (((environment, observation), last), mask)) in rows.enumerate() {
            let transition = watch.step(environment, self.actions[index]);
            let ended = transition.terminated || transition.truncated;
            self.rewards[index] = transition.reward;
            self.episode_starts[index] = ended;
            if ended {
                environment.observe(last);
                watch.ended(Phase::Observation);
                environment.reset(level(index, self.draws[index]));
                self.draws[index] += 1;
                watch.ended(Phase::Reset);
            }
            environment.observe(observation);
            watch.ended(Phase::Observation);
            environment.action_mask(mask);
            watch.ended(Phase::Mask);
        }
    }
}

/// Begins the episodes of a row of a batch and plays so many decisions; returns how many levels it has drawn.
pub(crate) fn age(
    environment: &mut Environment,
    index: usize,
    observation: &mut [f32],
    mask: &mut [bool],
    decisions: usize,
) -> u64 {
    environment.reset(level(index, 0));
    let (mut policy, mut action, mut draws) = (RandomPolicy::new(SEED), [0], 1);
    for decision in 0..decisions {
        environment.observe(observation);
        environment.action_mask(mask);
        act(&mut policy, (1, observation, mask), &[decision == 0], &mut action);
        let transition = environment.step(action[0]);
        if transition.terminated || transition.truncated {
            environment.reset(level(index, draws));
            draws += 1;
        }
    }
    environment.observe(observation);
    environment.action_mask(mask);
    draws
}

fn level(index: usize, draw: u64) -> Level {
    Level::draw(Split::Train, SEED + index as u64, draw)
}

/// Lets the policy act on rows of observations and masks.
fn act(policy: &mut RandomPolicy, batch: (usize, &[f32], &[bool]), starts: &[bool], actions: &mut [usize]) {
    let (rows, observations, masks) = batch;
    let observations = ArrayView2::from_shape((rows, observations.len() / rows), observations);
    let masks = ArrayView2::from_shape((rows, masks.len() / rows), masks);
    // Both were made with these shapes.
    if let (Ok(observations), Ok(masks)) = (observations, masks) {
        policy.act(observations, masks, starts, actions);
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::{PhaseWatch, Scenario};

    use super::*;

    struct Counting(u64);

    impl PhaseWatch for Counting {
        fn ended(&mut self, _phase: Phase) {
            self.0 += 1;
        }
    }

    impl Watch for Counting {
        fn step(&mut self, environment: &mut Environment, action: usize) -> Transition {
            environment.step_watched(action, self)
        }
    }

    #[test]
    fn a_watched_play_goes_on_as_an_unwatched_one() -> Result<(), Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let mut plain = RandomPlay::new(&topology, 3, &())?;
        let mut watched = plain.clone();
        let mut counting = Counting(0);
        for _ in 0..100 {
            plain.step(&mut Unwatched);
            watched.step(&mut counting);
        }
        assert!(plain.environments == watched.environments && plain.observations == watched.observations);
        assert!(counting.0 >= 100 * plain.ticks_per_step());
        Ok(())
    }

    #[test]
    fn episodes_are_spread_over_their_length() -> Result<(), Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let play = RandomPlay::new(&topology, 8, &())?;
        let ages: Vec<u32> = play.environments.iter().map(Environment::decision).collect();
        let decisions = topology.scenario().episode_decisions;
        assert!(ages[0] == 0 && ages.iter().any(|&age| age > decisions / 2), "{ages:?}");
        Ok(())
    }
}
