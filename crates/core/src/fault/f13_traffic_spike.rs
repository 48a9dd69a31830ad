//! F13, traffic spike: users ask for several times as much for some minutes.

use super::{FaultEvent, FaultModel, TargetKind};
use crate::{state::ClusterState, topology::Topology};

/// Magnitude: factor on the users' requests at full strength.
pub(super) struct TrafficSpike;

impl FaultModel for TrafficSpike {
    fn name(&self) -> &'static str {
        "traffic spike"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Cluster
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 100.0)
    }

    fn advance(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent, tick: u64) {
        state.load_multiplier = 1.0 + (event.magnitude - 1.0) * event.strength(tick);
    }

    fn end(&self, _topology: &Topology, state: &mut ClusterState, _event: &FaultEvent) {
        state.load_multiplier = 1.0;
    }
}
