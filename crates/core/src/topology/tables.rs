//! The constants of services, calls and nodes, as the tick reads them.

use std::ops::Range;

use super::{COLLECTION_BEGINS, DELAY_STAGES, STARTUP_STAGES};
use crate::{
    lanes::{NODE_LANES, ZONE_LANES, exp_scalar, f32x4},
    scenario::{Admission, Call, CallMode, Service, ServiceClass},
    state::{CallState, TTL_DOUBLINGS},
};

/// A service's constants.
#[derive(Clone, Debug)]
pub(crate) struct ServiceTable {
    pub class: ServiceClass,
    /// 1 in the lanes of its zones.
    pub present: f32x4,
    pub everywhere: bool,
    /// Replicas per zone at the start.
    pub zone_replicas: f32x4,
    pub zones: Vec<usize>,
    /// A bit for each of them.
    pub zone_bits: u32,
    /// Replicas per node at the start.
    pub placement: [f32; NODE_LANES],
    pub replicas: f32,
    pub min_replicas: f32,
    pub max_replicas: f32,
    pub cores: f32,
    pub concurrency: f32,
    pub service_s: f32,
    pub service_cv2: f32,
    pub pool: f32,
    pub queue_limit: f32,
    pub error_ratio: f32,
    pub memory: f32,
    pub queue_memory: f32,
    /// Whether a full queue alone brings memory to where collection begins.
    pub collects: bool,
    /// Probability that a replica leaves its start-up stage in a tick, by node.
    pub startup_leave: [f32; NODE_LANES],
    /// Share of a tick's arrivals in a start-up stage that pass it within the tick, by node.
    pub startup_pass: [f32; NODE_LANES],
    pub grace_s: f32,
    pub check_us: u64,
    pub check_timeout_s: f32,
    pub check_failures: usize,
    pub check_successes: usize,
    /// Where the state keeps how many checks in a row those out of rotation passed.
    pub first_pass_run: usize,
    /// Whether replicas that have started get traffic only once they passed their checks.
    pub admits_by_checks: bool,
    pub hit_ratio: f32,
    pub fill_step: f32,
    pub broker_depth: f32,
    pub broker_deadline_s: f32,
    /// Consumers that can work at once, the pause when one joins or leaves, and the share of failures delivered again.
    pub partitions: f32,
    pub rebalance_s: f32,
    pub redelivery: f32,
    /// Share of a cache's entries that expire in a tick, and the share of the working set that a replica holds.
    /// The first is by the scenario, the next by a lifetime twice as long, and so on.
    pub evict_steps: [f32; TTL_DOUBLINGS as usize + 1],
    pub cache_size: f32,
    /// Extra work of issuing a session, and the share of lost ones asked for in a tick.
    pub has_sessions: bool,
    pub issue_work: f32,
    pub renew_step: f32,
    /// The universal scalability law's two coefficients.
    pub contention: f32,
    pub coherency: f32,
    pub outlier: Option<OutlierTable>,
    /// Share of speed that a cold replica lacks, and that full memory costs.
    pub cold_loss: f32,
    pub collection_loss: f32,
    pub runs_out_of_memory: bool,
    /// Whether so many wait for its answers that what they have in common is worth drawing up.
    pub has_many_callers: bool,
    /// Whether anything follows from how many replicas there are.
    pub counts_replicas: bool,
    pub calls: Range<usize>,
}

/// How callers eject a service's replicas.
#[derive(Clone, Debug)]
pub(crate) struct OutlierTable {
    pub consecutive_errors: i32,
    pub sweep_ticks: u64,
    pub base_s: f32,
    pub max_ratio: f32,
}

impl ServiceTable {
    /// Whether replicas are ours to start and stop.
    pub fn is_managed(&self) -> bool {
        self.class != ServiceClass::External
    }

    /// Where the state keeps the pass runs of a population: one share fewer than checks that bring a replica back.
    pub fn pass_runs(&self, kind: usize) -> Range<usize> {
        let length = self.check_successes - 1;
        let from = self.first_pass_run + kind * length;
        from..from + length
    }
}

/// A call's constants.
#[derive(Clone, Debug)]
pub(crate) struct CallTable {
    pub from: usize,
    pub to: usize,
    pub calls: f32,
    /// Mean square of a request's number of calls: the whole part of `calls`, or one more.
    pub calls_square: f32,
    pub mode: CallMode,
    pub timeout_s: f32,
    pub retries: u8,
    pub backoff_s: f32,
    /// Tokens per first attempt, and whether there is a budget at all.
    pub budget: Option<f32>,
    pub breaker: bool,
    pub throttle: bool,
    pub quorum: Option<u8>,
    pub fallback: f32,
    /// 1 where the caller waits as long as the call takes, 0 where that rule is off.
    pub waits: f32,
    /// Probability that a retry stays in its delay stage for a tick, and the share of a tick's inflow that passes.
    pub delay_stay: f32,
    pub delay_pass: f32,
    /// The same of one that waits for the back-off alone.
    pub backoff_stay: f32,
    pub backoff_pass: f32,
}

