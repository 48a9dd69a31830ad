//! F17, partition: a zone and the others cannot reach each other, and databases have two sides.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{lanes::set_lane, state::ClusterState, topology::Topology};

/// Users still reach every zone; calls that would cross the cut are lost, and databases see to their primaries.
pub(super) struct Partition;

const CARD: Card = Card {
    name: "partition",
    what: "A zone and the others cannot reach each other: calls across are waited for in vain; the side without a \
           majority of a database cannot write, or where nothing fences it both sides write and disagree.",
    magnitude: "unused (1)",
    time: "step; 1 to 10 minutes",
    symptoms: &[symptom(Place::Zone, "error_ratio", Moves::Up), symptom(Place::Cluster, "error_ratio", Moves::Up)],
    right: &[
        Step::repeated(Remedy::Rebalance, Place::Zone, 1, 0.0),
        Step::once(Remedy::RebalanceAll, Place::Cluster).after(700.0),
    ],
    right_words: "drain the users of the side without a majority, fence it, wait, and bring them back",
    wrong: &[Step::once(Remedy::Restart, Place::Busiest)],
    wrong_words: "restart what the majority still has; fail over on both sides",
    role: Role::Scored,
    source: "Chaos Mesh NetworkChaos (partition); SREGym network_policy_block",
};

impl FaultModel for Partition {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Zone
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 1.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(zone) = event.zone().filter(|_| !event.mended) {
            set_lane(&mut state.condition.cut_off, zone, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fault::{FaultId, trial::Trial},
        lanes::lane,
        scenario::{Database, Scenario},
    };

    fn with_database(database: Database, zone: &str) -> Trial {
        let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
        let own = scenario.services.iter_mut().find(|service| service.name == "database").expect("a database");
        own.database = Some(database);
        Trial::of(scenario, FaultId::F17, zone, 1.0, 0, 200)
    }

    #[test]
    fn calls_across_a_cut_are_lost_and_others_are_not() {
        let mut trial = Trial::spine12(FaultId::F17, "b", 1.0, 0, 200);
        trial.run(60);
        let failure = |trial: &Trial, from: &str, to: &str| trial.0.state.calls[trial.call(from, to)].failure;
        // Metrics run in a, the dashboard in b.
        assert!(lane(failure(&trial, "dashboard", "metrics"), 1) > 0.999);
        assert!(lane(failure(&trial, "gateway", "config"), 1) > 0.999);
        assert!(lane(failure(&trial, "gateway", "config"), 0) < 0.01);
        assert!(lane(failure(&trial, "gateway", "cache"), 1) < 0.1);
        trial.run(300);
        assert!(lane(failure(&trial, "dashboard", "metrics"), 1) < 0.01);
    }

    #[test]
    fn with_fencing_the_cut_off_side_cannot_write_and_nothing_diverges() {
        for zone in ["a", "b"] {
            let mut trial = with_database(Database::default(), zone);
            let cut = usize::from(zone == "b");
            // The primary stands in a: cutting b off costs no fail-over, cutting a off costs one of twenty seconds.
            trial.run(60);
            let write_error = trial.service("database").write_error;
            assert!((lane(write_error, cut) - 0.2).abs() < 1e-6, "{zone}: {write_error:?}");
            assert_eq!(lane(write_error, 1 - cut), 0.0);
            assert_eq!(trial.0.state.databases[0].primary as usize, 1 - cut);
            assert_eq!(trial.0.state.databases[0].term, if zone == "a" { 2 } else { 1 });
            trial.run(250);
            assert_eq!(trial.0.state.databases[0].diverged, 0.0);
            assert_eq!(trial.service("database").write_error.reduce_add(), 0.0);
        }
    }

    #[test]
    fn without_fencing_or_with_several_masters_both_sides_write_and_reconcile_later() {
        let unfenced = Database { fencing: false, ..Database::default() };
        let masters = Database { multi_master: true, ..Database::default() };
        for database in [unfenced, masters] {
            let mut trial = with_database(database, "b");
            trial.run(60);
            let early = trial.0.state.databases[0].diverged;
            assert!(early > 0.0);
            assert_eq!(trial.service("database").write_error.reduce_add(), 0.0);
            trial.run(148);
            let late = trial.0.state.databases[0].diverged;
            assert!(late > early && late < 0.5, "{early} {late}");
            // The fault is over; what was written is not.
            trial.run(5);
            assert!(!trial.0.state.faults[0].is_active(trial.0.state.tick));
            assert!(trial.service("gateway").wrong.reduce_add() > 0.01);
            trial.run(1200);
            assert_eq!(trial.0.state.databases[0].diverged, 0.0);
            assert!(!trial.0.state.disturbed && !trial.0.state.condition.wrong);
        }
    }

    #[test]
    fn a_quorum_counts_the_replicas_on_its_side_only() {
        // Four replicas, two a side: two answers are had on either side, three on neither.
        for (quorum, fails) in [(2, false), (3, true)] {
            let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
            let calls = scenario.calls.iter_mut();
            for call in calls.filter(|call| call.from == "gateway" && call.to == "auth") {
                call.quorum = Some(quorum);
            }
            let mut trial = Trial::of(scenario, FaultId::F17, "b", 1.0, 0, 200);
            trial.run(40);
            let failure = trial.0.state.calls[trial.call("gateway", "auth")].failure;
            for zone in [0, 1] {
                assert_eq!(lane(failure, zone) > 0.9, fails, "{quorum}: {failure:?}");
            }
        }
    }
}
