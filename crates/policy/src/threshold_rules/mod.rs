//! The baseline threshold-rules: S1's detection rules and a table of responses with cooldowns.
//!
//! Every decision takes three stages: the detector takes in the observation, one incident is chosen and answered with the
//! first remedy that is legal and not cooling down, and the action is noted for the cooldowns. When all is calm, nodes
//! return, traffic is spread again and services shrink towards their initial size.

mod agent;
mod choose;
mod config;
mod quiet;
pub(crate) mod targets;

use std::sync::Arc;

use microcloud_core::Topology;
use ndarray::ArrayView2;
use thiserror::Error;

pub(crate) use agent::Why;
pub use agent::{RulesAgent, RulesState};
pub use config::{Choice, HostRank, Order, Quiet, Remedy, Response, ThresholdRulesConfig};

use crate::{Agent, Policy, detector::RuleError, per_environment::act_by_row};

/// The policy threshold-rules: one [`RulesAgent`], one [`RulesState`] per environment.
#[derive(Clone)]
pub struct ThresholdRules {
    agent: Arc<RulesAgent>,
    states: Vec<RulesState>,
}

/// Why threshold-rules could not be made.
#[derive(Debug, Error)]
pub enum ThresholdRulesError {
    /// A rule does not fit the observation.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A response is for a rule that does not exist.
    #[error("responses.{name}: no such rule{nearest}; allowed: {allowed}")]
    UnknownRule {
        /// The name that the response is under.
        name: String,
        /// The nearest rule as a question, or nothing.
        nearest: String,
        /// The rules.
        allowed: String,
    },
}

impl ThresholdRules {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Rules that the observation has no metric for, responses to rules that do not exist.
    pub fn new(config: ThresholdRulesConfig, topology: &Arc<Topology>) -> Result<Self, ThresholdRulesError> {
        Ok(Self { agent: Arc::new(RulesAgent::new(config, topology)?), states: Vec::new() })
    }
}

impl Agent for RulesAgent {
    type State = RulesState;

    fn start(&self) -> RulesState {
        self.start()
    }

    fn decide(&self, state: &mut RulesState, observation: &[f32], mask: &[bool]) -> usize {
        self.decide(state, observation, mask)
    }

    fn reason(&self, state: &RulesState) -> Option<String> {
        state.why.map(|why| self.words(why))
    }
}

impl Policy for ThresholdRules {
    fn name(&self) -> &str {
        "threshold-rules"
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        act_by_row(&*self.agent, &mut self.states, observations, action_masks, episode_starts, actions);
    }

    fn reason(&self, row: usize) -> Option<String> {
        self.agent.reason(self.states.get(row)?)
    }
}

#[cfg(test)]
mod tests;
