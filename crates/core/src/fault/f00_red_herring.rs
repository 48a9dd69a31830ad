//! F00, red herring: a figure moves and means nothing.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// Something else on the hosts works: the processor's metric shows it, no request waits for it.
pub(super) struct RedHerring;

const CARD: Card = Card {
    name: "red herring",
    what: "A batch job with the lowest priority runs next to a service: its utilisation rises, and nobody is worse off.",
    magnitude: "utilisation that telemetry shows on top of the truth, at full strength",
    time: "ramp of up to a minute; an hour's job is compressed to some minutes",
    symptoms: &[symptom(Place::Target, "utilisation", Moves::Up)],
    right: &[],
    right_words: "nothing: no request fails and none is late",
    wrong: &[Step::once(Remedy::Restart, Place::Target)],
    wrong_words: "whatever is done costs something, and a restart takes replicas away that work",
    role: Role::Herring,
    source: "SREGym's ambient noise; AIOpsLab's no-op problems",
};

impl FaultModel for RedHerring {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 2.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if let (Some(service), false) = (event.service(), event.mended) {
            state.services[service].condition.herring += event.magnitude * event.strength(tick);
        }
    }
}
