//! How many instructions a tick, an observation, a mask and a reset take, counted by callgrind.
//!
//! A count is a difference between two runs of the same program which differ in nothing but what is counted, so that
//! starting up cancels. It depends on the build and on the architecture, and on no clock and no load of the machine.

mod callgrind;
mod compare;
mod error;
mod work;

use std::{
    env::consts::ARCH,
    fmt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use microcloud_core::Scenario;
use serde::{Deserialize, Serialize};

pub use compare::{Comparison, GROWN_RATIO, SHRUNK_RATIO, Verdict};
pub use error::InstructionError;
pub use work::{BATCH, Part};

use crate::Progress;

/// The scenarios that are counted: the built-in ones, a generated one and a large one.
pub const COUNTED_SCENARIOS: [&str; 4] = ["spine12", "online-boutique", "random-1", "random-64"];

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// A tick of one environment under no-op on levels without a fault.
    CalmTick,
    /// A tick of one environment under random legal actions on train levels; the resets between episodes are part of it.
    RandomTick,
    /// Writing one observation, between steps of random play.
    Observation,
    /// Writing one action mask, between steps of random play.
    Mask,
    /// Beginning one train level.
    Reset,
    /// A tick of one of [`BATCH`] environments that are stepped together under random legal actions; observations, masks
    /// and resets are part of it.
    BatchedTick,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Self; 6] =
        [Self::CalmTick, Self::RandomTick, Self::Observation, Self::Mask, Self::Reset, Self::BatchedTick];

    /// The run that does it, and the run that does all else.
    fn parts(self) -> (Part, Part) {
        match self {
            Self::CalmTick => (Part::Calm, Part::Idle),
            Self::RandomTick => (Part::Step, Part::Idle),
            Self::Observation => (Part::Observe, Part::Step),
            Self::Mask => (Part::Mask, Part::Step),
            Self::Reset => (Part::Reset, Part::Idle),
            Self::BatchedTick => (Part::BatchStep, Part::BatchIdle),
        }
    }

    /// How often the one run does what the other does not.
    fn repetitions(self, scenario: &Scenario) -> u64 {
        let ticks = u64::from(scenario.decision_ticks);
        match self {
            Self::CalmTick | Self::RandomTick => work::STEPS as u64 * ticks,
            Self::Observation | Self::Mask => work::STEPS as u64,
            Self::Reset => work::RESETS,
            Self::BatchedTick => (work::BATCH_STEPS * BATCH) as u64 * ticks,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CalmTick => "calm_tick",
            Self::RandomTick => "random_tick",
            Self::Observation => "observation",
            Self::Mask => "mask",
            Self::Reset => "reset",
            Self::BatchedTick => "batched_tick",
        })
    }
}

/// The count of one quantity in one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstructionRow {
    /// The scenario.
    pub scenario: String,
    /// What is counted.
    pub quantity: Quantity,
    /// Instructions each, rounded.
    pub instructions: u64,
}

/// Counts as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstructionCounts {
    /// Version of the file's layout: 1.
    pub schema: u32,
    /// The processor's architecture, as Rust names it; counts of different ones say nothing about each other.
    pub architecture: String,
    /// One row per scenario and quantity.
    pub rows: Vec<InstructionRow>,
}

/// Counts every quantity in every scenario.
///
/// `program` is started under callgrind once per scenario and part, as many at a time as there are cores, with
/// `--count-work SCENARIO PART`; it must then call [`Part::play`] and do nothing that depends on a clock.
///
/// # Errors
/// No valgrind, a run that fails, and a caller that asks to stop; no process is left behind then.
pub fn count_instructions(program: &Path, progress: &dyn Progress) -> Result<InstructionCounts, InstructionError> {
    let runs: Vec<(&str, Part)> =
        COUNTED_SCENARIOS.iter().flat_map(|&scenario| Part::ALL.map(|part| (scenario, part))).collect();
    let totals = run_all(program, &runs, progress)?;
    let total = |scenario: &str, part: Part| {
        let found = runs.iter().zip(&totals).find(|(run, _)| **run == (scenario, part));
        found.map_or(0, |(_, &total)| total)
    };
    let mut rows = Vec::new();
    for name in COUNTED_SCENARIOS {
        let scenario = Scenario::load(name)?;
        for quantity in Quantity::ALL {
            let (with, without) = quantity.parts();
            let (with, without) = (total(name, with), total(name, without));
            let Some(more) = with.checked_sub(without).filter(|&more| more > 0) else {
                let problem = format!("{quantity} of {name}: {with} instructions with it, {without} without");
                return Err(InstructionError::Output { problem });
            };
            let repetitions = quantity.repetitions(&scenario).max(1);
            let instructions = (more + repetitions / 2) / repetitions;
            rows.push(InstructionRow { scenario: name.to_owned(), quantity, instructions });
        }
    }
    Ok(InstructionCounts { schema: compare::SCHEMA, architecture: ARCH.to_owned(), rows })
}

/// The instructions of every run, in their order.
fn run_all(program: &Path, runs: &[(&str, Part)], progress: &dyn Progress) -> Result<Vec<u64>, InstructionError> {
    let folder = tempfile::tempdir().map_err(InstructionError::Folder)?;
    let totals = Mutex::new(runs.iter().map(|_| Ok(0)).collect::<Vec<_>>());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = || failed.load(Ordering::Relaxed) > 0 || progress.is_cancelled();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(scenario, part)) = runs.get(index) else { return };
            let total = callgrind::count(program, scenario, part, folder.path(), &stop);
            if total.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            progress.advance(1);
            totals.lock().unwrap_or_else(PoisonError::into_inner)[index] = total;
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    // What made the others stop is what went wrong, not that they stopped.
    let (stopped, others): (Vec<_>, Vec<_>) =
        totals.into_iter().partition(|total| matches!(total, Err(InstructionError::Interrupted)));
    let counts: Vec<u64> = others.into_iter().collect::<Result<_, _>>()?;
    if stopped.is_empty() { Ok(counts) } else { Err(InstructionError::Interrupted) }
}
