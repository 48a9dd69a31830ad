//! What was experienced, each observation once: a ring of steps of all environments.

use std::collections::VecDeque;

/// What a row's episode did: bits of [`Replay::ends`].
pub(super) const TERMINATED: u8 = 1;
/// The other bit.
pub(super) const TRUNCATED: u8 = 2;

/// The sizes of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayShape {
    /// Steps that the ring holds; each is a row per environment.
    pub steps: usize,
    /// Environments.
    pub num_envs: usize,
    /// Features per observation.
    pub observation_size: usize,
    /// Actions, at most 65,536.
    pub num_actions: usize,
}

impl ReplayShape {
    /// Transitions that the ring holds.
    pub fn rows(&self) -> usize {
        self.steps * self.num_envs
    }

    /// Bytes of a row's action mask, a bit per action.
    pub fn mask_bytes(&self) -> usize {
        self.num_actions.div_ceil(8)
    }

    /// Bytes that a transition takes in a full ring, without the last observations of episodes: features of four bytes, the
    /// mask, the action, the reward and how its episode went on.
    pub fn bytes_per_transition(&self) -> usize {
        4 * self.observation_size + self.mask_bytes() + size_of::<u16>() + size_of::<f32>() + size_of::<u8>()
    }
}

/// One step of all environments, as [`Replay::push`] takes it.
#[derive(Debug, Clone, Copy)]
pub struct ReplayStep<'a> {
    /// `[num_envs, observation_size]`, raw, as the actions were chosen by them.
    pub observations: &'a [f32],
    /// `[num_envs, num_actions]`, of the same moment.
    pub action_masks: &'a [bool],
    /// `[num_envs]`.
    pub actions: &'a [usize],
    /// `[num_envs]`.
    pub rewards: &'a [f64],
    /// `[num_envs]`, true where the step ended its episode and nothing follows.
    pub terminated: &'a [bool],
    /// `[num_envs]`, true where the step's episode was cut off.
    pub truncated: &'a [bool],
    /// `[num_envs, observation_size]`; rows that were truncated hold the last observation.
    pub final_observations: &'a [f32],
    /// `[num_envs, num_actions]`; rows that were truncated hold the actions legal at the last observation.
    pub final_action_masks: &'a [bool],
}

/// The observation with which a truncated episode ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FinalObservation {
    /// Step times `num_envs` plus environment, counted from the run's beginning.
    pub row: u64,
    pub observation: Box<[f32]>,
    pub mask: Box<[u8]>,
}

/// A ring of steps x environments in which the newest step overwrites the oldest.
///
/// The observation that followed a step is the next step's in the same environment, and is not stored again; only where an
/// episode was truncated, the one after it belongs to another episode, and the last one is kept aside. Observations are raw
/// `f32`: they are normalised when they are drawn, with the statistics of that moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub(super) shape: ReplayShape,
    /// Steps pushed since the run's beginning.
    pub(super) pushed: u64,
    pub(super) observations: Vec<f32>,
    pub(super) masks: Vec<u8>,
    pub(super) actions: Vec<u16>,
    pub(super) rewards: Vec<f32>,
    pub(super) ends: Vec<u8>,
    /// In the order of their rows.
    pub(super) finals: VecDeque<FinalObservation>,
}

impl Replay {
    /// An empty replay, whose memory is set aside.
    ///
    /// # Errors
    /// A shape without rows or with more actions than two bytes name, and memory that the system does not give.
    pub fn new(shape: ReplayShape) -> Result<Self, String> {
        if shape.steps == 0 || shape.num_envs == 0 || shape.observation_size == 0 {
            return Err("a replay without steps, environments or features".into());
        }
        if !(1..=1 << 16).contains(&shape.num_actions) {
            return Err(format!("{} actions; allowed: 1 to 65536", shape.num_actions));
        }
        let refused = || {
            let bytes = (shape.steps as u128) * (shape.num_envs as u128) * (shape.bytes_per_transition() as u128);
            format!("a replay of {} MiB does not fit into memory", bytes >> 20)
        };
        let rows = shape.steps.checked_mul(shape.num_envs).ok_or_else(refused)?;
        let sized = |width: usize| rows.checked_mul(width).ok_or_else(refused);
        Ok(Self {
            shape,
            pushed: 0,
            observations: set_aside(sized(shape.observation_size)?).ok_or_else(refused)?,
            masks: set_aside(sized(shape.mask_bytes())?).ok_or_else(refused)?,
            actions: set_aside(rows).ok_or_else(refused)?,
            rewards: set_aside(rows).ok_or_else(refused)?,
            ends: set_aside(rows).ok_or_else(refused)?,
            finals: VecDeque::new(),
        })
    }

