//! F27, telemetry gap: nothing is scraped any more, and perhaps the control plane is down as well.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{state::ClusterState, topology::Topology};

/// The cluster itself is healthy: what the policy sees of it, but for its replicas, is what it last saw.
pub(super) struct TelemetryGap;

const CARD: Card = Card {
    name: "telemetry gap",
    what: "Scrapes are lost: metrics freeze at the last ones, while the counts of running and starting replicas, which \
           the orchestrator knows, stay live; the cluster is healthy. In every other case the control plane is down \
           too, and actions have no effect.",
    magnitude: "1 to 2: scrapes are lost; from 2: actions are ignored as well; above 3: only \
                actions are ignored",
    time: "step",
    symptoms: &[symptom(Place::Busiest, "staleness", Moves::Up)],
    right: &[],
    right_words: "wait, unless the users' own errors say otherwise",
    wrong: &[Step::once(Remedy::Restart, Place::Busiest), Step::once(Remedy::ScaleUp, Place::Busiest).after(45.0)],
    wrong_words: "act on what is stale: restart or scale services that are well",
    role: Role::Wait,
    source: "S3's detector outage; AIOpsLab's Noop problems",
};

/// Magnitude from which the control plane is down, too, and above which it alone is.
const CONTROL_DOWN: f32 = 2.0;
/// See `CONTROL_DOWN`.
const CONTROL_ALONE: f32 = 3.0;

impl FaultModel for TelemetryGap {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Cluster
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (1.0, 4.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, _tick: u64) {
        if !event.mended {
            if event.magnitude <= CONTROL_ALONE {
                state.condition.scrape_loss = 1.0;
            }
            state.condition.control_down |= event.magnitude >= CONTROL_DOWN;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::{FaultId, trial::{ONSET_S, Trial}};

    #[test]
    fn a_telemetry_gap_freezes_what_is_seen_and_hurts_nobody() {
        let mut trial = Trial::spine12(FaultId::F27, "", 1.0, 0, 200);
        trial.run(ONSET_S);
        let seen = trial.service("gateway").telemetry.scraped_at;
        assert!(trial.run(150) < 0.001);
        assert_eq!(trial.service("gateway").telemetry.scraped_at, seen);
        trial.run(60);
        assert!(trial.service("gateway").telemetry.scraped_at > seen + 150);
    }

    #[test]
    fn a_control_plane_that_is_down_alone_leaves_metrics_fresh() {
        let mut trial = Trial::spine12(FaultId::F27, "", 4.0, 0, 200);
        trial.run(ONSET_S + 100);
        assert!(trial.service("gateway").telemetry.scraped_at > ONSET_S + 80);
    }

    #[test]
    fn actions_are_ignored_only_where_the_control_plane_is_down_too() {
        for (magnitude, wanted) in [(1.5, 5.0), (2.0, 4.0), (4.0, 4.0)] {
            let mut trial = Trial::spine12(FaultId::F27, "", magnitude, 0, 200);
            trial.run(30);
            trial.send("scale up(auth)");
            trial.run(30);
            assert_eq!(trial.service("auth").wanted, wanted);
        }
    }
}
