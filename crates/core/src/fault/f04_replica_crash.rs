//! F04, replica crash: some replicas of a service crash and crash again whenever the supervisor restarts them.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Connections to a crashed replica are refused at once, and its health checks fail. A restart by the policy replaces it;
/// without one the supervisor succeeds when the fault ends.
pub(super) struct ReplicaCrash;

const CARD: Card = Card {
    name: "replica crash",
    what: "Some replicas of a service crash, and crash again whenever the supervisor restarts them.",
    magnitude: "unused (1)",
    time: "step; until a restart, or until the supervisor succeeds at the end",
    symptoms: &[symptom(Place::Target, "ready", Moves::Down), symptom(Place::Target, "running", Moves::Down)],
    right: &[Step::once(Remedy::Restart, Place::Target)],
    right_words: "restart the service, which replaces the crashed replicas",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Target, 2, 10.0)],
    wrong_words: "scale down, or drain another node: what is left has to carry everything",
    role: Role::Scored,
    source: "Chaos Mesh PodChaos; Litmus pod-delete, container-kill",
};

const CRASHED: Impairment = Impairment { refuse: 1.0, check_failure: 1.0, ..Impairment::NONE };

impl FaultModel for ReplicaCrash {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            impairments::impair_some(topology, state, service, event.blast_radius, CRASHED, event.slot);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        impairments::hold_all(state, CRASHED, event.slot);
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Start, event.slot);
    }
}
