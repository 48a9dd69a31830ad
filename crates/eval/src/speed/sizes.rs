//! What a tick costs per service, and an environment in bytes, from a dozen services to a thousand.

use std::{fs, sync::Arc};

use microcloud_core::{Environment, Scenario, ScenarioError, Topology};
use serde::Serialize;

use super::{floor::ns_per_tick, median, random_play::RandomPlay};
use crate::{EvaluationError, Progress};

/// Services of the generated clusters.
pub const SIZES: [u32; 5] = [12, 40, 100, 400, 1000];
/// The seed that they are generated from.
pub const GENERATED_SEED: u64 = 0;
/// State of all environments of a size together in MiB: the same for every size, so that no size has a cache to itself
/// that another lacks.
pub const STATE_MIB: usize = 16;
/// Times that every size has its turn; the median counts.
const TURNS: usize = 7;

/// What one size costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SizeCost {
    /// The scenario.
    pub scenario: String,
    /// Its services.
    pub services: usize,
    /// Its (service, zone) groups.
    pub groups: usize,
    /// Its calls between services.
    pub calls: usize,
    /// Environments stepped together, on one thread.
    pub num_envs: usize,
    /// Nanoseconds of one environment's tick, observation, mask and policy included.
    pub ns_per_tick: f64,
    /// The same over the services.
    pub ns_per_service_tick: f64,
    /// Bytes of one environment's state.
    pub state_bytes: usize,
    /// The same over the services.
    pub state_bytes_per_service: f64,
    /// Bytes of its observation (twice, with that of an episode's end) and its mask.
    pub buffer_bytes: usize,
}

/// The topology of `spine12` and generated ones of so many services.
///
/// # Errors
/// A number of services that is not allowed.
pub fn size_topologies(sizes: &[u32]) -> Result<Vec<Arc<Topology>>, ScenarioError> {
    let generated = sizes.iter().map(|&services| Scenario::generate(GENERATED_SEED, services));
    [Scenario::load("spine12")].into_iter().chain(generated).map(|scenario| Topology::new(scenario?)).collect()
}

/// Measures every topology for `seconds`, by turns, so that whatever disturbs the machine disturbs them alike.
///
/// # Errors
/// A caller that asks to stop.
pub fn size_costs(
    topologies: &[Arc<Topology>],
    seconds: f64,
    progress: &dyn Progress,
) -> Result<Vec<SizeCost>, EvaluationError> {
    let mut plays = Vec::new();
    for topology in topologies {
        let bytes = Environment::new(Arc::clone(topology)).state_bytes();
        plays.push(RandomPlay::new(topology, ((STATE_MIB << 20) / bytes).max(1), progress)?);
    }
    let mut costs = vec![Vec::new(); plays.len()];
    for _ in 0..TURNS {
        for (play, costs) in plays.iter_mut().zip(&mut costs) {
            // What another size left in the caches has to go first.
            ns_per_tick(play, 0.0, progress)?;
            costs.push(ns_per_tick(play, seconds / TURNS as f64, progress)?);
        }
    }
    let rows = topologies.iter().zip(&plays).zip(&mut costs);
    Ok(rows.map(|((topology, play), costs)| draw_up(topology, play, median(costs))).collect())
}

fn draw_up(topology: &Topology, play: &RandomPlay, ns_per_tick: f64) -> SizeCost {
    let (services, state_bytes) = (topology.num_services(), play.state_bytes());
    SizeCost {
        scenario: topology.scenario().name.clone(),
        services,
        groups: topology.num_groups(),
        calls: topology.num_calls(),
        num_envs: play.num_envs(),
        ns_per_tick,
        ns_per_service_tick: ns_per_tick / services as f64,
        state_bytes,
        state_bytes_per_service: state_bytes as f64 / services as f64,
        buffer_bytes: 2 * topology.observation_size() * size_of::<f32>() + topology.num_actions(),
    }
}

/// The bytes of many environments, as the program counts them and as the system sees them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// The scenario.
    pub scenario: String,
    /// Environments made.
    pub num_envs: usize,
    /// Bytes of one, as [`Environment::state_bytes`] counts them.
    pub state_bytes: usize,
    /// Bytes by which the process grew for each; none where the system does not say (it does on Linux).
    pub resident_bytes: Option<f64>,
}

/// Makes so many environments and looks how far the process grows. What was freed before and is used again hides growth:
/// call it first.
pub fn resident_memory(topology: &Arc<Topology>, num_envs: usize) -> Memory {
    let first = Environment::new(Arc::clone(topology));
    let before = resident_bytes();
    let environments = vec![first; num_envs.max(1)];
    let grown = resident_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    Memory {
        scenario: topology.scenario().name.clone(),
        num_envs: environments.len(),
        state_bytes: environments.iter().map(Environment::state_bytes).sum::<usize>() / environments.len(),
        resident_bytes: grown.map(|bytes| bytes as f64 / environments.len() as f64),
    }
}

/// Bytes of the process in memory.
fn resident_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_bytes_grow_with_the_services() -> Result<(), ScenarioError> {
        let topologies = size_topologies(&[40, 400])?;
        let bytes: Vec<usize> =
            topologies.iter().map(|topology| Environment::new(Arc::clone(topology)).state_bytes()).collect();
        assert!(bytes[2] > 5 * bytes[1] && bytes[1] > bytes[0] && bytes[0] > size_of::<Environment>(), "{bytes:?}");
        Ok(())
    }
}
