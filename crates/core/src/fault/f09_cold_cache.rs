//! F09, cold cache: a cache loses its content, and every request falls through to what lies behind it.

use super::{FaultEvent, FaultModel, TargetKind};
use crate::{state::ClusterState, topology::Topology};

/// Magnitude: share of the hit ratio that is lost at the onset. Fills bring it back, as far as they succeed.
pub(super) struct ColdCache;

impl FaultModel for ColdCache {
    fn name(&self) -> &'static str {
        "cold cache"
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Cache
    }

    fn magnitude_range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    fn begin(&self, _topology: &Topology, state: &mut ClusterState, event: &FaultEvent) {
        if let Some(service) = event.service() {
            state.services[service].hit_ratio *= 1.0 - event.magnitude;
        }
    }
}
