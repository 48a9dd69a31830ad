//! Where a tick's time goes, phase by phase, held against the same play without a clock.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use microcloud_core::{Phase, Topology};
use serde::Serialize;

use super::{
    median,
    random_play::{RandomPlay, Unwatched},
    stopwatch::{PARTS, Stopwatch},
};
use crate::{EvaluationError, Progress};

/// Time that one of the two plays has before it is the other's turn, and steps that it has at least: both keep their
/// environments in the same caches, and the first step of a turn has to bring them back.
const TURN: Duration = Duration::from_millis(20);
const TURN_STEPS: u64 = 8;

/// What one phase costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseCost {
    /// The phase; the last four of a step and the policy come once per decision or episode.
    pub phase: String,
    /// Nanoseconds per tick, the clock's cost taken off.
    pub ns_per_tick: f64,
    /// Share of the sum over the phases.
    pub share: f64,
    /// How often it ends per tick.
    pub endings_per_tick: f64,
}

/// Where the time goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The scenario.
    pub scenario: String,
    /// Environments stepped together, on one thread.
    pub num_envs: usize,
    /// Ticks of each of the two plays.
    pub ticks: u64,
    /// Nanoseconds per tick without a stopwatch, everything included.
    pub ns_per_tick: f64,
    /// Nanoseconds per tick with it.
    pub watched_ns_per_tick: f64,
    /// Nanoseconds that an ending takes where one follows the other: what is taken off.
    pub clock_ns: f64,
    /// Nanoseconds by which an ending slows the play down, for comparison.
    pub clock_in_place_ns: f64,
    /// Nanoseconds per tick over all phases.
    pub accounted_ns_per_tick: f64,
    /// Its share of the time without a stopwatch.
    pub accounted_ratio: f64,
    /// Ticks that one reset takes as long as; none where no episode ended.
    pub reset_ticks: Option<f64>,
    /// The phases in the order of a step, then the policy.
    pub phases: Vec<PhaseCost>,
}

/// Plays the same steps of the same environments with and without a stopwatch by turns, for about `seconds` together.
///
/// # Errors
/// No environments, or a caller that asks to stop.
pub fn profile(
    topology: &Arc<Topology>,
    num_envs: usize,
    seconds: f64,
    progress: &dyn Progress,
) -> Result<Profile, EvaluationError> {
    let first = RandomPlay::new(topology, num_envs, progress)?;
    let mut plays = [first.clone(), first];
    let begin = Instant::now();
    plays.iter_mut().for_each(|play| play.step(&mut Unwatched));
    let steps = (TURN.as_secs_f64() * plays.len() as f64 / begin.elapsed().as_secs_f64()) as u64;
    let steps = steps.max(TURN_STEPS);
    let mut stopwatch = Stopwatch::new();
    let (mut plain_ns, mut watched_ns, mut turns, mut clock) = (0.0, 0.0, 0, Vec::new());
    let begin = Instant::now();
    // In four turns each copy is watched twice, and begins with and without a watch: where a copy lies in memory and what
    // the other has left in the caches must not count for one of the two ways.
    while turns % 4 != 0 || turns == 0 || begin.elapsed().as_secs_f64() < seconds {
        clock.push(Stopwatch::calibrate());
        for play in [turns / 2 % 2, (turns / 2 + 1) % 2] {
            if progress.is_cancelled() {
                return Err(EvaluationError::Interrupted);
            }
            let is_watched = play == turns % 2;
            let play = &mut plays[play];
            stopwatch.restart();
            let begin = Instant::now();
            if is_watched {
                (0..steps).for_each(|_| play.step(&mut stopwatch));
                watched_ns += begin.elapsed().as_nanos() as f64;
            } else {
                (0..steps).for_each(|_| play.step(&mut Unwatched));
                plain_ns += begin.elapsed().as_nanos() as f64;
            }
        }
        turns += 1;
    }
    let ticks = turns as u64 * steps * plays[0].ticks_per_step();
    Ok(draw_up(topology, num_envs, ticks, [plain_ns, watched_ns], &stopwatch, median(&mut clock)))
}

fn draw_up(
    topology: &Topology,
    num_envs: usize,
    ticks: u64,
    [plain_ns, watched_ns]: [f64; 2],
    stopwatch: &Stopwatch,
    clock_ns: f64,
) -> Profile {
    let per_tick = 1.0 / ticks as f64;
    let cost = |part: usize| (stopwatch.ns[part] as f64 - stopwatch.endings[part] as f64 * clock_ns).max(0.0);
    let sum: f64 = (0..PARTS).map(cost).sum();
    let phases = (0..PARTS).map(|part| PhaseCost {
        phase: Phase::ALL.get(part).map_or("policy".to_owned(), |phase| format!("{phase:?}").to_lowercase()),
        ns_per_tick: cost(part) * per_tick,
        share: cost(part) / sum.max(1.0),
        endings_per_tick: stopwatch.endings[part] as f64 * per_tick,
    });
    let resets = stopwatch.endings[Phase::Reset as usize];
    let reset_ns = cost(Phase::Reset as usize) / resets as f64;
    Profile {
        scenario: topology.scenario().name.clone(),
        num_envs,
        ticks,
        ns_per_tick: plain_ns * per_tick,
        watched_ns_per_tick: watched_ns * per_tick,
        clock_ns,
        clock_in_place_ns: (watched_ns - plain_ns) / stopwatch.endings.iter().sum::<u64>().max(1) as f64,
        accounted_ns_per_tick: sum * per_tick,
        accounted_ratio: sum / plain_ns,
        reset_ticks: (resets > 0).then(|| reset_ns / (plain_ns * per_tick)),
        phases: phases.collect(),
    }
}
