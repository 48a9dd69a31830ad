//! F07, silent corruption: the replicas of a service on one node give wrong answers that look right.

use super::{
    Card, FaultEvent, FaultModel, FaultTarget, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    ids::NodeId,
    simulation::impairments,
    state::{ClusterState, IMPAIRED, Impairment},
    topology::Topology,
};

/// The data on the node's disk is bad: what restarts there reads it again, what starts elsewhere copies good data.
pub(super) struct SilentCorruption;

const CARD: Card = Card {
    name: "silent corruption",
    what: "The replicas of a service on one node give wrong answers from bad data; nothing fails, nothing is slow, and \
           only an audit that compares answers shows it.",
    magnitude: "ratio of wrong answers of a struck replica",
    time: "step; hours are compressed to some minutes",
    symptoms: &[symptom(Place::Nodes, "mismatch", Moves::Up)],
    right: &[Step::once(Remedy::Drain, Place::Nodes)],
    right_words: "drain the node, so that its replicas start elsewhere from good data",
    wrong: &[Step::once(Remedy::Drain, Place::OtherNode)],
    wrong_words: "drain a healthy node; restart the service, which reads the same bad data",
    role: Role::Scored,
    source: "SREGym silent_data_corruption",
};

fn corrupt(event: &FaultEvent) -> Impairment {
    Impairment { wrong: event.magnitude, ..Impairment::NONE }
}

/// The node whose data is bad: one of those that host the service at the start, another one with every onset.
fn bad_node(topology: &Topology, event: &FaultEvent) -> Option<usize> {
    let placement = topology.services[event.service()?].placement;
    let hosts = || (0..topology.nodes.len()).filter(|&node| placement[node] > 0.0);
    hosts().nth(event.onset_tick as usize % hosts().count().max(1))
}

impl FaultModel for SilentCorruption {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn place(&self, topology: &Topology, event: &FaultEvent) -> Option<FaultTarget> {
        bad_node(topology, event).map(|node| FaultTarget::Node(NodeId(node as u32)))
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let (Some(service), Some(node)) = (event.service(), bad_node(topology, event)) {
            impairments::impair_on(topology, state, service, 1.0, &|at| at == node, corrupt(event), event.slot);
        }
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        let (Some(service), Some(node)) = (event.service(), bad_node(topology, event)) else { return };
        if event.mended {
            self.end(topology, state, event);
            return;
        }
        impairments::hold_all(state, corrupt(event), event.slot);
        impairments::stick_to_node(state, node, event.slot);
        state.condition.wrong = true;
        if state.services[service].placement.running[IMPAIRED][node] > 0.0 {
            let mismatch = &mut state.nodes[node].mismatch;
            *mismatch = mismatch.max(event.magnitude);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}
