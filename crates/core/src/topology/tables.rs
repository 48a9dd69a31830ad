//! The constants of services, calls and nodes, as the tick reads them.

use std::ops::Range;

use super::{COLLECTION_BEGINS, DELAY_STAGES, STARTUP_STAGES};
use crate::{
    lanes::{NODE_LANES, ZONE_LANES, exp_scalar, f32x4},
    scenario::{Call, CallMode, Service, ServiceClass},
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
    /// Replicas per node at the start.
    pub placement: [f32; NODE_LANES],
    pub replicas: f32,
    pub min_replicas: f32,
    pub max_replicas: f32,
    pub cores: f32,
    pub concurrency: f32,
    pub service_s: f32,
    pub pool: f32,
    pub queue_limit: f32,
    pub error_ratio: f32,
    pub memory: f32,
    pub queue_memory: f32,
    /// Whether a full queue alone brings memory to where collection begins.
    pub collects: bool,
    /// Probability that a replica stays in its start-up stage for a tick.
    pub startup_stay: f32,
    pub grace_s: f32,
    pub check_us: u64,
    pub check_timeout_s: f32,
    pub check_failures: usize,
    pub check_successes: i32,
    pub hit_ratio: f32,
    pub fill_step: f32,
    pub broker_depth: f32,
    pub broker_deadline_s: f32,
    pub calls: Range<usize>,
}

impl ServiceTable {
    /// Whether replicas are ours to start and stop.
    pub fn is_managed(&self) -> bool {
        self.class != ServiceClass::External
    }
}

/// A call's constants.
#[derive(Clone, Debug)]
pub(crate) struct CallTable {
    pub from: usize,
    pub to: usize,
    pub calls: f32,
    pub mode: CallMode,
    pub timeout_s: f32,
    pub retries: u8,
    pub backoff_s: f32,
    /// Tokens per first attempt, and whether there is a budget at all.
    pub budget: Option<f32>,
    pub breaker: bool,
    pub fallback: f32,
    /// Probability that a retry stays in its delay stage for a tick, and the share of a tick's inflow that passes.
    pub delay_stay: f32,
    pub delay_pass: f32,
}

#[derive(Clone, Debug)]
pub(crate) struct NodeTable {
    pub zone: usize,
    pub cores: f32,
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
    ServiceTable {
        class: service.class,
        present: f32x4::from(present),
        everywhere,
        zone_replicas: f32x4::from(zone_replicas),
        placement,
        replicas: service.replicas as f32,
        min_replicas: service.min_replicas.unwrap_or(zones.len() as u32) as f32,
        max_replicas: service.max_replicas.unwrap_or(service.replicas * 3) as f32,
        zones,
        cores: service.cores,
        concurrency: service.concurrency,
        service_s: service.service_time_ms / 1000.0,
        pool: service.pool,
        queue_limit: service.queue_limit,
        error_ratio: service.error_ratio,
        memory: service.memory,
        queue_memory: service.queue_memory,
        collects: service.memory + service.queue_memory > COLLECTION_BEGINS,
        startup_stay: if stage_s > 0.0 { exp_scalar(-tick_s / stage_s) } else { 0.0 },
        grace_s: service.grace_s,
        check_us: (service.health.interval_s * 1e6) as u64,
        check_timeout_s: service.health.timeout_ms / 1000.0,
        check_failures: usize::from(service.health.failures),
        check_successes: i32::from(service.health.successes),
        hit_ratio: service.cache.as_ref().map_or(0.0, |cache| cache.hit_ratio),
        fill_step: service.cache.as_ref().map_or(0.0, |cache| 1.0 - exp_scalar(-tick_s / cache.fill_s)),
        broker_depth: service.broker.as_ref().map_or(0.0, |broker| broker.depth),
        broker_deadline_s: service.broker.as_ref().map_or(1.0, |broker| broker.deadline_s),
        calls,
    }
}

/// The constants of a call.
pub(super) fn call_table(call: &Call, index_of: &dyn Fn(&str) -> usize, tick_s: f32) -> CallTable {
    let timeout_s = call.timeout_ms / 1000.0;
    let backoff_s = call.backoff_ms / 1000.0;
    let stage_s = (timeout_s + backoff_s) / DELAY_STAGES as f32;
    let stay = exp_scalar(-tick_s / stage_s);
    CallTable {
        from: index_of(&call.from),
        to: index_of(&call.to),
        calls: call.calls,
        mode: call.mode,
        timeout_s,
        retries: call.retries,
        backoff_s,
        budget: call.retry_budget,
        breaker: call.breaker,
        fallback: call.fallback,
        delay_stay: stay,
        delay_pass: 1.0 - (1.0 - stay) * stage_s / tick_s,
    }
}
