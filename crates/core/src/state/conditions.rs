//! What the active faults do to the cluster in a tick: cleared and written anew in each, so that faults compose.

use serde::{Deserialize, Serialize};

use crate::{
    lanes::{NODE_LANES, f32x4},
    state::{ClusterState, Impairment},
    topology::Topology,
};

/// What faults do to every replica of a service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceCondition {
    /// Factor on the speed of work.
    pub speed: f32,
    /// Memory that a replica leaks per second, and that something holds on to, as ratios of a replica's memory.
    pub leak_per_s: f32,
    /// See `leak_per_s`.
    pub heap: f32,
    /// Ratio of requests that fail, by zone.
    pub error: f32x4,
    /// Ratio of answers that are wrong, and look right.
    pub wrong: f32,
    /// Probability that a health check fails for this reason alone.
    pub check_failure: f32,
    /// Share of the sessions that this tick leaves valid.
    pub sessions_left: f32,
    /// Share of a broker's consumption that is blocked.
    pub blocked: f32,
    /// Seconds that each change among a broker's consumers adds to its pause.
    pub rebalance_s: f32,
    /// Utilisation that telemetry shows on top of the truth.
    pub herring: f32,
    /// Whether what starts becomes ready.
    pub starts: bool,
    /// Share of the replicas starting on a node that are impaired from the start.
    pub sticky: [f32; NODE_LANES],
}

impl ServiceCondition {
    pub(crate) const NONE: Self = Self {
        speed: 1.0,
        leak_per_s: 0.0,
        heap: 0.0,
        error: f32x4::ZERO,
        wrong: 0.0,
        check_failure: 0.0,
        sessions_left: 1.0,
        blocked: 0.0,
        rebalance_s: 0.0,
        herring: 0.0,
        starts: true,
        sticky: [0.0; NODE_LANES],
    };
}

/// What faults do to the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterCondition {
    /// Factor on the users' requests.
    pub load: f32,
    /// Ratio of scrapes that are lost.
    pub scrape_loss: f32,
    /// Whether actions have no effect.
    pub control_down: bool,
    /// Share of the users whom a stale record sends by these weights instead of the zones'.
    pub stale_share: f32,
    /// See `stale_share`.
    pub stale_weight: f32x4,
    /// Share of those users who reach nobody.
    pub stale_lost: f32,
    /// 1 for zones that the others cannot reach.
    pub cut_off: f32x4,
    /// Whether some answers are wrong, and whether some requests fail however often they are tried.
    pub wrong: bool,
    /// See `wrong`.
    pub lasting: bool,
}

impl ClusterCondition {
    /// The side of a partition that is cut off, where there is one.
    pub(crate) fn cut(&self) -> Option<f32x4> {
        self.cut_off.simd_gt(f32x4::ZERO).any().then_some(self.cut_off)
    }

    pub(crate) const NONE: Self = Self {
        load: 1.0,
        scrape_loss: 0.0,
        control_down: false,
        stale_share: 0.0,
        stale_weight: f32x4::ZERO,
        stale_lost: 0.0,
        cut_off: f32x4::ZERO,
        wrong: false,
        lasting: false,
    };
}

/// Undoes what the last tick's faults did, before this tick's are written.
pub(crate) fn clear(topology: &Topology, state: &mut ClusterState) {
    state.condition = ClusterCondition::NONE;
    for own in &mut state.services {
        own.condition = ServiceCondition::NONE;
        own.impairment = Impairment { sources: own.impairment.sources, ..Impairment::NONE };
    }
    for (table, call) in topology.calls.iter().zip(&mut state.calls) {
        call.loss = f32x4::ZERO;
        call.delay_s = f32x4::ZERO;
        call.trickles = false;
        call.retries = if state.remedies.retries_off { 0 } else { table.retries };
        call.budgeted = table.budget.is_some();
        call.guarded = table.breaker;
    }
    for node in &mut state.nodes {
        node.up = true;
        node.stuck = false;
        node.steal = 0.0;
        node.notice = 0.0;
        node.filling = 0.0;
        node.mismatch = 0.0;
    }
}
