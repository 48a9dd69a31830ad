//! The trait that every policy implements.

use ndarray::ArrayView2;

use crate::approval::ActionRecord;

/// Maps a batch of observations to one action per environment.
///
/// A policy may keep state per environment; row `i` of every argument belongs to environment `i`, and
/// `episode_starts[i]` is true where row `i` is the first observation of an episode, so that the state can be cleared.
pub trait Policy: Send {
    /// The name under which results are reported, e.g. `threshold-rules` or `ppo:runs/x`.
    fn name(&self) -> &str;

    /// Writes one action index per environment.
    ///
    /// `observations` is `[num_envs, observation_size]`, `action_masks` is `[num_envs, num_actions]` with true where an
    /// action is legal; `episode_starts` and `actions` have length `num_envs`. Every written action is legal.
    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    );

    /// Why the last action of an environment was chosen, in words; none where the policy cannot say.
    ///
    /// `row` is the environment's place in the batch.
    fn reason(&self, row: usize) -> Option<String> {
        let _ = row;
        None
    }

    /// Every action that was proposed in an environment's episode, in order, with what became of it so far; none where
    /// what the policy chooses is sent without a workflow. The list grows and rows change their status, no more.
    ///
    /// `row` is the environment's place in the batch.
    fn action_history(&self, row: usize) -> Option<&[ActionRecord]> {
        let _ = row;
        None
    }
}
