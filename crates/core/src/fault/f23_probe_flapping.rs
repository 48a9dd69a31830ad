//! F23, flapping health checks: probes that are too strict take healthy replicas out and restart them.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{simulation::replicas, state::ClusterState, topology::Topology};

/// A run of failed checks ends a replica's rotation (readiness), and its life (liveness): it starts anew.
pub(super) struct ProbeFlapping;

const CARD: Card = Card {
    name: "flapping health checks",
    what: "Health checks of a service fail at random: its replicas leave rotation, are restarted, and come back cold, \
           so that part of its capacity is always starting.",
    magnitude: "probability that a check fails",
    time: "step",
    symptoms: &[symptom(Place::Target, "ready", Moves::Down), symptom(Place::Target, "starting", Moves::Up)],
    right: &[Step::repeated(Remedy::ScaleUp, Place::Target, 4, 10.0)],
    right_words: "scale up until the replicas that happen to be ready suffice; relax the probe (roll back)",
    wrong: &[Step::repeated(Remedy::ScaleDown, Place::Target, 2, 10.0)],
    wrong_words: "restart or scale down: still fewer are in rotation, and the rest is overloaded",
    role: Role::Scored,
    source: "SREGym liveness_probe_too_aggressive; Huang et al., OSDI'22 (capacity degradation)",
};

/// Runs of failed checks that a check completes, per replica that runs: one more than as many failures as it takes.
///
/// The mean number of checks until the first run of n failures is (p^-n - 1) / (1 - p).
fn runs_per_check(failure: f32, needed: usize) -> f32 {
    let run = (0..needed).fold(1.0, |run, _| run * failure);
    if failure >= 1.0 { 1.0 / needed as f32 } else { run * (1.0 - failure) / (1.0 - run) }
}

impl FaultModel for ProbeFlapping {
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

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        let Some(service) = event.service().filter(|_| !event.mended) else { return };
        let table = &topology.services[service];
        let condition = &mut state.services[service].condition;
        condition.check_failure = condition.check_failure.max(event.magnitude);
        let checks = topology.tick_s * 1e6 / table.check_us as f32;
        let share = (checks * runs_per_check(event.magnitude, table.check_failures)).min(1.0);
        replicas::recycle(topology, state, service, share);
    }
}

#[cfg(test)]
mod tests {
    use super::runs_per_check;
    use crate::fault::{FaultId, trial::Trial};

    #[test]
    fn runs_of_failures_are_as_rare_as_renewal_theory_says() {
        // Heads in a row with a fair coin: 14 throws until three on average; with p = 1 every third check ends one.
        assert!((runs_per_check(0.5, 3) - 1.0 / 14.0).abs() < 1e-6);
        assert!((runs_per_check(0.999_9, 3) - 1.0 / 3.0).abs() < 1e-3);
        assert_eq!(runs_per_check(0.0, 3), 0.0);
    }

    #[test]
    fn strict_probes_keep_part_of_a_service_starting() {
        let mut trial = Trial::spine12(FaultId::F23, "auth", 0.7, 0, 300);
        trial.run(200);
        // A replica lives through 1 / runs_per_check checks of 5 s, and takes 30 s to start.
        let lives_s = 5.0 / runs_per_check(0.7, 3);
        let running = trial.service("auth").placement.running() / trial.service("auth").wanted;
        assert!((running - lives_s / (lives_s + 30.0)).abs() < 0.03, "{running}");
        trial.run(400);
        assert!(trial.service("auth").placement.running() > 3.99);
    }
}
