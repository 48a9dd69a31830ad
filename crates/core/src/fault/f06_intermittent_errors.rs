//! F06, intermittent 5xx: some replicas of a service fail now and then, and so do their health checks.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// A check is one request of many: the replica leaves rotation now and then, and comes back with the next good check.
pub(super) struct IntermittentErrors;

const CARD: Card = Card {
    name: "intermittent 5xx",
    what: "Some replicas of a service answer part of their requests with errors; retries hide some, and health checks \
           fail as rarely as requests do.",
    magnitude: "probability that a struck replica answers a request with an error, or fails a check",
    time: "step; until a restart",
    symptoms: &[symptom(Place::Target, "error_ratio", Moves::Up)],
    right: &[Step::once(Remedy::Restart, Place::Target)],
    right_words: "restart the service, struck replicas first, or eject them",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Target, 2, 10.0)],
    wrong_words: "scale down: as many errors from fewer replicas; scaling up only dilutes and hides them",
    role: Role::Scored,
    source: "SREGym payment_service_failure",
};

fn failing(event: &FaultEvent) -> Impairment {
    Impairment { error: event.magnitude, check_failure: event.magnitude, ..Impairment::NONE }
}

impl FaultModel for IntermittentErrors {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            impairments::impair_some(topology, state, service, event.blast_radius, failing(event), event.slot);
        }
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if event.mended {
            self.end(topology, state, event);
        }
        impairments::hold_all(state, failing(event), event.slot);
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}
