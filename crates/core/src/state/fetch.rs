//! Brings a state into the cache before a step needs it.

use super::{CallState, ClusterState, Population, ServiceState};
use crate::lanes::f32x4;

impl ClusterState {
    /// Reads a number of every cache line of services and calls, in the order of memory, and returns something that depends
    /// on all of them.
    ///
    /// These reads wait for memory together. A tick's own order, from callers to callees, would wait for one after another:
    /// in a batch of a thousand that costs a tenth of the time. One environment alone is in the cache anyway.
    pub(crate) fn fetch(&self) -> f32 {
        let services: f32 = self.services.iter().map(service).sum();
        let calls: f32 = self.calls.iter().chain(&self.entries).map(call).sum();
        services + calls
    }
}

fn first(lanes: f32x4) -> f32 {
    lanes.to_array()[0]
}

fn service(own: &ServiceState) -> f32 {
    let populations: f32 = own.populations.iter().map(population).sum();
    let zones = [own.lost, own.condition.error, own.local, own.offered_per_s, own.write_error, own.failure, own.depth];
    let placement = &own.placement;
    populations
        + zones.into_iter().map(first).sum::<f32>()
        + first(own.prompt.variance)
        + first(own.requests)
        + placement.running[0][0]
        + placement.starting[0][0]
        + placement.starting[2][0]
        + own.impairment.speed
        + own.telemetry.requests
        + own.telemetry.memory_mean
        + own.wanted
}

fn population(own: &Population) -> f32 {
    [own.in_system, own.leaked, own.check_runs[3], own.answered, own.mean_s].into_iter().map(first).sum()
}

fn call(own: &CallState) -> f32 {
    let delays = first(own.waiting[0]) + first(own.backing_off) + first(own.tried[3]) + first(own.tried[7]);
    delays + first(own.delay_s) + first(own.granted_per_s) + first(own.attempts_per_s) + own.failure_ewma
}
