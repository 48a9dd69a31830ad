//! F04, replica crash: some replicas of a service crash and crash again whenever the supervisor restarts them.

use super::{FaultEvent, FaultModel, TargetKind};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Magnitude: unused (1). Blast radius: share of the replicas, at least one.
///
/// Connections to a crashed replica are refused at once, and its health checks fail. A restart by the policy replaces
/// it; without one the supervisor succeeds when the fault ends.
pub(super) struct ReplicaCrash;

impl FaultModel for ReplicaCrash {
    fn name(&self) -> &'static str {
        "replica crash"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            let crash = Impairment { refuse: 1.0, check_failure: 1.0, ..Impairment::NONE };
            impairments::impair_some(topology, state, service, event.blast_radius, crash, event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Start, event.slot);
    }
}
