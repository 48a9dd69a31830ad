//! F30, stuck starting: replicas of a service that start never become ready.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{simulation::replicas, state::ClusterState, topology::Topology};

/// Part of the service was being replaced when it came up: those hang, as does whatever starts after them, until the cause
/// is gone. Replicas that run go on running.
pub(super) struct StuckStarting;

const CARD: Card = Card {
    name: "stuck starting",
    what: "Some replicas of a service have just been replaced, and those that start wait for ever for something that \
           they need: they never become ready, and neither does whatever else of the service starts.",
    magnitude: "unused (1)",
    time: "step; until a rollback, or until what they wait for is there",
    symptoms: &[
        symptom(Place::Target, "starting", Moves::Up),
        symptom(Place::Target, "running", Moves::Down),
    ],
    right: &[Step::once(Remedy::Rollback, Place::Target)],
    right_words: "roll back to what starts; leave those alone that run",
    wrong: &[Step::once(Remedy::Drain, Place::Nodes)],
    wrong_words: "drain a node: what it hosts hangs elsewhere; scale up or restart: more that hang",
    role: Role::Extended,
    source: "S4's troubleshooting (services do not start); Kubernetes' ImagePullBackOff and failing init containers",
};

impl FaultModel for StuckStarting {
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
        (1.0, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            replicas::recycle(topology, state, service, event.blast_radius);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(service) = event.service().filter(|_| !event.mended) {
            state.services[service].condition.starts = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{
        FaultId,
        trial::{ONSET_S, Trial},
    };

    #[test]
    fn what_starts_hangs_until_the_cause_is_gone() {
        let mut trial = Trial::spine12(FaultId::F30, "gateway", 1.0, 0, 300);
        trial.run(ONSET_S + 100);
        let running = |trial: &Trial| trial.service("gateway").placement.running();
        assert!((running(&trial) - 4.0).abs() < 1e-3, "half of eight are struck");
        trial.send("scale up(gateway)");
        trial.run(100);
        assert!((running(&trial) - 4.0).abs() < 1e-3, "whatever starts hangs too");
        let mut drained = Trial(trial.0.clone());
        drained.send("drain(a1)");
        drained.run(50);
        assert!(running(&drained) < 3.5, "what moves does not arrive");
        // A rolling restart waits for those that hang.
        let mut restarted = Trial(trial.0.clone());
        restarted.send("restart(gateway)");
        restarted.run(50);
        assert!((running(&restarted) - 4.0).abs() < 1e-3);
        trial.run(200);
        assert!((running(&trial) - 10.0).abs() < 0.1, "{}", running(&trial));
    }
}
