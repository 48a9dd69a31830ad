//! The wrapper that holds a policy to a role.

use std::{collections::VecDeque, sync::Arc};

use microcloud_core::Topology;
use ndarray::{Array2, ArrayView2};

use super::Authority;
use crate::{Policy, approval::ActionRecord};

/// Seconds in which actions count against the hour's budget.
const HOUR_S: f64 = 3_600.0;

/// One environment's use of a role's budgets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorityState {
    decisions: u64,
    actions: u32,
    /// When the actions of the last hour were sent, in seconds from the episode's start.
    sent_s: VecDeque<f64>,
    refused: u32,
}

impl AuthorityState {
    /// Actions sent in the episode.
    pub fn actions(&self) -> u32 {
        self.actions
    }

    /// Actions that the policy sent all the same and that were refused.
    pub fn refused(&self) -> u32 {
        self.refused
    }
}

/// A policy that sees only what a role may send, and sends nothing else.
pub struct AuthorityPolicy {
    name: String,
    policy: Box<dyn Policy>,
    authority: Arc<Authority>,
    decision_s: f64,
    states: Vec<AuthorityState>,
    pub(super) masks: Array2<bool>,
}

impl AuthorityPolicy {
    /// Holds a policy to a role; results are reported as `authority(<role>):<policy>`.
    pub fn new(policy: Box<dyn Policy>, authority: Arc<Authority>, topology: &Topology) -> Self {
        let scenario = topology.scenario();
        Self {
            name: format!("authority({}):{}", authority.role(), policy.name()),
            policy,
            authority,
            decision_s: f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0,
            states: Vec::new(),
            masks: Array2::from_elem((0, 0), false),
        }
    }

    /// An environment's use of the budgets, by its place in the batch.
    pub fn state(&self, row: usize) -> Option<&AuthorityState> {
        self.states.get(row)
    }
}

impl Policy for AuthorityPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        self.states.resize_with(actions.len(), AuthorityState::default);
        if self.masks.dim() != action_masks.dim() {
            self.masks = Array2::from_elem(action_masks.dim(), false);
        }
        for (row, state) in self.states.iter_mut().enumerate() {
            if episode_starts[row] {
                *state = AuthorityState::default();
            }
            let now_s = state.decisions as f64 * self.decision_s;
            while state.sent_s.front().is_some_and(|&sent_s| now_s - sent_s >= HOUR_S) {
                state.sent_s.pop_front();
            }
            let left = state.actions < self.authority.max_actions_per_episode
                && state.sent_s.len() < self.authority.max_actions_per_hour as usize;
            for (action, (narrow, &legal)) in self.masks.row_mut(row).iter_mut().zip(action_masks.row(row)).enumerate()
            {
                *narrow = legal && (action == 0 || left && self.authority.permits(action));
            }
        }
        self.policy.act(observations, self.masks.view(), episode_starts, actions);
        for (row, (state, action)) in self.states.iter_mut().zip(actions).enumerate() {
            if *action != 0 && !self.masks.get([row, *action]).copied().unwrap_or(false) {
                *action = 0;
                state.refused += 1;
            }
            if *action != 0 {
                state.actions += 1;
                if self.authority.max_actions_per_hour != u32::MAX {
                    state.sent_s.push_back(state.decisions as f64 * self.decision_s);
                }
            }
            state.decisions += 1;
        }
    }

    fn reason(&self, row: usize) -> Option<String> {
        self.policy.reason(row)
    }

    fn action_history(&self, row: usize) -> Option<&[ActionRecord]> {
        self.policy.action_history(row)
    }
}
