//! The reward of a decision, in terms that are kept apart and summed once.

use crate::scenario::RewardWeights;

/// The terms of one decision's reward; each is at most zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RewardTerms {
    /// Bad requests over what users offered.
    pub bad_requests: f64,
    /// Latency beyond the objective.
    pub latency: f64,
    /// Cost above the initial provisioning; capacity below it earns nothing.
    pub cost: f64,
    /// The price of the action.
    pub action: f64,
    /// What the remaining decisions would have cost, where total loss ended the episode.
    pub termination: f64,
}

impl RewardTerms {
    /// The reward: the sum of the terms, in their order.
    pub fn sum(&self) -> f64 {
        self.bad_requests + self.latency + self.cost + self.action + self.termination
    }

    /// The terms of a decision with this ratio of bad requests, this latency and cost beyond what is free (both in
    /// [0, 1]), and so many actions, of which some page a human.
    pub(crate) fn new(weights: &RewardWeights, bad: f64, latency: f64, cost: f64, actions: u32, pages: u32) -> Self {
        Self {
            bad_requests: 0.0 - f64::from(weights.bad_requests) * bad,
            latency: 0.0 - f64::from(weights.latency) * latency,
            cost: 0.0 - f64::from(weights.cost) * cost,
            action: 0.0 - f64::from(weights.action) * f64::from(actions) - f64::from(weights.page) * f64::from(pages),
            termination: 0.0,
        }
    }
}
