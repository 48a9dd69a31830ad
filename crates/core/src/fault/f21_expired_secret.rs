//! F21, expired secret: a certificate was renewed, and the callers still show the old one.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// A replica reads its secrets when it starts: each fresh one of a caller has the new one.
pub(super) struct ExpiredSecret;

const CARD: Card = Card {
    name: "expired secret",
    what: "The secret that a service's callers hold has expired: it refuses them until they start anew, or until it is \
           rotated.",
    magnitude: "ratio of the callers' replicas that hold the old secret",
    time: "step; until the callers restart, or somebody rotates it at the end",
    symptoms: &[symptom(Place::Callers, "error_ratio", Moves::Up), symptom(Place::Target, "requests", Moves::Down)],
    right: &[Step::once(Remedy::Restart, Place::Callers)],
    right_words: "restart the callers, which then read the new secret; or rotate it",
    wrong: &[
        Step::repeated(Remedy::Restart, Place::Target, 2, 60.0),
        Step::repeated(Remedy::ScaleUp, Place::Target, 4, 10.0),
        Step::repeated(Remedy::Rebalance, Place::Zone, 4, 15.0).after(30.0),
    ],
    wrong_words: "restart, scale or rebalance the service that refuses: it does as it should, and the zones that its \
                  callers are shifted between overflow",
    role: Role::Scored,
    source: "SREGym expired_tls, secret_rotation_stale_env",
};

/// Sets which share of each caller's replicas holds the old secret.
fn set_stale(topology: &Topology, state: &mut ClusterState, service: usize, change: impl Fn(f32) -> f32) {
    for (_, call) in topology.calls.iter().zip(&mut state.calls).filter(|(table, _)| table.to == service) {
        call.stale_secret = change(call.stale_secret);
    }
    state.has_stale_secrets = true;
}

impl FaultModel for ExpiredSecret {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn mended_by(&self) -> Option<Remedy> {
        Some(Remedy::RotateSecret)
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            set_stale(topology, state, service, |stale| stale.max(event.magnitude));
        }
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(service) = event.service() {
            if event.mended {
                set_stale(topology, state, service, |_| 0.0);
            }
            // Another attempt shows the same secret.
            state.condition.lasting = true;
        }
    }

    fn end(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            set_stale(topology, state, service, |_| 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fault::{FaultId, trial::Trial},
        lanes::lane,
    };

    #[test]
    fn only_a_fresh_caller_or_a_rotation_brings_the_new_secret() {
        let stale = |trial: &Trial| trial.0.state.calls[trial.call("gateway", "auth")].stale_secret;
        let mut trial = Trial::spine12(FaultId::F21, "auth", 1.0, 0, 600);
        assert!(trial.run(60) > 0.7);
        assert_eq!(stale(&trial), 1.0);
        let mut rotated = Trial(trial.0.clone());
        trial.send("restart(auth)");
        trial.run(150);
        assert_eq!(stale(&trial), 1.0);
        trial.send("restart(gateway)");
        trial.run(200);
        assert_eq!(stale(&trial), 0.0);
        assert!(trial.run(20) < 0.1);
        rotated.0.state.faults[0].mended = true;
        rotated.run(30);
        assert_eq!(stale(&rotated), 0.0);
        assert!(rotated.run(20) < 0.05);
    }

    #[test]
    fn trying_again_does_not_help_against_an_old_secret() {
        // Gateways try twice more: three independent attempts with half the secrets stale would fail one time in eight.
        let mut trial = Trial::spine12(FaultId::F21, "cache", 0.5, 0, 600);
        trial.run(60);
        let failure = trial.0.state.calls[trial.call("gateway", "cache")].failure;
        assert!((lane(failure, 0) - 0.5).abs() < 0.05, "{failure:?}");
    }
}
