//! The play that benchmarks time: one environment or a batch, level after level, under no-op or random legal actions.

use std::{sync::Arc, time::Duration};

use criterion::Criterion;
use microcloud_core::{
    CounterRng, Environment, Level, PhaseWatch, Scenario, ScenarioError, Split, StepBuffers, Stream, Topology,
    VectorEnvironment, VectorError,
};

/// What levels and actions are drawn from.
const SEED: u64 = 5;
/// Decisions of random play before anything is timed: those of an episode.
const WARM_UP: usize = 240;
/// Levels that are played in turn.
const LEVELS: usize = 64;

/// The tables of a built-in or generated scenario.
///
/// # Errors
/// An unknown name, or a scenario that describes no cluster.
pub fn topology(name: &str) -> Result<Arc<Topology>, ScenarioError> {
    Topology::new(Scenario::load(name)?)
}

/// criterion with settings under which every benchmark takes some three seconds, and with the command line's.
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args()
}

/// Who acts, and on which levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// No-op on train levels without a fault.
    Calm,
    /// Random legal actions on train levels.
    Random,
}

/// One environment that is played on and on.
pub struct Player {
    environment: Environment,
    play: Play,
    levels: Vec<Level>,
    episodes: usize,
    ended: bool,
    mask: Vec<bool>,
    rng: CounterRng,
}

impl Player {
    /// A player after an episode's decisions.
    pub fn new(topology: &Arc<Topology>, play: Play) -> Self {
        let levels = match play {
            Play::Calm => topology.draw_levels(Split::Train, SEED, LEVELS, true),
            Play::Random => (0..LEVELS as u64).map(|k| Level::draw(Split::Train, SEED, k)).collect(),
        };
        let mut player = Self {
            environment: Environment::new(Arc::clone(topology)),
            play,
            levels,
            episodes: 0,
            ended: true,
            mask: vec![false; topology.num_actions()],
            rng: CounterRng::new(SEED, Stream::Faults, 0),
        };
        for _ in 0..WARM_UP {
            let action = player.choose();
            player.step(action);
        }
        player
    }

    /// The next action, which is legal, in a new episode where the last one has ended.
    pub fn choose(&mut self) -> usize {
        if self.ended {
            self.reset();
        }
        match self.play {
            Play::Calm => 0,
            Play::Random => {
                self.environment.action_mask(&mut self.mask);
                draw(&self.mask, &mut self.rng)
            }
        }
    }

    /// Plays one decision.
    pub fn step(&mut self, action: usize) {
        let transition = self.environment.step(action);
        self.ended = transition.terminated || transition.truncated;
    }

    /// The same, told when each phase of it has ended.
    pub fn step_watched(&mut self, action: usize, watch: &mut impl PhaseWatch) {
        let transition = self.environment.step_watched(action, watch);
        self.ended = transition.terminated || transition.truncated;
    }

    /// Begins the next level.
    pub fn reset(&mut self) {
        let levels = self.levels.len().max(1);
        // Every scenario has levels of both kinds; one without would be played on as it stands.
        if let Some(&level) = self.levels.get(self.episodes % levels) {
            self.environment.reset(level);
        }
        self.episodes += 1;
        self.ended = false;
    }

    /// The environment as it stands.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The environment as it stands, to change it.
    pub fn environment_mut(&mut self) -> &mut Environment {
        &mut self.environment
    }
}

/// A batch of environments on one thread with the buffers that they write into.
pub struct Batch {
    environments: VectorEnvironment,
    observations: Vec<f32>,
    final_observations: Vec<f32>,
    action_masks: Vec<bool>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    actions: Vec<usize>,
    rng: CounterRng,
}

impl Batch {
    /// So many environments, at every age of an episode.
    ///
    /// # Errors
    /// No environments, or more than the library allows.
    pub fn new(topology: &Arc<Topology>, num_envs: usize) -> Result<Self, VectorError> {
        let mut environments = VectorEnvironment::new(Arc::clone(topology), Split::Train, num_envs, 1)?;
        let mut observations = vec![0.0; num_envs * topology.observation_size()];
        let mut action_masks = vec![false; num_envs * topology.num_actions()];
        environments.reset(SEED, &mut observations, &mut action_masks);
        let mut rng = CounterRng::new(SEED, Stream::Faults, 1);
        let (width, num_actions) = (topology.observation_size(), topology.num_actions());
        for (index, environment) in environments.environments_mut().iter_mut().enumerate() {
            let mask = &mut action_masks[index * num_actions..][..num_actions];
            for _ in 0..index * WARM_UP / num_envs {
                environment.action_mask(mask);
                let transition = environment.step(draw(mask, &mut rng));
                if transition.terminated || transition.truncated {
                    environment.reset(Level::draw(Split::Train, SEED + index as u64, 1));
                }
            }
            environment.observe(&mut observations[index * width..][..width]);
            environment.action_mask(mask);
        }
        Ok(Self {
            environments,
            final_observations: observations.clone(),
            observations,
            action_masks,
            rewards: vec![0.0; num_envs],
            terminated: vec![false; num_envs],
            truncated: vec![false; num_envs],
            actions: vec![0; num_envs],
            rng,
        })
    }

    /// Draws a legal action for every environment.
    pub fn draw_actions(&mut self) {
        let width = self.environments.topology().num_actions();
        for (action, mask) in self.actions.iter_mut().zip(self.action_masks.chunks_exact(width)) {
            *action = draw(mask, &mut self.rng);
        }
    }

    /// Plays one decision in every environment: observations, masks and the resets of ended episodes are part of it.
    pub fn step(&mut self) {
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
    }
}

/// One of the legal actions, each as likely as any other.
fn draw(mask: &[bool], rng: &mut CounterRng) -> usize {
    let legal = mask.iter().filter(|&&legal| legal).count();
    let rank = (rng.uniform() * legal as f32) as usize;
    mask.iter().enumerate().filter(|&(_, &legal)| legal).nth(rank).map_or(0, |(action, _)| action)
}
