//! F01, config poisoning: a bad configuration reaches the services that read it, one after another.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, IMPAIRED, Impairment},
    topology::Topology,
};

/// Some replicas have the bad configuration from the push; whatever starts before it is corrected loads it as well. Once
/// it is corrected, replicas that loaded it keep it until they start anew.
pub(super) struct ConfigPoisoning;

const CARD: Card = Card {
    name: "config poisoning",
    what: "A bad configuration reaches part of the replicas of the services that read it, one service after another; \
           whatever starts before it is corrected loads it, and whoever has loaded it keeps it until a restart.",
    magnitude: "ratio of errors of a replica that has loaded it",
    time: "step at the first reader, the last one 5 to 60 s later; corrected after two minutes, which take half an hour \
           in reality (fifteenfold)",
    symptoms: &[symptom(Place::Callers, "error_ratio", Moves::Up)],
    right: &[Step::once(Remedy::Restart, Place::Callers).after(150.0)],
    right_words: "roll back; or restart those who read it after it is corrected",
    wrong: &[Step::once(Remedy::Restart, Place::Callers)],
    wrong_words: "restart at once: every replica loads the bad configuration",
    role: Role::Scored,
    source: "SREGym configmap_drift, misconfig_app",
};

fn poisoned(event: &FaultEvent) -> Impairment {
    Impairment { error: event.magnitude, ..Impairment::NONE }
}

/// The services that read the configuration, in their order.
fn readers<'a>(topology: &'a Topology, event: &FaultEvent) -> impl Iterator<Item = usize> + 'a {
    let holder = event.service();
    let reads = move |&service: &usize| {
        let table = &topology.services[service];
        table.is_managed() && topology.calls[table.calls.clone()].iter().any(|call| Some(call.to) == holder)
    };
    topology.order.iter().map(|&service| service as usize).filter(reads)
}

impl FaultModel for ConfigPoisoning {
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

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if !event.mended && event.is_active(tick) {
            let last = (readers(topology, event).count() as u64).max(2) - 1;
            for (turn, service) in readers(topology, event).enumerate() {
                if tick == event.onset_tick + event.ramp_ticks * turn as u64 / last {
                    let (share, how) = (event.blast_radius, poisoned(event));
                    impairments::impair_some(topology, state, service, share, how, event.slot);
                }
                let own = &mut state.services[service];
                impairments::note_source(topology, service, own, event.slot);
                own.condition.sticky = own.condition.sticky.map(|_| 1.0);
            }
        }
        impairments::hold_all(state, poisoned(event), event.slot);
        if event.mended {
            impairments::replace_in_turn(topology, state, event.slot);
        } else if !event.is_active(tick) {
            for service in readers(topology, event) {
                if state.services[service].placement.running[IMPAIRED].iter().sum::<f32>() <= 0.0 {
                    impairments::release(topology, state, service, impairments::Release::Recover, event.slot);
                }
            }
        }
    }
}
