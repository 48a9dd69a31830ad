//! How fast environments run and what they cost: by phase, by size, against the machine, and per reset.

mod bandwidth;
mod floor;
mod peaks;
mod profile;
mod random_play;
mod reset;
mod sizes;
mod sizes_plot;
mod stopwatch;

use std::sync::Arc;

use microcloud_core::Topology;

pub use bandwidth::{Bandwidth, CacheSizes};
pub use floor::{Machine, TickCost, machine, tick_cost};
pub use peaks::Peaks;
pub use profile::{PhaseCost, Profile, profile};
pub(crate) use random_play::age;
pub use reset::{ResetCost, reset_cost};
pub use sizes::{GENERATED_SEED, Memory, SIZES, STATE_MIB, SizeCost, resident_memory, size_costs, size_topologies};
pub use sizes_plot::sizes_plot;

use self::random_play::{RandomPlay, Unwatched};
use crate::EvaluationError;

/// What a number of steps came to.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Played {
    /// Environments stepped together.
    pub num_envs: usize,
    /// Steps of each.
    pub steps: u64,
    /// Ticks of all of them together.
    pub ticks: u64,
}

/// Plays so many steps of so many environments under random legal actions, for somebody else to count what it takes.
///
/// # Errors
/// No environments.
pub fn play_steps(topology: &Arc<Topology>, num_envs: usize, steps: u64) -> Result<Played, EvaluationError> {
    let mut play = RandomPlay::new(topology, num_envs, &())?;
    for _ in 0..steps {
        play.step(&mut Unwatched);
    }
    Ok(Played { num_envs, steps, ticks: steps * play.ticks_per_step() })
}

/// The middle value, 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
