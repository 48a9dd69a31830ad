//! F18, zone outage: every node of a zone fails at once.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Requests sent into the zone are refused until the traffic is shifted away or the zone is back, when its replicas start
/// cold.
pub(super) struct ZoneOutage;

const CARD: Card = Card {
    name: "zone outage",
    what: "Every node of a zone fails at once; users who are sent there are refused.",
    magnitude: "unused (1)",
    time: "step; its replicas start cold when it is back",
    symptoms: &[symptom(Place::Zone, "error_ratio", Moves::Up), symptom(Place::Zone, "ready", Moves::Down)],
    right: &[
        Step::once(Remedy::ScaleUp, Place::Busiest),
        Step::repeated(Remedy::RebalanceAll, Place::Cluster, 10, 100.0).after(90.0),
    ],
    right_words: "scale up where the traffic will go, then shift it there, and back when the zone is back",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Busiest, 1, 5.0)],
    wrong_words: "shift everything at once onto a zone that cannot carry it; scale down",
    role: Role::Scored,
    source: "S2's fail-over; SREGym top_of_rack_router_failure",
};

const DOWN: Impairment = Impairment { refuse: 1.0, check_failure: 1.0, ..Impairment::NONE };

impl FaultModel for ZoneOutage {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Zone
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        for node in (0..topology.nodes.len()).filter(|&node| Some(topology.nodes[node].zone) == event.zone()) {
            impairments::impair_node(topology, state, node, DOWN, event.slot);
        }
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        for node in (0..topology.nodes.len()).filter(|&node| Some(topology.nodes[node].zone) == event.zone()) {
            state.nodes[node].up = false;
        }
        impairments::hold_all(state, DOWN, event.slot);
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Start, event.slot);
    }
}
