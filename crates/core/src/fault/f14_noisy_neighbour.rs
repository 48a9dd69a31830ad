//! F14, noisy neighbour: somebody else takes most of a node's processor, and every replica on it slows down.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Replicas restarted on the node are slow again.
pub(super) struct NoisyNeighbour;

const CARD: Card = Card {
    name: "noisy neighbour",
    what: "Somebody else takes most of a node's processor; every replica on it slows down.",
    magnitude: "share of the node's processor that is taken",
    time: "step; hours are compressed to some minutes",
    symptoms: &[symptom(Place::Nodes, "cpu_pressure", Moves::Up)],
    right: &[Step::once(Remedy::Drain, Place::Nodes)],
    right_words: "drain the node, or shift traffic out of its zone",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Busiest, 1, 5.0)],
    wrong_words: "restart services, whose replicas start on the same node; drain another node; scale down",
    role: Role::Scored,
    source: "Qiu et al., FIRM, OSDI'20 (contention); Litmus node-cpu-hog",
};

fn slow(event: &FaultEvent) -> Impairment {
    Impairment { speed: 1.0 - event.magnitude, ..Impairment::NONE }
}

impl FaultModel for NoisyNeighbour {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Node
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 0.99)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(node) = event.node() {
            impairments::impair_node(topology, state, node, slow(event), event.slot);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(node) = event.node() {
            state.nodes[node].steal = state.nodes[node].steal.max(event.magnitude);
            impairments::hold_all(state, slow(event), event.slot);
            impairments::stick_to_node(state, node, event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}
