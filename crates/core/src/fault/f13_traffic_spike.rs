//! F13, traffic spike: users ask for several times as much for some minutes.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// A flash crowd: the users' rate is multiplied.
pub(super) struct TrafficSpike;

const CARD: Card = Card {
    name: "traffic spike",
    what: "Users ask for several times as much for some minutes.",
    magnitude: "factor on the users' requests at full strength",
    time: "ramp of 10 to 60 s",
    symptoms: &[symptom(Place::Cluster, "load", Moves::Up), symptom(Place::Busiest, "utilisation", Moves::Up)],
    right: &[
        Step::repeated(Remedy::ScaleUp, Place::Busiest, 2, 30.0).after(15.0),
        // One step down of the larger number is nearly two steps up.
        Step::once(Remedy::ScaleDown, Place::Busiest).after(600.0),
    ],
    right_words: "scale the busiest services early, those behind first, and back when it is over; shed what is too much",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Busiest, 1, 5.0)],
    wrong_words: "restart, or scale down when errors make the load look lower",
    role: Role::Scored,
    source: "S1's high_load; SREGym loadgenerator_flood",
};

impl FaultModel for TrafficSpike {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Cluster
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 100.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        state.condition.load *= 1.0 + (event.magnitude - 1.0) * event.strength(tick);
    }
}
