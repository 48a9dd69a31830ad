//! F19, gray failure: some replicas fail their callers and notice nothing.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{
    simulation::impairments,
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// Probes and the service's own error metric stay green: only those who call it know.
pub(super) struct GrayFailure;

const CARD: Card = Card {
    name: "gray failure",
    what: "Some replicas of a service fail their callers, while their health checks and their own metrics stay green.",
    magnitude: "ratio of the struck replicas' answers that their callers cannot use",
    time: "step",
    symptoms: &[symptom(Place::Callers, "error_ratio", Moves::Up), symptom(Place::Cluster, "error_ratio", Moves::Up)],
    right: &[Step::once(Remedy::Restart, Place::Target)],
    right_words: "believe the callers: restart or drain the service that all of those who fail call",
    wrong: &[Step::once(Remedy::Restart, Place::Callers)],
    wrong_words: "believe the probes, and restart those who report the errors",
    role: Role::Scored,
    source: "Huang et al., Gray failure: the Achilles' heel of cloud-scale systems, HotOS'17",
};

fn unseen(event: &FaultEvent) -> Impairment {
    Impairment { unseen_error: event.magnitude, ..Impairment::NONE }
}

impl FaultModel for GrayFailure {
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
            impairments::impair_some(topology, state, service, event.blast_radius, unseen(event), event.slot);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if !event.mended {
            impairments::hold_all(state, unseen(event), event.slot);
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        impairments::release_all(topology, state, impairments::Release::Recover, event.slot);
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{FaultId, trial::Trial};

    #[test]
    fn a_gray_failure_shows_at_the_callers_only() {
        let mut trial = Trial::spine12(FaultId::F19, "cache", 1.0, 0, 300);
        trial.run(100);
        let own = &trial.service("cache").telemetry;
        assert!(own.error_ratio < 1e-3 && own.ready == 1.0 && own.utilisation < 0.8, "{own:?}");
        for caller in ["gateway", "auth", "worker"] {
            let seen = trial.service(caller).telemetry.error_ratio;
            assert!(seen > 0.05, "{caller}: {seen}");
        }
        trial.send("restart(cache)");
        trial.run(150);
        assert!(trial.run(10) < 0.01);
    }
}