impl CallTable {
    /// Whether nothing depends on how the call ends: nobody waits for it, tries it again or counts its failures.
    #[inline(always)]
    pub fn is_unheard(&self, call: &CallState) -> bool {
        let goes_on = call.retries > 0 || call.retrying || call.guarded || self.throttle;
        self.mode == CallMode::Async && !goes_on
    }
}

#[derive(Clone, Debug)]
pub(crate) struct NodeTable {
    pub zone: usize,
    pub cores: f32,
    /// Price of a core.
    pub price: f32,
    /// Factor on the seconds that replicas take to start on it.
    pub startup_factor: f32,
}

/// A class of users.
#[derive(Clone, Debug)]
pub(crate) struct TenantTable {
    pub entry: usize,
    /// Share of the workload's rate.
    pub share: f32,
    pub priority: u8,
    pub quota_per_s: f32,
}

/// A database's constants.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseTable {
    pub service: usize,
    pub write_ratio: f32,
    pub failover_s: f32,
    pub lag_s: f32,
    pub fencing: bool,
    pub multi_master: bool,
    /// Share of the divergence reconciled in a tick.
    pub reconcile_step: f32,
    pub backup_s: f32,
    pub restore_s: f32,
    pub conflicts: bool,
}

/// An autoscaler's constants.
#[derive(Clone, Debug)]
pub(crate) struct AutoscalerTable {
    pub service: usize,
    pub target: f32,
    pub tolerance: f32,
    pub sync_ticks: u64,
    /// Recommendations that count before it scales down.
    pub remembered: usize,
}

/// The constants of a service.
pub(super) fn service_table(
    service: &Service,
    zones: Vec<usize>,
    calls: Range<usize>,
    nodes: &[NodeTable],
    tick_s: f32,
) -> ServiceTable {
    let mut present = [0.0; ZONE_LANES];
    for &zone in &zones {
        present[zone] = 1.0;
    }
    let everywhere = nodes.iter().all(|node| present[node.zone] == 1.0);
    // Round robin over zones first and over each zone's nodes second keeps both as even as they can be.
    let mut placement = [0.0; NODE_LANES];
    for replica in 0..service.replicas as usize {
        let zone = zones[replica % zones.len()];
        let own: Vec<usize> = (0..nodes.len()).filter(|&node| nodes[node].zone == zone).collect();
        placement[own[(replica / zones.len()) % own.len()]] += 1.0;
    }
    let mut zone_replicas = [0.0; ZONE_LANES];
    for (node, replicas) in nodes.iter().zip(placement) {
        zone_replicas[node.zone] += replicas;
    }
    let stage_s = service.startup_s / STARTUP_STAGES as f32;
    let by_node = |of: &dyn Fn(f32) -> f32| -> [f32; NODE_LANES] {
        std::array::from_fn(|node| of(nodes.get(node).map_or(1.0, |node| node.startup_factor)))
    };
    ServiceTable {
        class: service.class,
        present: f32x4::from(present),
        everywhere,
        zone_replicas: f32x4::from(zone_replicas),
        placement,
        replicas: service.replicas as f32,
        min_replicas: service.min_replicas.unwrap_or(zones.len() as u32) as f32,
        max_replicas: service.max_replicas.unwrap_or(service.replicas * 3) as f32,
        zone_bits: zones.iter().fold(0, |bits, zone| bits | 1 << zone),
        zones,
        cores: service.cores,
        // More are not taken in, so no more can be worked on.
        concurrency: service.concurrency.min(service.queue_limit),
        service_s: service.service_time_ms / 1000.0,
        service_cv2: service.service_cv2,
        pool: service.pool,
        queue_limit: service.queue_limit,
        error_ratio: service.error_ratio,
        memory: service.memory,
        queue_memory: service.queue_memory,
        collects: service.memory + service.queue_memory > COLLECTION_BEGINS,
        startup_leave: by_node(&|factor| 1.0 - stay(stage_s * factor, tick_s)),
        startup_pass: by_node(&|factor| pass(stage_s * factor, tick_s)),
        grace_s: service.grace_s,
        check_us: (service.health.interval_s * 1e6) as u64,
        check_timeout_s: service.health.timeout_ms / 1000.0,
        check_failures: usize::from(service.health.failures),
        check_successes: usize::from(service.health.successes).max(1),
        first_pass_run: 0,
        admits_by_checks: service.health.admission == Admission::Checks,
        hit_ratio: service.cache.as_ref().map_or(0.0, |cache| cache.hit_ratio),
        fill_step: service.cache.as_ref().map_or(0.0, |cache| 1.0 - exp_scalar(-tick_s / cache.fill_s)),
        broker_depth: service.broker.as_ref().map_or(0.0, |broker| broker.depth),
        broker_deadline_s: service.broker.as_ref().map_or(1.0, |broker| broker.deadline_s),
        partitions: service.broker.as_ref().and_then(|broker| broker.partitions).map_or(f32::MAX, |n| n as f32),
        rebalance_s: service.broker.as_ref().map_or(0.0, |broker| broker.rebalance_s),
        redelivery: service.broker.as_ref().map_or(0.0, |broker| broker.redelivery),
        evict_steps: std::array::from_fn(|doublings| {
            let lifetimes = (1 << doublings) as f32;
            service.cache.as_ref().map_or(0.0, |cache| 1.0 - exp_scalar(-tick_s / (cache.ttl_s * lifetimes)))
        }),
        cache_size: service.cache.as_ref().map_or(1.0, |cache| cache.size),
        has_sessions: service.sessions.is_some(),
        issue_work: service.sessions.as_ref().map_or(0.0, |sessions| sessions.issue_work),
        renew_step: service.sessions.as_ref().map_or(0.0, |sessions| 1.0 - exp_scalar(-tick_s / sessions.renew_s)),
        contention: service.contention,
        coherency: service.coherency,
        outlier: service.outlier_ejection.as_ref().map(|ejection| OutlierTable {
            consecutive_errors: i32::from(ejection.consecutive_errors),
            sweep_ticks: ((ejection.sweep_s / tick_s).round() as u64).max(1),
            base_s: ejection.base_ejection_s,
            max_ratio: ejection.max_ejected_ratio,
        }),
        cold_loss: COLD_LOSS,
        collection_loss: COLLECTION_LOSS,
        runs_out_of_memory: true,
        has_many_callers: false,
        counts_replicas: false,
        calls,
    }
}