    /// The sizes.
    pub fn shape(&self) -> ReplayShape {
        self.shape
    }

    /// Steps pushed since the run's beginning.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Steps that are stored now.
    pub fn stored_steps(&self) -> usize {
        self.pushed.min(self.shape.steps as u64) as usize
    }

    /// Transitions of which the `n_step` following steps are stored, so that they can be drawn.
    pub fn drawable_rows(&self, n_step: usize) -> usize {
        self.stored_steps().saturating_sub(n_step) * self.shape.num_envs
    }

    /// The row in the ring of the `index`-th transition that can be drawn, from the oldest on.
    pub fn drawable_row(&self, index: usize) -> usize {
        let oldest = self.pushed - self.stored_steps() as u64;
        self.slot(oldest + (index / self.shape.num_envs) as u64) * self.shape.num_envs + index % self.shape.num_envs
    }

    /// Where in the ring a step lies that is counted from the run's beginning.
    pub(super) fn slot(&self, step: u64) -> usize {
        (step % self.shape.steps as u64) as usize
    }

    /// Bytes that it takes in memory now.
    pub fn bytes(&self) -> usize {
        let aside = 4 * self.shape.observation_size + self.shape.mask_bytes() + size_of::<FinalObservation>();
        4 * self.observations.capacity()
            + self.masks.capacity()
            + 2 * self.actions.capacity()
            + 4 * self.rewards.capacity()
            + self.ends.capacity()
            + self.finals.len() * aside
    }

    /// Stores a step of all environments in the place of the oldest.
    pub fn push(&mut self, step: &ReplayStep<'_>) {
        let ReplayShape { num_envs, observation_size: width, num_actions, .. } = self.shape;
        let start = self.slot(self.pushed) * num_envs;
        let mask_bytes = self.shape.mask_bytes();
        write(&mut self.observations, start * width, step.observations.iter().copied());
        let masks = step.action_masks.chunks_exact(num_actions).flat_map(bits);
        write(&mut self.masks, start * mask_bytes, masks);
        write(&mut self.actions, start, step.actions.iter().map(|&action| action as u16));
        write(&mut self.rewards, start, step.rewards.iter().map(|&reward| reward as f32));
        let flags = step.terminated.iter().zip(step.truncated);
        let ends = flags.map(|(&terminated, &truncated)| {
            (if terminated { TERMINATED } else { 0 }) | (if truncated { TRUNCATED } else { 0 })
        });
        write(&mut self.ends, start, ends);
        for env in 0..num_envs {
            if self.ends[start + env] == TRUNCATED {
                self.finals.push_back(FinalObservation {
                    row: self.pushed * num_envs as u64 + env as u64,
                    observation: step.final_observations[env * width..(env + 1) * width].into(),
                    mask: bits(&step.final_action_masks[env * num_actions..(env + 1) * num_actions]).collect(),
                });
            }
        }
        self.pushed += 1;
        let oldest = (self.pushed - self.stored_steps() as u64) * num_envs as u64;
        while self.finals.front().is_some_and(|last| last.row < oldest) {
            self.finals.pop_front();
        }
    }
}

fn set_aside<T>(length: usize) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(length).ok()?;
    Some(values)
}

/// Writes values at a position, which is at most the end, and there extends.
fn write<T>(to: &mut Vec<T>, start: usize, mut values: impl Iterator<Item = T>) {
    for (to, value) in to[start..].iter_mut().zip(&mut values) {
        *to = value;
    }
    to.extend(values);
}

/// A mask's bits, the lowest first.
pub(super) fn bits(mask: &[bool]) -> impl Iterator<Item = u8> + '_ {
    mask.chunks(8).map(|part| part.iter().rev().fold(0, |byte, &legal| byte << 1 | u8::from(legal)))
}
