//! F14, noisy neighbour: somebody else takes most of a node's processor, and every replica on it slows down.

use super::{FaultEvent, FaultModel, FaultTarget, TargetKind};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Magnitude: share of the node's processor that is taken. Replicas restarted on the node are slow again.
pub(super) struct NoisyNeighbour;

impl FaultModel for NoisyNeighbour {
    fn name(&self) -> &'static str {
        "noisy neighbour"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Node
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 0.99)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let FaultTarget::Node(node) = event.target {
            state.nodes[node.index()].steal = event.magnitude;
            let slow = Impairment { speed: 1.0 - event.magnitude, ..Impairment::NONE };
            impairments::impair_node(topology, state, node.index(), slow, event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let FaultTarget::Node(node) = event.target {
            state.nodes[node.index()].steal = 0.0;
            impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
        }
    }
}
