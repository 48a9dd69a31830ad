//! F05, latency: some replicas of a service take longer for every request, health checks included.

use super::{FaultEvent, FaultModel, TargetKind};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Magnitude: milliseconds added to each request, with a standard deviation of a quarter of it. Blast radius: share of
/// the replicas, at least one. The delay holds the replica's workers, so that its queue and its
/// callers' pools fill; checks stay green as long as it is shorter than their timeout.
pub(super) struct Latency;

impl FaultModel for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 60_000.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            let delay_s = event.magnitude / 1000.0;
            let slow = Impairment { delay_s, delay_sd_s: 0.25 * delay_s, ..Impairment::NONE };
            impairments::impair_some(topology, state, service, event.blast_radius, slow, event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}
