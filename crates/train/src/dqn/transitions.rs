//! Batches of transitions with n-step returns, made from the replay's rows when they are drawn.

use super::replay::{FinalObservation, Replay, TERMINATED, TRUNCATED};

/// How rewards are learned from: `clamp(reward * factor, -limit, limit)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardScale {
    /// One over the running standard deviation of the discounted return, or 1.
    pub factor: f64,
    /// Largest magnitude of a reward, or infinity.
    pub limit: f64,
}

impl RewardScale {
    /// Rewards as they are.
    pub const IDENTITY: Self = Self { factor: 1.0, limit: f64::INFINITY };
}

/// Transitions of `n_step` decisions or fewer, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TransitionBatch {
    /// Raw observations, `[rows, observation_size]`.
    pub observations: Vec<f32>,
    /// Actions taken, `[rows]`.
    pub actions: Vec<usize>,
    /// Discounted sums of the rewards until the next observation, `[rows]`.
    pub returns: Vec<f32>,
    /// What the next observation's value is multiplied with, `[rows]`: the discount to the power of the decisions between, and
    /// 0 where the episode terminated.
    pub discounts: Vec<f32>,
    /// Raw observations after those decisions, zeros where the episode terminated, `[rows, observation_size]`.
    pub next_observations: Vec<f32>,
    /// Actions legal there, none where the episode terminated, `[rows, num_actions]`.
    pub next_action_masks: Vec<bool>,
}

/// Where a transition leads.
enum Next<'a> {
    Nothing,
    Row(usize),
    Final(&'a FinalObservation),
}

impl Replay {
    /// Fills `out` with the transitions that begin at rows of the ring (see [`Replay::drawable_row`]).
    ///
    /// A return sums the rewards of `n_step` decisions in a row of the same environment and ends early where the episode did:
    /// after a terminated step nothing follows, after a truncated one the episode's last observation. Rows that cannot be
    /// drawn have no next observation yet; theirs counts as terminated, so that no return reaches over the ring's head.
    pub fn gather(&self, rows: &[usize], n_step: usize, gamma: f64, scale: RewardScale, out: &mut TransitionBatch) {
        let (width, mask_bytes) = (self.shape().observation_size, self.shape().mask_bytes());
        out.clear();
        for &row in rows {
            out.observations.extend_from_slice(&self.observations[row * width..(row + 1) * width]);
            out.actions.push(usize::from(self.actions[row]));
            let (sum, discount, next) = self.look_ahead(row, n_step, gamma, scale);
            out.returns.push(sum as f32);
            let (observation, mask) = match next {
                Next::Nothing => {
                    out.discounts.push(0.0);
                    out.next_observations.resize(out.observations.len(), 0.0);
                    out.next_action_masks.resize(out.actions.len() * self.shape().num_actions, false);
                    continue;
                }
                Next::Row(next) => (
                    &self.observations[next * width..(next + 1) * width],
                    &self.masks[next * mask_bytes..(next + 1) * mask_bytes],
                ),
                Next::Final(last) => (&*last.observation, &*last.mask),
            };
            out.discounts.push(discount as f32);
            out.next_observations.extend_from_slice(observation);
            let legal = (0..self.shape().num_actions).map(|action| mask[action / 8] >> (action % 8) & 1 == 1);
            out.next_action_masks.extend(legal);
        }
    }

    /// The sum of the discounted rewards from a row on, the discount of what comes after, and that.
    fn look_ahead(&self, row: usize, n_step: usize, gamma: f64, scale: RewardScale) -> (f64, f64, Next<'_>) {
        let num_envs = self.shape().num_envs;
        let (mut slot, env) = (row / num_envs, row % num_envs);
        // The newest step's distance: beyond it lies the oldest, or nothing.
        let newest = self.slot(self.pushed() + self.shape().steps as u64 - 1);
        let ahead = (newest + self.shape().steps - slot) % self.shape().steps;
        let (mut sum, mut discount) = (0.0, 1.0);
        for distance in 0..n_step.min(ahead + 1) {
            let row = slot * num_envs + env;
            let reward = f64::from(self.rewards[row]) * scale.factor;
            sum += discount * reward.clamp(-scale.limit, scale.limit);
            discount *= gamma;
            if self.ends[row] & TERMINATED != 0 {
                return (sum, 0.0, Next::Nothing);
            }
            if self.ends[row] & TRUNCATED != 0 {
                let step = self.pushed() - 1 - (ahead - distance) as u64;
                let last = self.final_observation(step * num_envs as u64 + env as u64);
                return (sum, discount, last.map_or(Next::Nothing, Next::Final));
            }
            slot = (slot + 1) % self.shape().steps;
        }
        let next = if n_step <= ahead { Next::Row(slot * num_envs + env) } else { Next::Nothing };
        (sum, discount, next)
    }

    fn final_observation(&self, row: u64) -> Option<&FinalObservation> {
        let found = self.finals.binary_search_by_key(&row, |last| last.row).ok()?;
        self.finals.get(found)
    }
}

impl TransitionBatch {
    /// Number of transitions.
    pub fn rows(&self) -> usize {
        self.actions.len()
    }

    fn clear(&mut self) {
        self.observations.clear();
        self.actions.clear();
        self.returns.clear();
        self.discounts.clear();
        self.next_observations.clear();
        self.next_action_masks.clear();
    }
}
