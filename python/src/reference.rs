//! The same play without Python: what trajectories and speeds are compared with.

use std::{sync::Arc, time::Instant};

use microcloud_core::{
    Autoreset, Environment, LevelDraws, Start, StepBuffers, Topology as CoreTopology, VectorEnvironment,
};
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{errors, errors::ActionError, scenario::Topology, single::split};

/// FNV-1a over 64-bit words.
struct Hash(u64);

impl Hash {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x100_0000_01b3);
    }
}

/// `[num_steps][num_envs]` of `[num_steps, num_envs]`.
fn plan(actions: &PyReadonlyArray2<'_, i64>, num_actions: usize) -> PyResult<Vec<Vec<usize>>> {
    let index = |&action: &i64| {
        let index = usize::try_from(action).ok().filter(|&index| index < num_actions);
        index.ok_or_else(|| ActionError::new_err(format!("action {action}; allowed: 0 to {}", num_actions - 1)))
    };
    actions.as_array().rows().into_iter().map(|row| row.iter().map(index).collect()).collect()
}

/// One hash per environment of all that single environments show, played in Rust alone.
///
/// Environment `i` is reset with `seed + i`, takes `actions[:, i]`, and begins its next episode in the step in which one
/// ends. The hash takes in, per step, the observation's features, the mask, the reward, and terminated + 2 truncated, as
/// 64-bit words of their bits.
#[pyfunction]
pub fn trajectory_hashes(
    py: Python<'_>,
    topology: &Topology,
    split: &str,
    seed: u64,
    actions: PyReadonlyArray2<'_, i64>,
) -> PyResult<Vec<u64>> {
    let split = self::split(split)?;
    let plan = plan(&actions, topology.topology.num_actions())?;
    let num_envs = actions.shape()[1];
    let topology = Arc::clone(&topology.topology);
    Ok(py.detach(|| {
        (0..num_envs)
            .map(|row| hash(&topology, LevelDraws::new(split, seed.wrapping_add(row as u64)), row, &plan))
            .collect()
    }))
}

fn hash(topology: &Arc<CoreTopology>, mut draws: LevelDraws, row: usize, plan: &[Vec<usize>]) -> u64 {
    let mut environment = Environment::new(Arc::clone(topology));
    environment.reset(draws.begin(Start::Next));
    let mut observation = vec![0.0_f32; topology.observation_size()];
    let mut mask = vec![false; topology.num_actions()];
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    for actions in plan {
        let transition = environment.step(actions[row]);
        if transition.terminated || transition.truncated {
            environment.reset(draws.begin(Start::Next));
        }
        environment.observe(&mut observation);
        environment.action_mask(&mut mask);
        observation.iter().for_each(|value| hash.add(u64::from(value.to_bits())));
        mask.iter().for_each(|&legal| hash.add(u64::from(legal)));
        hash.add(transition.reward.to_bits());
        hash.add(u64::from(transition.terminated) + 2 * u64::from(transition.truncated));
    }
    hash.0
}

/// Seconds that a batch takes for these actions in Rust alone: what the same steps from Python are held against.
///
/// Row `i` is reset with `seed + i` and takes `actions[:, i]`, `[num_steps, num_envs]`; observations and masks are written,
/// and rows begin their next episode in the step in which one ends.
#[pyfunction]
pub fn play_batch(
    py: Python<'_>,
    topology: &Topology,
    split: &str,
    seed: u64,
    actions: PyReadonlyArray2<'_, i64>,
    num_threads: usize,
) -> PyResult<f64> {
    let split = self::split(split)?;
    let (width, num_actions) = (topology.topology.observation_size(), topology.topology.num_actions());
    let plan = plan(&actions, num_actions)?;
    let n = actions.shape()[1];
    if n == 0 {
        return Err(PyValueError::new_err("actions of no environment; allowed: [num_steps, num_envs], at least one"));
    }
    let topologies = vec![Arc::clone(&topology.topology); n];
    let vector = VectorEnvironment::mixed(&topologies, split, Autoreset::SameStep, num_threads);
    let mut vector = vector.map_err(errors::vector)?;
    let mut observations = vec![0.0; n * width];
    let mut action_masks = vec![false; n * num_actions];
    let mut final_observations = vec![0.0; n * width];
    let (mut rewards, mut terminated, mut truncated) = (vec![0.0; n], vec![false; n], vec![false; n]);
    Ok(py.detach(|| {
        vector.reset(seed, &mut observations, &mut action_masks);
        let started = Instant::now();
        for actions in &plan {
            vector.step(
                actions,
                &mut StepBuffers {
                    observations: &mut observations,
                    action_masks: &mut action_masks,
                    rewards: &mut rewards,
                    terminated: &mut terminated,
                    truncated: &mut truncated,
                    final_observations: &mut final_observations,
                },
            );
        }
        started.elapsed().as_secs_f64()
    }))
}
