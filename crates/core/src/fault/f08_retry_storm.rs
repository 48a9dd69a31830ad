//! F08, retry storm: callers retry without a budget, and a short loss of capacity starts a storm that feeds itself.

use super::{
    Card, FaultEvent, FaultModel, Role, TargetKind,
    card::{Moves, Place, Remedy, Step, symptom},
};
use crate::{lanes::f32x4, state::ClusterState, topology::Topology};

/// The callers' retry settings (three further attempts, no budget, no breaker) stay for the rest of the episode: they are
/// what makes the trigger's end no end.
pub(super) struct RetryStorm;

const CARD: Card = Card {
    name: "retry storm",
    what: "Callers retry three times without budget or breaker; a short loss of capacity tips them into a storm that \
           outlasts it.",
    magnitude: "factor on the service's speed while the trigger lasts",
    time: "trigger of 10 to 30 s; the storm ends only when the load falls below mu / (1 + R)",
    symptoms: &[
        symptom(Place::Target, "queue", Moves::Up),
        symptom(Place::Target, "requests", Moves::Up),
        symptom(Place::Callers, "error_ratio", Moves::Up),
    ],
    right: &[Step::once(Remedy::Restart, Place::Callers)],
    right_words: "cut what reaches the service: restart or scale down its callers, rebalance, shed; then restore",
    wrong: &[
        Step::repeated(Remedy::Restart, Place::Target, 4, 60.0),
        Step::repeated(Remedy::ScaleUp, Place::Callers, 6, 10.0).after(25.0),
    ],
    wrong_words: "restart the struck service replica by replica under full load, or scale the callers up: more retries",
    role: Role::Scored,
    source: "Bronson et al., Metastable failures in distributed systems, HotOS'21; SREGym load_spike_rpc_retry_storm",
};

/// Further attempts that the misconfigured callers make.
const RETRIES: u8 = 3;

impl FaultModel for RetryStorm {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.01, 1.0)
    }

    fn lingers(&self) -> bool {
        true
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        let calls = topology.calls.iter().zip(&mut state.calls);
        for (_, call) in calls.filter(|(table, _)| Some(table.to) == event.service()) {
            call.pass = 1.0;
            call.allowed = f32x4::ONE;
        }
    }

    fn advance(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        let Some(service) = event.service().filter(|_| !event.mended) else { return };
        if event.is_active(tick) {
            state.services[service].condition.speed *= event.magnitude;
        }
        if state.remedies.retries_off {
            return;
        }
        for (table, call) in topology.calls.iter().zip(&mut state.calls) {
            if table.to == service {
                call.retries = table.retries.max(RETRIES);
                call.budgeted = false;
                call.guarded = false;
            }
        }
    }
}
