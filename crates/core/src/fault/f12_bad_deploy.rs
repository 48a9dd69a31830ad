//! F12, bad deploy: a new version that fails is rolled out over the replicas of one zone.

use super::{
    Card, FaultEvent, FaultModel, FaultTarget, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    ids::ZoneId,
    simulation::impairments,
    state::{ClusterState, HEALTHY, IMPAIRED, Impairment},
    topology::Topology,
};

/// The roll-out goes zone by zone and waits after the first; but the new version is the one that is wanted, so that
/// whatever starts, anywhere, starts with it. At the end it is rolled back, replica by replica.
pub(super) struct BadDeploy;

const CARD: Card = Card {
    name: "bad deploy",
    what: "A new version that fails is rolled out, first to some replicas of one zone, then to all of them; whatever \
           starts meanwhile, anywhere, has the new version.",
    magnitude: "ratio of errors of a replica with the new version",
    time: "ramp of 1 to 2 minutes, five to ten in reality (fivefold)",
    symptoms: &[symptom(Place::Target, "error_ratio", Moves::Up), symptom(Place::Zone, "error_ratio", Moves::Up)],
    right: &[Step::once(Remedy::Rebalance, Place::Zone)],
    right_words: "roll back; or shift traffic to the zones that have the old version",
    wrong: &[Step::once(Remedy::Restart, Place::Target)],
    wrong_words: "restart: every replica starts with the bad version; scale up: more of it",
    role: Role::Scored,
    source: "SREGym incorrect_image, rolling_update_misconfigured",
};

fn bad(event: &FaultEvent) -> Impairment {
    Impairment { error: event.magnitude, ..Impairment::NONE }
}

/// The zone that comes first: another one of the service's with every onset.
fn first_zone(topology: &Topology, event: &FaultEvent) -> Option<usize> {
    let zones = &topology.services[event.service()?].zones;
    Some(zones[event.onset_tick as usize % zones.len()])
}

/// Replaces as many replicas of a zone as the roll-out has come to, whole ones.
fn roll_out(topology: &Topology, state: &mut ClusterState, event: &FaultEvent, service: usize, zone: usize, tick: u64) {
    let in_zone = |node: usize| topology.nodes[node].zone == zone;
    let placement = &state.services[service].placement;
    let count = |kind: usize| -> f32 {
        (0..topology.nodes.len()).filter(|&node| in_zone(node)).map(|node| placement.running[kind][node]).sum()
    };
    let (old, new) = (count(HEALTHY), count(IMPAIRED));
    let share = event.blast_radius + (1.0 - event.blast_radius) * event.strength(tick);
    let missing = ((old + new) * share).round() - new;
    if old > 0.0 && missing >= 0.5 {
        impairments::impair_on(topology, state, service, (missing / old).min(1.0), &in_zone, bad(event), event.slot);
    }
}

impl FaultModel for BadDeploy {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn mended_by(&self) -> Option<Remedy> {
        Some(Remedy::Rollback)
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn lingers(&self) -> bool {
        true
    }

    fn place(&self, topology: &Topology, event: &FaultEvent) -> Option<FaultTarget> {
        first_zone(topology, event).map(|zone| FaultTarget::Zone(ZoneId(zone as u32)))
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        let (Some(service), Some(zone)) = (event.service(), first_zone(topology, event)) else { return };
        let wanted = !event.mended && event.is_active(tick);
        if wanted {
            roll_out(topology, state, event, service, zone, tick);
            let own = &mut state.services[service];
            impairments::note_source(topology, service, own, event.slot);
            own.condition.sticky = own.condition.sticky.map(|_| 1.0);
        }
        impairments::hold_all(state, bad(event), event.slot);
        if !wanted {
            impairments::replace_in_turn(topology, state, event.slot);
        }
    }
}
