//! F08, retry storm: callers retry without a budget, and a short loss of capacity starts a storm that feeds itself.

use super::{FaultEvent, FaultModel, TargetKind};
use crate::{state::ClusterState, topology::Topology};

/// Magnitude: factor on the service's speed while the trigger lasts. The callers' retry settings (three further
/// attempts, no budget, no breaker) stay for the rest of the episode: they are what makes the trigger's end no end.
///
/// Bronson et al., "Metastable failures in distributed systems", HotOS'21: above `mu / (1 + R)` the storm sustains itself.
pub(super) struct RetryStorm;

/// Further attempts that the misconfigured callers make.
const RETRIES: u8 = 3;

impl FaultModel for RetryStorm {
    fn name(&self) -> &'static str {
        "retry storm"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Service
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.01, 1.0)
    }

    fn begin(&self, topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        let Some(service) = event.service() else { return };
        state.services[service].speed *= event.magnitude;
        for (table, call) in topology.calls.iter().zip(&mut state.calls) {
            if table.to == service {
                call.retries = call.retries.max(RETRIES);
                call.budgeted = false;
                call.guarded = false;
                call.pass = 1.0;
                call.allowed = crate::lanes::f32x4::ONE;
            }
        }
    }

    fn end(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            let speed = &mut state.services[service].speed;
            *speed = (*speed / event.magnitude).min(1.0);
        }
    }
}
