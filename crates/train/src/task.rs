//! What the trainer asks of a batch of environments.

use microcloud_policy::network::BlockLayout;

/// A batch of environments that restart by themselves within the step that ends an episode (SAME_STEP).
///
/// Every slice is caller-owned and row-major with one row per environment.
pub trait VectorTask: Send {
    /// Number of environments.
    fn num_envs(&self) -> usize;

    /// Number of observation features.
    fn observation_size(&self) -> usize;

    /// Number of actions.
    fn num_actions(&self) -> usize;

    /// Where observations and actions are divided by service; none where there are no services.
    fn block_layout(&self) -> Option<BlockLayout> {
        None
    }

    /// Starts new episodes everywhere; equal seeds start equal episodes.
    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]);

    /// Takes one action per environment.
    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>);

    /// Everything that later steps depend on, as bytes.
    fn save(&self) -> Vec<u8>;

    /// Goes on where [`VectorTask::save`] was called in a task made alike, and writes what it showed there. The bytes come from
    /// a file that may have been altered.
    ///
    /// # Errors
    /// What is wrong with the bytes; the task is then to be reset before it is played.
    fn restore(&mut self, bytes: &[u8], observations: &mut [f32], action_masks: &mut [bool]) -> Result<(), String>;

    /// Gives and clears the task's own scalars since the last call, e.g. `slo/availability`.
    fn drain_scalars(&mut self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// What a step writes.
#[derive(Debug)]
pub struct TaskBuffers<'a> {
    /// `[num_envs, observation_size]`; where an episode ended, the first observation of the next one.
    pub observations: &'a mut [f32],
    /// `[num_envs, num_actions]`, true where an action is legal.
    pub action_masks: &'a mut [bool],
    /// `[num_envs]`.
    pub rewards: &'a mut [f64],
    /// `[num_envs]`, true where the episode ended and nothing follows.
    pub terminated: &'a mut [bool],
    /// `[num_envs]`, true where the episode was cut off.
    pub truncated: &'a mut [bool],
    /// `[num_envs, observation_size]`; only rows whose episode ended are written, with its last observation.
    pub final_observations: &'a mut [f32],
    /// `[num_envs, num_actions]`; only rows whose episode ended are written, with what was legal at its last observation. All
    /// are true where nothing was written yet, so that a task without masks writes none.
    pub final_action_masks: &'a mut [bool],
}
