//! What a reset costs, in ticks.

use std::{sync::Arc, time::Instant};

use microcloud_core::{Environment, Phase, Topology, Transition};
use serde::Serialize;

use super::{
    median,
    random_play::{RandomPlay, Watch},
    stopwatch::Stopwatch,
};
use crate::{EvaluationError, Progress};

/// Most decisions that are timed: enough for a median, and room for it.
const MOST: usize = 1 << 20;

/// The cost of beginning an episode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResetCost {
    /// The scenario.
    pub scenario: String,
    /// Environments stepped together, on one thread.
    pub num_envs: usize,
    /// Resets that were timed.
    pub resets: usize,
    /// Median nanoseconds of a reset, drawing the level included, the observation not.
    pub reset_ns: f64,
    /// Median nanoseconds of a decision's ticks, divided by their number.
    pub tick_ns: f64,
    /// The one over the other.
    pub reset_ticks: f64,
}

/// Times decisions and resets one by one, as episodes end, for `seconds` and until one has ended.
///
/// # Errors
/// No environments, or a caller that asks to stop.
pub fn reset_cost(
    topology: &Arc<Topology>,
    num_envs: usize,
    seconds: f64,
    progress: &dyn Progress,
) -> Result<ResetCost, EvaluationError> {
    let mut play = RandomPlay::new(topology, num_envs, progress)?;
    let mut times = Times { last: Instant::now(), decisions: Vec::new(), resets: Vec::new() };
    let begin = Instant::now();
    while times.resets.is_empty() || begin.elapsed().as_secs_f64() < seconds {
        if progress.is_cancelled() {
            return Err(EvaluationError::Interrupted);
        }
        play.step(&mut times);
    }
    let clock_ns = Stopwatch::calibrate();
    let ticks = f64::from(topology.scenario().decision_ticks.max(1));
    let tick_ns = (median(&mut times.decisions) - clock_ns).max(0.1) / ticks;
    let reset_ns = (median(&mut times.resets) - clock_ns).max(0.0);
    Ok(ResetCost {
        scenario: topology.scenario().name.clone(),
        num_envs,
        resets: times.resets.len(),
        reset_ns,
        tick_ns,
        reset_ticks: reset_ns / tick_ns,
    })
}

/// Nanoseconds of decisions and resets, one by one.
struct Times {
    last: Instant,
    decisions: Vec<f64>,
    resets: Vec<f64>,
}

impl Watch for Times {
    fn step(&mut self, environment: &mut Environment, action: usize) -> Transition {
        let begin = Instant::now();
        let transition = environment.step(action);
        if self.decisions.len() < MOST {
            self.decisions.push(begin.elapsed().as_nanos() as f64);
        }
        transition
    }

    fn ended(&mut self, phase: Phase) {
        match phase {
            // An episode's last observation is written just before its reset.
            Phase::Observation => self.last = Instant::now(),
            Phase::Reset => self.resets.push(self.last.elapsed().as_nanos() as f64),
            _ => {}
        }
    }
}
