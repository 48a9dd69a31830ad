//! The work whose instructions are counted: the same steps in every run, on every machine, at any time.

use std::{fmt, hint::black_box, str::FromStr, sync::Arc};

use microcloud_core::{
    CounterRng, Environment, Level, Scenario, Split, StepBuffers, Stream, Topology, VectorEnvironment,
};

use super::InstructionError;

/// Decisions that one environment plays: more than an episode has, so that a reset is among them.
pub(super) const STEPS: usize = 260;
/// Levels that are begun.
pub(super) const RESETS: u64 = 200;
/// Environments that are stepped together.
pub const BATCH: usize = 16;
/// Decisions of the batch.
pub(super) const BATCH_STEPS: usize = 60;
/// What levels and actions are drawn from.
const SEED: u64 = 5;

/// What one run does after it has made its environments and drawn its actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing.
    Idle,
    /// Plays no-op on levels without a fault.
    Calm,
    /// Plays random legal actions.
    Step,
    /// Plays them and writes the observation after each.
    Observe,
    /// Plays them and writes the action mask after each.
    Mask,
    /// Begins levels.
    Reset,
    /// Nothing, with a batch of environments.
    BatchIdle,
    /// Plays random legal actions in a batch of environments.
    BatchStep,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 8] =
        [Self::Idle, Self::Calm, Self::Step, Self::Observe, Self::Mask, Self::Reset, Self::BatchIdle, Self::BatchStep];

    /// Plays the part in a scenario.
    ///
    /// # Errors
    /// A scenario that nobody knows, or that describes no cluster.
    pub fn play(self, scenario: &str) -> Result<(), InstructionError> {
        let topology = Topology::new(Scenario::load(scenario)?)?;
        match self {
            Self::BatchIdle | Self::BatchStep => play_batch(&topology, self == Self::BatchStep),
            _ => self.play_one(&topology),
        }
        Ok(())
    }

    /// Every run draws the same actions in an environment of its own, whatever it does then.
    fn play_one(self, topology: &Arc<Topology>) {
        let mut environment = Environment::new(Arc::clone(topology));
        let mut observation = vec![0.0; topology.observation_size()];
        let mut mask = vec![false; topology.num_actions()];
        let train: Vec<Level> = (0..RESETS).map(|k| Level::draw(Split::Train, SEED, k)).collect();
        let calm = topology.draw_levels(Split::Train, SEED, 8, true);
        let mut rng = CounterRng::new(SEED, Stream::Faults, 0);
        let drawn = play_levels(&mut environment, &train, |environment, _| {
            environment.action_mask(&mut mask);
            draw(&mask, &mut rng)
        });
        environment.reset(train[0]);
        match self {
            Self::Calm => {
                play_levels(&mut environment, &calm, |_, _| 0);
            }
            Self::Step => {
                play_levels(&mut environment, &train, |_, step| drawn[step]);
            }
            Self::Observe => {
                play_levels(&mut environment, &train, |environment, step| {
                    environment.observe(&mut observation);
                    black_box(&observation);
                    drawn[step]
                });
            }
            Self::Mask => {
                play_levels(&mut environment, &train, |environment, step| {
                    environment.action_mask(&mut mask);
                    black_box(&mask);
                    drawn[step]
                });
            }
            Self::Reset => {
                for &level in &train {
                    environment.reset(level);
                }
            }
            Self::Idle | Self::BatchIdle | Self::BatchStep => {}
        }
        black_box(&environment);
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Idle => "idle",
            Self::Calm => "calm",
            Self::Step => "step",
            Self::Observe => "observe",
            Self::Mask => "mask",
            Self::Reset => "reset",
            Self::BatchIdle => "batch-idle",
            Self::BatchStep => "batch-step",
        })
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.iter().map(Self::to_string).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.into_iter().find(|part| part.to_string() == text);
        found.ok_or_else(|| format!("unknown part `{text}`; allowed: {}", names()))
    }
}

/// Plays [`STEPS`] decisions, level after level, and returns what was chosen.
fn play_levels(
    environment: &mut Environment,
    levels: &[Level],
    mut choose: impl FnMut(&Environment, usize) -> usize,
) -> Vec<usize> {
    let mut levels = levels.iter().cycle();
    let mut chosen = Vec::with_capacity(STEPS);
    let mut ended = true;
    for step in 0..STEPS {
        if ended && let Some(&level) = levels.next() {
            environment.reset(level);
        }
        let action = choose(environment, step);
        chosen.push(action);
        let transition = environment.step(action);
        ended = transition.terminated || transition.truncated;
    }
    chosen
}

/// One of the legal actions, each as likely as any other.
fn draw(mask: &[bool], rng: &mut CounterRng) -> usize {
    let legal = mask.iter().filter(|&&legal| legal).count();
    let rank = (rng.uniform() * legal as f32) as usize;
    mask.iter().enumerate().filter(|&(_, &legal)| legal).nth(rank).map_or(0, |(action, _)| action)
}

/// Draws the actions of a batch, and plays them once more where that is asked for.
fn play_batch(topology: &Arc<Topology>, again: bool) {
    // The caller's own thread: workers would take turns as the machine pleases.
    let Ok(mut environments) = VectorEnvironment::new(Arc::clone(topology), Split::Train, BATCH, 1) else { return };
    let mut observations = vec![0.0; BATCH * topology.observation_size()];
    let mut last = observations.clone();
    let mut masks = vec![false; BATCH * topology.num_actions()];
    let (mut rewards, mut terminated, mut truncated) = (vec![0.0; BATCH], vec![false; BATCH], vec![false; BATCH]);
    let mut actions = vec![0; BATCH_STEPS * BATCH];
    let mut rng = CounterRng::new(SEED, Stream::Faults, 1);
    for replayed in [false, true] {
        environments.reset(SEED, &mut observations, &mut masks);
        if replayed && !again {
            break;
        }
        for own in actions.chunks_exact_mut(BATCH) {
            if !replayed {
                let rows = masks.chunks_exact(topology.num_actions());
                own.iter_mut().zip(rows).for_each(|(action, mask)| *action = draw(mask, &mut rng));
            }
            environments.step(
                own,
                &mut StepBuffers {
                    observations: &mut observations,
                    action_masks: &mut masks,
                    rewards: &mut rewards,
                    terminated: &mut terminated,
                    truncated: &mut truncated,
                    final_observations: &mut last,
                },
            );
        }
    }
    black_box((&observations, &masks, &rewards));
}
