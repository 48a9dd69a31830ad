//! F25, database fail-over: the primary is lost, and what waited for it then waits for locks.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{simulation::databases, state::ClusterState, topology::Topology};

/// Writes fail until there is a new primary; queries are slower as long as the fault lasts.
pub(super) struct DatabaseFailover;

const CARD: Card = Card {
    name: "database fail-over",
    what: "A database loses its primary: writes fail until another member has taken over, and contention for locks \
           slows everything down for a while.",
    magnitude: "seconds until there is a primary again",
    time: "step; 10 to 60 s without a primary, some more with contention",
    symptoms: &[symptom(Place::Target, "error_ratio", Moves::Up), symptom(Place::Target, "utilisation", Moves::Up)],
    right: &[],
    right_words: "wait: the fail-over is under way",
    wrong: &[
        Step::once(Remedy::Restart, Place::Target).after(45.0),
        Step::once(Remedy::FailOver, Place::Target).after(70.0),
    ],
    wrong_words: "restart the database or fail it over once more: another fail-over, with fewer members",
    role: Role::Wait,
    source: "SREGym postgres_lock_contention; PostgreSQL's fail-over by Patroni takes about as long",
};

/// Factor on speed that contention for locks leaves.
const CONTENDED: f32 = 0.8;

impl FaultModel for DatabaseFailover {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Database
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 600.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            databases::lose_primary(topology, state, service, event.magnitude);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(service) = event.service().filter(|_| !event.mended) {
            state.services[service].condition.speed *= CONTENDED;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fault::{FaultId, trial::{ONSET_S, Trial}},
        lanes::lane,
    };

    #[test]
    fn writes_fail_for_as_long_as_there_is_no_primary_however_often_they_are_tried() {
        let mut trial = Trial::spine12(FaultId::F25, "database", 30.0, 0, 100);
        trial.run(ONSET_S + 25);
        // The gateway tries once more, and half of a fifth would come through if attempts were independent.
        let failure = trial.0.state.calls[trial.call("gateway", "database")].failure;
        assert!((lane(failure, 0) - 0.2).abs() < 0.01, "{failure:?}");
        assert_eq!((trial.0.state.databases[0].primary, trial.0.state.databases[0].term), (1, 2));
        trial.run(10);
        assert!(trial.run(10) < 0.01);
    }

    #[test]
    fn a_restart_is_another_fail_over() {
        let mut trial = Trial::spine12(FaultId::F25, "database", 30.0, 0, 100);
        trial.run(ONSET_S + 40);
        let mut waited = Trial(trial.0.clone());
        trial.send("restart(database)");
        let (restarted, waited) = (trial.run(60), waited.run(60));
        assert!(restarted > waited + 0.01, "{restarted} {waited}");
    }
}
