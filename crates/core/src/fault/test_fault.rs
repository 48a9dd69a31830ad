//! A fault that only tests have, added as CONTRIBUTING.md says: this file, and a row in the table of faults.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// Makes a service slower by its magnitude.
pub(super) struct TestFault;

const CARD: Card = Card {
    name: "test fault",
    what: "A service works slower.",
    magnitude: "factor on the service's speed",
    time: "step",
    symptoms: &[symptom(Place::Target, "utilisation", Moves::Up)],
    right: &[Step::once(Remedy::ScaleUp, Place::Target)],
    right_words: "scale up",
    wrong: &[Step::once(Remedy::ScaleDown, Place::Target)],
    wrong_words: "scale down",
    role: Role::Scored,
    source: "none",
};

impl FaultModel for TestFault {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.1, 1.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(service) = event.service() {
            state.services[service].condition.speed *= event.magnitude;
        }
    }
}
