//! F15, disk full: a node's disk fills up; what writes there fails, and nothing starts there any more.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    scenario::ServiceClass,
    simulation::impairments,
    state::{ClusterState, DISK_AT_START, Impairment},
    topology::Topology,
};

/// Services that keep something fail where they write; the others only fail where they log and wait for it.
pub(super) struct DiskFull;

const CARD: Card = Card {
    name: "disk full",
    what: "A node's disk fills up. From then on what keeps data there fails to write, everything else there fails a \
           little, and nothing can start there.",
    magnitude: "ratio of errors of databases, caches and brokers on the node, once it is full",
    time: "ramp of 1 to 2 minutes, hours in reality (a hundredfold)",
    symptoms: &[symptom(Place::Nodes, "disk", Moves::Up)],
    right: &[Step::once(Remedy::Drain, Place::Nodes)],
    right_words: "drain the node, before it is full or after; clear the disk",
    wrong: &[Step::once(Remedy::Drain, Place::OtherNode)],
    wrong_words: "drain another node: part of what it hosts comes here; restart everything: what stops here cannot start \
                  again",
    role: Role::Scored,
    source: "Litmus disk-fill",
};

/// Ratio of errors of services that keep nothing, relative to those that do.
const LOGGING: f32 = 0.1;

fn failing(topology: &Topology, service: usize, event: &FaultEvent) -> Impairment {
    let keeps = matches!(
        topology.services[service].class,
        ServiceClass::Database | ServiceClass::Cache | ServiceClass::Broker
    );
    let error = if keeps { event.magnitude } else { event.magnitude * LOGGING };
    Impairment { error, ..Impairment::NONE }
}

impl FaultModel for DiskFull {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Node
    }

    fn mended_by(&self) -> Option<Remedy> {
        Some(Remedy::ClearDisk)
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        let Some(node) = event.node() else { return };
        if event.mended {
            // Whoever cleared the disk emptied it; it may fill again.
            impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
            return;
        }
        // Something keeps writing until the end, when it is stopped and what it wrote is removed.
        let ramp_s = (event.ramp_ticks as f32 * topology.tick_s).max(topology.tick_s);
        state.nodes[node].filling += (1.0 - DISK_AT_START) / ramp_s;
        if state.nodes[node].disk < 1.0 {
            return;
        }
        state.nodes[node].stuck = true;
        impairments::impair_node(topology, state, node, Impairment::NONE, event.slot);
        for service in 0..topology.services.len() {
            impairments::hold(&mut state.services[service], failing(topology, service, event), event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(node) = event.node() {
            state.nodes[node].disk = DISK_AT_START;
        }
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}
