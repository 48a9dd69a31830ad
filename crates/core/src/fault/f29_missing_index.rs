//! F29, missing index: a database's queries read whole tables, which take longer the more there is in them.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// Every query takes a multiple of its usual time, which grows over the ramp as the tables do. It is the data's fault and
/// not the replicas': a restart changes nothing and costs a fail-over, more replicas share the work.
pub(super) struct MissingIndex;

const CARD: Card = Card {
    name: "missing index",
    what: "An index is gone, and a database's queries read whole tables: each takes a multiple of its time, ever longer \
           as the tables grow.",
    magnitude: "factor on the time of a query at full strength",
    time: "ramp of 1 to 4 minutes; the days in which a table grows are compressed a thousandfold",
    symptoms: &[
        symptom(Place::Target, "utilisation", Moves::Up),
        symptom(Place::Target, "p99_latency", Moves::Up),
    ],
    right: &[Step::repeated(Remedy::ScaleUp, Place::Target, 4, 15.0)],
    right_words: "scale the database's readers up until the index is back; roll the migration back that dropped it",
    wrong: &[Step::once(Remedy::Restart, Place::Target)],
    wrong_words: "restart the database: the same queries meet fewer replicas, after a fail-over",
    role: Role::Scored,
    source: "S2's query optimisation and index recommendation; SREGym missing_index",
};

impl FaultModel for MissingIndex {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Database
    }

    fn mended_by(&self) -> Option<Remedy> {
        Some(Remedy::Rollback)
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 100.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        if let Some(service) = event.service().filter(|_| !event.mended) {
            state.services[service].condition.speed /= 1.0 + (event.magnitude - 1.0) * event.strength(tick);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fault::{
            FaultId,
            trial::{ONSET_S, Trial},
        },
        lanes::lane,
    };

    #[test]
    fn queries_take_ever_longer_until_more_replicas_share_them() {
        let mut trial = Trial::spine12(FaultId::F29, "database", 3.0, 100, 800);
        trial.run(ONSET_S);
        let response_s = |trial: &Trial| lane(trial.service("database").populations[0].own_mean_s, 0);
        let before = response_s(&trial);
        trial.run(50);
        let halfway = response_s(&trial);
        assert!(halfway > 1.9 * before, "{before} {halfway}");
        let mut restarted = Trial(trial.0.clone());
        let mut waited = Trial(trial.0.clone());
        for _ in 0..4 {
            trial.send("scale up(database)");
            trial.run(10);
        }
        restarted.send("restart(database)");
        let (scaled, restarted, waited) = (trial.run(300), restarted.run(340), waited.run(340));
        assert!(scaled < 0.5 * waited && restarted >= waited, "{scaled} {waited} {restarted}");
    }
}
