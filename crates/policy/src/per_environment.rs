//! A policy for one environment at a time, and the batch of memories that makes it a [`Policy`].

use std::sync::Arc;

use ndarray::ArrayView2;

use crate::Policy;

/// What decides for one environment; compiled once for a topology and shared by all its environments.
pub trait Agent: Send + Sync {
    /// One environment's memory of its episode.
    type State: Send;

    /// The memory at an episode's start.
    fn start(&self) -> Self::State;

    /// Takes in an observation `[observation_size]` and a mask `[num_actions]`, and answers with a legal action.
    fn decide(&self, state: &mut Self::State, observation: &[f32], mask: &[bool]) -> usize;

    /// Why the last decision was taken, in words; none where it was no-op or the agent cannot say.
    fn reason(&self, state: &Self::State) -> Option<String> {
        let _ = state;
        None
    }
}

/// One [`Agent`] and a memory for each row of the batch, cleared where an episode starts.
pub struct PerEnvironment<A: Agent> {
    name: &'static str,
    agent: Arc<A>,
    states: Vec<A::State>,
}

impl<A: Agent> PerEnvironment<A> {
    /// A policy of that name.
    pub fn new(name: &'static str, agent: A) -> Self {
        Self { name, agent: Arc::new(agent), states: Vec::new() }
    }

    /// The agent that all rows share.
    pub fn agent(&self) -> &A {
        &self.agent
    }

    /// The memory of each row, as the last decision left it.
    pub fn states(&self) -> &[A::State] {
        &self.states
    }
}

impl<A: Agent> Policy for PerEnvironment<A> {
    fn name(&self) -> &str {
        self.name
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

/// Decides for every row with a memory of its own, cleared where an episode starts.
pub(crate) fn act_by_row<A: Agent>(
    agent: &A,
    states: &mut Vec<A::State>,
    observations: ArrayView2<'_, f32>,
    action_masks: ArrayView2<'_, bool>,
    episode_starts: &[bool],
    actions: &mut [usize],
) {
    states.resize_with(actions.len(), || agent.start());
    for (row, state) in states.iter_mut().enumerate() {
        if episode_starts[row] {
            *state = agent.start();
        }
        let (observation, mask) = (observations.row(row), action_masks.row(row));
        actions[row] = match (observation.to_slice(), mask.to_slice()) {
            (Some(observation), Some(mask)) => agent.decide(state, observation, mask),
            _ => agent.decide(state, &observation.to_vec(), &mask.to_vec()),
        };
    }
}
