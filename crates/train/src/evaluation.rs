//! Greedy episodes of a network on a fixed set of levels, by which the best checkpoint is chosen.

use microcloud_policy::network::{Network, Workspace, greedy};
use ndarray::{Array2, ArrayView2};

use crate::task::{TaskBuffers, VectorTask};

/// Plays one greedy episode in every environment of `task` after a reset with `seed`; returns their returns.
pub fn play_greedily(task: &mut dyn VectorTask, network: &Network, seed: u64) -> Vec<f64> {
    let (num_envs, width, num_actions) = (task.num_envs(), task.observation_size(), task.num_actions());
    let mut observations = vec![0.0; num_envs * width];
    let mut final_observations = vec![0.0; num_envs * width];
    let mut action_masks = vec![true; num_envs * num_actions];
    let mut final_action_masks = action_masks.clone();
    let mut actions = vec![0; num_envs];
    let mut rewards = vec![0.0; num_envs];
    let mut terminated = vec![false; num_envs];
    let mut truncated = vec![false; num_envs];
    let mut returns = vec![0.0; num_envs];
    let mut ended = vec![false; num_envs];
    let mut workspace = Workspace::default();
    let mut state = Array2::zeros((num_envs, network.state_size()));
    task.reset(seed, &mut observations, &mut action_masks);
    while ended.contains(&false) {
        let view = ArrayView2::from_shape((num_envs, width), &observations);
        let view = view.expect("a task's buffers have the task's shape");
        let evaluation = network.act(view, state.view(), &mut workspace);
        let masks = action_masks.chunks_exact(num_actions);
        for ((action, logits), mask) in actions.iter_mut().zip(evaluation.actions.rows()).zip(masks) {
            *action = greedy(logits.to_slice().unwrap_or_default(), mask);
        }
        if let Some(next) = evaluation.next_state {
            state.assign(&next);
        }
        let mut buffers = TaskBuffers {
            observations: &mut observations,
            action_masks: &mut action_masks,
            rewards: &mut rewards,
            terminated: &mut terminated,
            truncated: &mut truncated,
            final_observations: &mut final_observations,
            final_action_masks: &mut final_action_masks,
        };
        task.step(&actions, &mut buffers);
        for env in 0..num_envs {
            if !ended[env] {
                returns[env] += rewards[env];
                ended[env] = terminated[env] || truncated[env];
            }
        }
    }
    returns
}
