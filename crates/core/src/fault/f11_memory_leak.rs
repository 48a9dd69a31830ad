//! F11, memory leak: a service's replicas lose memory until collection slows them down and they run out of it.

use super::{FaultEvent, FaultModel, TargetKind};
use crate::{state::ClusterState, topology::Topology};

/// Magnitude: seconds in which a replica's whole memory leaks at full strength. A restarted replica starts anew, and
/// leaks anew while the fault lasts; hours of a real leak are compressed to minutes.
pub(super) struct MemoryLeak;

impl FaultModel for MemoryLeak {
    fn name(&self) -> &'static str {
        "memory leak"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1e6)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if let Some(service) = event.service() {
            state.services[service].leak_per_s = event.strength(tick) / event.magnitude;
        }
    }

    fn end(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            state.services[service].leak_per_s = 0.0;
        }
    }
}