/// Share of its speed that a cold replica lacks.
pub(crate) const COLD_LOSS: f32 = 0.5;
/// Share of its speed that a replica without free memory loses to collection.
pub(crate) const COLLECTION_LOSS: f32 = 0.8;

/// The constants of a call.
pub(super) fn call_table(call: &Call, index_of: &dyn Fn(&str) -> usize, tick_s: f32) -> CallTable {
    let timeout_s = call.timeout_ms / 1000.0;
    let backoff_s = call.backoff_ms / 1000.0;
    let (stage_s, soon_s) = retry_stages(timeout_s, backoff_s, tick_s);
    CallTable {
        from: index_of(&call.from),
        to: index_of(&call.to),
        calls: call.calls,
        calls_square: {
            let (whole, rest) = (call.calls.floor(), call.calls.fract());
            whole * whole + (2.0 * whole + 1.0) * rest
        },
        mode: call.mode,
        timeout_s,
        retries: call.retries,
        backoff_s,
        budget: call.retry_budget,
        breaker: call.breaker,
        throttle: call.throttle,
        quorum: call.quorum,
        fallback: call.fallback,
        waits: 1.0,
        delay_stay: stay(stage_s, tick_s),
        delay_pass: pass(stage_s, tick_s),
        backoff_stay: stay(soon_s, tick_s),
        backoff_pass: pass(soon_s, tick_s),
    }
}

/// Mean seconds in a stage of the delay after a timeout, and in that after a failure that came at once.
///
/// What failed in a tick was sent half a tick before its end on average, and that much of the delay is over. (What enters a
/// stage is spread over the next tick, which delays it by as much again. Were that taken off too, coarse ticks would have
/// retries come back after exactly one tick, and storms that swing with it.)
pub(super) fn retry_stages(timeout_s: f32, backoff_s: f32, tick_s: f32) -> (f32, f32) {
    let left = |delay_s: f32| (delay_s - 0.5 * tick_s).max(0.0);
    (left(timeout_s + backoff_s) / DELAY_STAGES as f32, left(backoff_s))
}

/// Probability that what is in an exponential stage stays in it for a tick.
fn stay(stage_s: f32, tick_s: f32) -> f32 {
    if stage_s > 0.0 { libm::exp(-f64::from(tick_s) / f64::from(stage_s)) as f32 } else { 0.0 }
}

/// Share of what enters a stage during a tick that has left it at the tick's end.
fn pass(stage_s: f32, tick_s: f32) -> f32 {
    if stage_s <= 0.0 {
        return 1.0;
    }
    // In double precision, because what is left of the difference is small where a stage lasts many ticks.
    let ticks = f64::from(stage_s) / f64::from(tick_s);
    (1.0 + libm::expm1(-1.0 / ticks) * ticks).clamp(0.0, 1.0) as f32
}
