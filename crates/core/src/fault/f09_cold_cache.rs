//! F09, cold cache: a cache loses its content, and every request falls through to what lies behind it.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// Fills bring the hit ratio back, as far as they succeed.
pub(super) struct ColdCache;

const CARD: Card = Card {
    name: "cold cache",
    what: "A cache loses its content; what lies behind it is overloaded, fails to fill it, and stays overloaded.",
    magnitude: "share of the hit ratio that is lost at the onset",
    time: "step; until fills succeed",
    symptoms: &[symptom(Place::Callees, "requests", Moves::Up), symptom(Place::Callees, "utilisation", Moves::Up)],
    right: &[Step::repeated(Remedy::ScaleUp, Place::Callees, 3, 5.0)],
    right_words: "scale what lies behind the cache, or shift load away, so that fills succeed",
    wrong: &[Step::once(Remedy::Restart, Place::Target), Step::once(Remedy::Restart, Place::Callees)],
    wrong_words: "restart the cache (cold again) or the database",
    role: Role::Scored,
    source: "Huang et al., Metastable failures in the wild, OSDI'22, section 5.3",
};

impl FaultModel for ColdCache {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Cache
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn begin(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            state.services[service].hit_ratio *= 1.0 - event.magnitude;
        }
    }
}
