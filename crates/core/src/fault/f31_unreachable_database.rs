//! F31, unreachable database: what its callers send to a database is lost on the way.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{lanes::f32x4, state::ClusterState, topology::Topology};

/// Nobody refuses the calls: callers hold their connections until the timeouts, and try again.
pub(super) struct UnreachableDatabase;

const CARD: Card = Card {
    name: "database unreachable",
    what: "What is sent to a database is lost on the way: its callers wait for their timeouts, with their pools full, \
           while the database itself is well and idle.",
    magnitude: "share of the calls to it that is lost",
    time: "step",
    symptoms: &[
        symptom(Place::Callers, "error_ratio", Moves::Up),
        symptom(Place::Target, "requests", Moves::Down),
    ],
    right: &[
        Step::once(Remedy::OpenBreaker, Place::Target),
        Step::once(Remedy::CloseBreaker, Place::Target).after(600.0),
    ],
    right_words: "hold the breakers open, so that callers fail at once and serve whatever needs no data; close them after",
    wrong: &[Step::once(Remedy::Restart, Place::Target)],
    wrong_words: "restart the database or its callers: nothing is wrong with either",
    role: Role::Extended,
    source: "S4's troubleshooting (the database is not reachable); Chaos Mesh NetworkChaos (loss); SREGym \
             network_policy_block",
};

impl FaultModel for UnreachableDatabase {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Database
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        let Some(service) = event.service().filter(|_| !event.mended) else { return };
        let kept = f32x4::splat(1.0 - event.magnitude * event.strength(tick));
        for (table, call) in topology.calls.iter().zip(&mut state.calls) {
            if table.to == service {
                call.loss = f32x4::ONE - (f32x4::ONE - call.loss) * kept;
            }
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
    fn nothing_arrives_at_the_database_s_callers_and_nothing_is_wrong_with_it() {
        let mut trial = Trial::spine12(FaultId::F31, "database", 1.0, 0, 200);
        trial.run(ONSET_S + 30);
        let failure = trial.0.state.calls[trial.call("gateway", "database")].failure;
        assert!(lane(failure, 0) > 0.99, "{failure:?}");
        assert!(trial.service("database").impairment.sources == 0);
        assert!(trial.service("database").offered_per_s.reduce_add() < 0.1);
        trial.run(180);
        trial.run(100);
        assert!(trial.run(30) < 0.01, "it can be reached again");
    }
}
