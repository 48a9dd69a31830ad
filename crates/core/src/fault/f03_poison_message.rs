//! F03, poison message: messages that nobody can work off block consumers, and the backlog grows.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// Consumers spend their time on messages that fail and come back; what is left of it works off the others.
pub(super) struct PoisonMessage;

const CARD: Card = Card {
    name: "poison message",
    what: "Messages that fail whenever they are tried block part of a broker's consumption: the backlog grows until \
           messages come too late, while everything synchronous is well.",
    magnitude: "share of the consumption that is blocked at full strength",
    time: "ramp of 1 to 2 minutes, ten in reality (sixfold)",
    symptoms: &[
        symptom(Place::Callees, "requests", Moves::Down),
        symptom(Place::Target, "queue", Moves::Up),
        symptom(Place::Target, "error_ratio", Moves::Up),
    ],
    right: &[Step::repeated(Remedy::ScaleUp, Place::Callees, 3, 15.0)],
    right_words: "scale the consumers; drop the poison messages",
    wrong: &[Step::repeated(Remedy::Restart, Place::Callees, 4, 150.0)],
    wrong_words: "restart the consumers again and again: redeliveries, and a pause for everybody whenever one joins or \
                  leaves; scale the producers",
    role: Role::Scored,
    source: "SREGym kafka_poison_pill_hol_block",
};

impl FaultModel for PoisonMessage {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Broker
    }

    fn mended_by(&self) -> Option<Remedy> {
        Some(Remedy::FlushQueue)
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if let (Some(service), false) = (event.service(), event.mended) {
            let blocked = &mut state.services[service].condition.blocked;
            *blocked = 1.0 - (1.0 - *blocked) * (1.0 - event.magnitude * event.strength(tick));
        }
    }
}
