//! What the machine could do, and what a tick takes and touches on it.

use std::{sync::Arc, time::Instant};

use microcloud_core::Topology;
use serde::Serialize;

use super::{
    bandwidth::{Bandwidth, CacheSizes},
    median,
    peaks::Peaks,
    random_play::{RandomPlay, Unwatched},
};
use crate::{EvaluationError, Progress};

/// Parts that a measurement is cut into; their median counts.
const PARTS: usize = 9;

/// One thread's peaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// Its caches.
    pub caches: CacheSizes,
    /// Its arithmetic.
    pub peaks: Peaks,
    /// A buffer of half the second-level cache.
    pub l2: Bandwidth,
    /// A buffer eight times as large as the last level.
    pub memory: Bandwidth,
}

/// Measures the machine, which takes some seconds.
pub fn machine() -> Machine {
    let caches = CacheSizes::read();
    Machine {
        caches,
        peaks: Peaks::measure(),
        l2: Bandwidth::measure(caches.l2_bytes / 2),
        memory: Bandwidth::measure(caches.last_level_bytes * 8),
    }
}

/// A tick of one environment among so many.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TickCost {
    /// The scenario.
    pub scenario: String,
    /// Environments stepped together, on one thread.
    pub num_envs: usize,
    /// Nanoseconds per tick, observation, mask and policy included.
    pub ns_per_tick: f64,
    /// Ticks that a decision takes.
    pub ticks_per_step: u32,
    /// Bytes of an environment's state.
    pub state_bytes: usize,
    /// Bytes of an observation, written once per decision.
    pub observation_bytes: usize,
    /// Bytes of an action mask, written once per decision.
    pub mask_bytes: usize,
    /// A buffer of the bytes of all environments, their observations and masks.
    pub batch: Bandwidth,
}

/// Measures a tick for `seconds`.
///
/// # Errors
/// No environments, or a caller that asks to stop.
pub fn tick_cost(
    topology: &Arc<Topology>,
    num_envs: usize,
    seconds: f64,
    progress: &dyn Progress,
) -> Result<TickCost, EvaluationError> {
    let mut play = RandomPlay::new(topology, num_envs, progress)?;
    let mut costs = Vec::new();
    for _ in 0..PARTS {
        costs.push(ns_per_tick(&mut play, seconds / PARTS as f64, progress)?);
    }
    let state_bytes = play.state_bytes();
    let observation_bytes = topology.observation_size() * size_of::<f32>();
    let mask_bytes = topology.num_actions();
    Ok(TickCost {
        scenario: topology.scenario().name.clone(),
        num_envs,
        ns_per_tick: median(&mut costs),
        ticks_per_step: topology.scenario().decision_ticks,
        state_bytes,
        observation_bytes,
        mask_bytes,
        batch: Bandwidth::measure(num_envs * (state_bytes + observation_bytes + mask_bytes)),
    })
}

/// Plays for `seconds`, a step at least.
pub(super) fn ns_per_tick(
    play: &mut RandomPlay,
    seconds: f64,
    progress: &dyn Progress,
) -> Result<f64, EvaluationError> {
    let begin = Instant::now();
    let mut steps = 0;
    while steps == 0 || begin.elapsed().as_secs_f64() < seconds {
        if progress.is_cancelled() {
            return Err(EvaluationError::Interrupted);
        }
        play.step(&mut Unwatched);
        steps += 1;
    }
    Ok(begin.elapsed().as_nanos() as f64 / (steps * play.ticks_per_step()) as f64)
}
