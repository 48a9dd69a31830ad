//! F18, zone outage: every node of a zone fails at once.

use super::{FaultEvent, FaultModel, FaultTarget, TargetKind};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Magnitude: unused (1). Requests sent into the zone are refused until the traffic is shifted away or the zone is back,
/// when its replicas start cold.
pub(super) struct ZoneOutage;

impl FaultModel for ZoneOutage {
    fn name(&self) -> &'static str {
        "zone outage"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Zone
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        let FaultTarget::Zone(zone) = event.target else { return };
        let down = Impairment { refuse: 1.0, check_failure: 1.0, ..Impairment::NONE };
        for node in (0..topology.nodes.len()).filter(|&node| topology.nodes[node].zone == zone.index()) {
            state.nodes[node].up = false;
            impairments::impair_node(topology, state, node, down, event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        let FaultTarget::Zone(zone) = event.target else { return };
        for node in (0..topology.nodes.len()).filter(|&node| topology.nodes[node].zone == zone.index()) {
            state.nodes[node].up = true;
        }
        impairments::release_all(topology, state, impairments::Release::Start, event.slot);
    }
}
