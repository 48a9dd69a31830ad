//! How callers of a generated cluster treat their calls: timeouts that grow toward the users, retries, fallbacks.

use super::{
    draw::{chance, rounded, up_to},
    graph::{Graph, Role},
    load::Load,
};
use crate::{
    rng::CounterRng,
    scenario::{Call, CallMode, Service},
};

/// A timeout is at least so many times the mean response time, and by this factor longer than what the callee waits.
const TIMEOUT_FACTOR: f32 = 10.0;
const TIMEOUT_GROWTH: f32 = 1.3;
const LEAST_TIMEOUT_MS: f32 = 150.0;
/// How long a worker has for a message.
const CONSUME_TIMEOUT_MS: f32 = 5000.0;
/// Open requests that a replica has room for, over those that it has open in the mean: a full pool is a fault's doing.
const POOL_ROOM: f32 = 6.0;
/// Standard deviations from the mean to about the 99th percentile of a sum of exponential times.
const P99_SPREAD: f32 = 3.0;

/// Unloaded response times and what follows from them, in milliseconds.
pub(super) struct Times {
    /// Mean response time of each service.
    mean_ms: Vec<f32>,
    /// How long callers of each service wait.
    timeout_ms: Vec<f32>,
    /// How long users wait.
    pub user_timeout_ms: f32,
    /// The users' 99th percentile at the slowest entry.
    pub p99_ms: f32,
}

impl Times {
    pub fn new(graph: &Graph, load: &Load, services: &[Service]) -> Self {
        let own = |service: &Service| service.service_time_ms;
        let mut mean_ms: Vec<f32> = services.iter().map(own).collect();
        let mut variance: Vec<f32> = services.iter().map(|service| own(service) * own(service)).collect();
        let mut timeout_ms = vec![LEAST_TIMEOUT_MS; services.len()];
        let mut outgoing = vec![Vec::new(); services.len()];
        for (index, edge) in graph.edges.iter().enumerate() {
            outgoing[edge.from].push(index);
        }
        // Callees come last, so that their times are known.
        for service in (0..services.len()).rev() {
            for &index in &outgoing[service] {
                let edge = graph.edges[index];
                if matches!(edge.mode, CallMode::Sync | CallMode::Miss) {
                    let times = load.times(graph, index);
                    mean_ms[service] += times * mean_ms[edge.to];
                    // A request makes the whole number of calls, or one more.
                    let uneven = times.fract() * (1.0 - times.fract());
                    variance[service] += times * variance[edge.to] + uneven * mean_ms[edge.to] * mean_ms[edge.to];
                    timeout_ms[service] = timeout_ms[service].max(TIMEOUT_GROWTH * timeout_ms[edge.to]);
                }
            }
            timeout_ms[service] = up_to(timeout_ms[service].max(TIMEOUT_FACTOR * mean_ms[service]), 50.0);
        }
        let entries = 0..load.shares.len();
        let p99 = |entry: usize| mean_ms[entry] + P99_SPREAD * variance[entry].sqrt();
        Self {
            user_timeout_ms: entries.clone().map(|entry| timeout_ms[entry]).fold(2000.0, f32::max),
            p99_ms: entries.map(p99).fold(0.0, f32::max),
            timeout_ms,
            mean_ms,
        }
    }

    /// Lets every replica hold the requests that wait for others.
    pub fn widen_pools(&self, load: &Load, services: &mut [Service]) {
        for ((service, mean_ms), per_s) in services.iter_mut().zip(&self.mean_ms).zip(&load.per_s) {
            let open = per_s / service.replicas as f32 * mean_ms / 1000.0;
            service.pool = service.pool.max(up_to(POOL_ROOM * open, 16.0));
        }
    }
}

/// The calls of a graph, between services of these names.
pub(super) fn calls(
    graph: &Graph,
    load: &Load,
    times: &Times,
    services: &[Service],
    rng: &mut CounterRng,
) -> Vec<Call> {
    let each = graph.edges.iter().zip(&load.calls).map(|(edge, &calls)| {
        let role = graph.roles[edge.to];
        let (first, second) = (rng.uniform(), rng.uniform());
        let retries = u8::from(first < 0.65) + u8::from(first < 0.25);
        let budgeted = chance(rng, 0.85);
        let breaker = chance(rng, 0.25) || role == Role::External;
        let seldom = calls <= 0.5 && chance(rng, 0.3) || role == Role::External;
        // Logs and the like: nobody waits for them.
        let mode = match edge.mode {
            CallMode::Sync if role == Role::Leaf && second < 0.3 => CallMode::Async,
            mode => mode,
        };
        let waits = mode == CallMode::Sync;
        Call {
            from: services[edge.from].name.clone(),
            to: services[edge.to].name.clone(),
            calls,
            mode,
            timeout_ms: if mode == CallMode::Consume { CONSUME_TIMEOUT_MS } else { times.timeout_ms[edge.to] },
            retries: if waits { retries } else { 0 },
            backoff_ms: 100.0,
            retry_budget: (waits && retries > 0 && budgeted).then_some(0.2),
            breaker: waits && breaker,
            throttle: false,
            quorum: None,
            fallback: if waits && seldom { rounded(0.5 + 0.5 * second, 20.0) } else { 0.0 },
        }
    });
    each.collect()
}
