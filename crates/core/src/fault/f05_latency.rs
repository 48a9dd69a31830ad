//! F05, latency: some replicas of a service take longer for every request, health checks included.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// The delay holds the replica's workers, so that its queue and its callers' pools fill; checks stay green as long as it is
/// shorter than their timeout.
pub(super) struct Latency;

const CARD: Card = Card {
    name: "latency",
    what: "Some replicas of a service take longer for every request; their queues and their callers' pools fill.",
    magnitude: "milliseconds added to each request, with a standard deviation of a quarter of it; with `spread`, uniform \
                so far around it (0: the same for every request)",
    time: "step",
    symptoms: &[symptom(Place::Target, "p99_latency", Moves::Up), symptom(Place::Callers, "p99_latency", Moves::Up)],
    right: &[Step::once(Remedy::Restart, Place::Target)],
    right_words: "restart the service, slow replicas first, or drain their node",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Target, 2, 10.0)],
    wrong_words: "scale down: fewer replicas, of which more are slow; restart the callers",
    role: Role::Scored,
    source: "Chaos Mesh NetworkChaos (delay); HTTPChaos (delay)",
};

fn slow(event: &FaultEvent) -> Impairment {
    let delay_s = event.magnitude / 1000.0;
    // A uniform distribution's standard deviation is its half width over the square root of three.
    let delay_sd_s = event.spread.map_or(0.25, |spread| spread * 0.577_350_3) * delay_s;
    Impairment { delay_s, delay_sd_s, delay_spread_s: event.spread.unwrap_or(0.0) * delay_s, ..Impairment::NONE }
}

impl FaultModel for Latency {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 60_000.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            impairments::impair_some(topology, state, service, event.blast_radius, slow(event), event.slot);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        impairments::hold_all(state, slow(event), event.slot);
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}
