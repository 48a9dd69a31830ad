//! F26, broker rebalance: a broker cannot be reached, and its consumers pause until they have shared it out anew.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// As long as it lasts, every consumer that joins or leaves makes all of them pause again.
pub(super) struct BrokerRebalance;

const CARD: Card = Card {
    name: "broker rebalance",
    what: "A broker's coordinator is lost: its consumers pause until they have shared the work out anew, and pause \
           again whenever one of them joins or leaves.",
    magnitude: "seconds for which consumers pause at the onset",
    time: "step",
    symptoms: &[symptom(Place::Target, "queue", Moves::Up)],
    right: &[],
    right_words: "wait: the consumers catch up",
    wrong: &[
        Step::once(Remedy::Restart, Place::Callees),
        Step::repeated(Remedy::ScaleUp, Place::Callees, 3, 30.0).after(25.0),
    ],
    wrong_words: "restart or scale the consumers again and again: each change is another pause",
    role: Role::Wait,
    source: "SREGym kafka_queue_problems; Kafka's eager consumer rebalancing",
};

/// Seconds of pause that each member who joins or leaves adds.
const REBALANCE_S: f32 = 12.0;

impl FaultModel for BrokerRebalance {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Broker
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 600.0)
    }

    fn begin(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            let own = &mut state.services[service];
            own.pause_s = own.pause_s.max(event.magnitude);
        }
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if let Some(service) = event.service().filter(|_| !event.mended) {
            let condition = &mut state.services[service].condition;
            condition.rebalance_s = condition.rebalance_s.max(REBALANCE_S);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{FaultId, trial::{ONSET_S, Trial}};

    #[test]
    fn each_membership_change_pauses_consumers_again() {
        let mut trial = Trial::spine12(FaultId::F26, "queue", 30.0, 0, 400);
        trial.run(ONSET_S + 5);
        let paused = trial.service("queue");
        assert!(paused.pause_s > 20.0 && paused.consumed_per_s.reduce_add() == 0.0);
        trial.run(95);
        assert_eq!(trial.service("queue").pause_s, 0.0);
        let mut waited = Trial(trial.0.clone());
        trial.send("restart(worker)");
        let deepest = |trial: &mut Trial, seconds: u64| {
            (0..seconds).fold(0.0_f32, |deepest, _| {
                trial.run(1);
                deepest.max(trial.service("queue").depth.reduce_add())
            })
        };
        let (pausing, working) = (deepest(&mut trial, 100), deepest(&mut waited, 100));
        assert!(pausing > 1000.0 && working == 0.0, "{pausing} {working}");
        // When the coordinator is back, consumers join with no more than the usual pause.
        waited.run(200);
        waited.send("restart(worker)");
        let usual = deepest(&mut waited, 100);
        assert!(usual < 0.5 * pausing, "{usual} {pausing}");
    }

    #[test]
    fn a_pause_shorter_than_the_deadline_makes_no_message_late() {
        let mut trial = Trial::spine12(FaultId::F26, "queue", 15.0, 0, 200);
        assert!(trial.run(ONSET_S + 60) < 0.01);
        let mut trial = Trial::spine12(FaultId::F26, "queue", 60.0, 0, 200);
        assert!(trial.run(ONSET_S + 60) > 0.05);
    }
}
