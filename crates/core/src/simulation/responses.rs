//! The backward pass: latencies and failures travel from callees to callers, and decide on retries and breakers.

use crate::{
    lanes::{f32x4, lane, ratio, unit},
    scenario::{CallMode, ServiceClass},
    simulation::{
        replicas,
        requests::{exceeds, memory},
    },
    state::{CallState, ClusterState, HEALTHY, IMPAIRED, ServiceState},
    topology::{CallTable, ServiceTable, Topology},
};

/// Seconds over which a breaker smooths failures, those it stays open, and its share of probes when half open.
const BREAKER_WINDOW_S: f32 = 10.0;
const BREAKER_OPEN_S: f32 = 5.0;
const BREAKER_PROBE_RATIO: f32 = 0.1;
/// Failures above this ratio open a breaker, where at least so many calls per second stand behind it (Hystrix: 50 % of
/// at least 20 calls in 10 seconds).
const BREAKER_RATIO: f32 = 0.5;
const BREAKER_CALLS_PER_S: f32 = 2.0;
/// Retries per second that every budget allows, and seconds of tokens that it saves up (linkerd: 10 per second, 10 s).
const BUDGET_FLOOR_PER_S: f32 = 10.0;
const BUDGET_WINDOW_S: f32 = 10.0;
/// Slope with which messages turn late around their deadline.
const LATE_POWER: i32 = 8;

/// What a caller sees of a callee, by the caller's zone.
struct Reply {
    /// Ratio of attempts that fail: errors, refusals, and answers after the timeout.
    failure: f32x4,
    /// Seconds that an attempt holds the caller, mean and variance.
    held_s: f32x4,
    variance: f32x4,
}

pub(super) fn backward(topology: &Topology, state: &mut ClusterState) {
    let dt = topology.tick_s;
    let ClusterState { services, calls, entry, accounts, .. } = state;
    for &service in topology.order.iter().rev() {
        let service = service as usize;
        let table = &topology.services[service];
        let mut success = f32x4::ONE;
        let (mut mean, mut variance) = (f32x4::ZERO, f32x4::ZERO);
        for index in table.calls.clone() {
            let call = &topology.calls[index];
            let edge = &mut calls[index];
            let reply = reply(&services[call.to], call.timeout_s);
            let attempts = settle(call, edge, &reply, dt);
            match call.mode {
                CallMode::Sync | CallMode::Miss => {
                    let missed = if call.mode == CallMode::Miss { 1.0 - services[service].hit_ratio } else { 1.0 };
                    let times = f32x4::splat(call.calls * missed);
                    success *= unit(
                        f32x4::ONE - times.fast_min(f32x4::ONE) * edge.failure * f32x4::splat(1.0 - call.fallback),
                    ) * further_calls(call.calls * missed, edge.failure, call.fallback);
                    let backoff = (attempts - f32x4::ONE) * f32x4::splat(call.backoff_s);
                    let pass = f32x4::splat(edge.pass);
                    mean += times * pass * (attempts * reply.held_s + backoff);
                    variance += times * pass * (attempts * reply.variance);
                }
                CallMode::Consume => success *= f32x4::ONE - edge.failure,
                CallMode::Async => {}
            }
            if call.mode == CallMode::Miss {
                let own = &mut services[service];
                let flow = edge.first_per_s.reduce_add();
                let filled =
                    if flow > 0.0 { (edge.first_per_s * (f32x4::ONE - edge.failure)).reduce_add() / flow } else { 0.0 };
                own.hit_ratio += (table.hit_ratio - own.hit_ratio) * table.fill_step * filled;
            }
        }
        if table.class == ServiceClass::Broker {
            success *= in_time(table, &services[service]);
        }
        finish(topology, service, &mut services[service], success, mean, variance, dt);
    }

    let reply = entry_reply(&services[topology.entry.to], topology.entry.timeout_s);
    settle(&topology.entry, entry, &reply, dt);
    state.p99_s = quantile(&services[topology.entry.to]).min(topology.entry.timeout_s);
    let arrivals = state.arrivals_per_s.to_array();
    let failures = entry.failure.to_array();
    for zone in 0..topology.num_zones() {
        let offered = f64::from(arrivals[zone] * dt);
        let bad = offered * f64::from(failures[zone]);
        accounts.offered += offered;
        accounts.bad += bad;
        accounts.zone_offered[zone] += offered;
        accounts.zone_bad[zone] += bad;
    }
    let slo_s = topology.scenario().slo.p99_ms / 1000.0;
    if state.arrivals_per_s.reduce_add() > 0.0 {
        accounts.offered_ticks += 1;
        accounts.p99_s += f64::from(state.p99_s);
        accounts.latency_excess += f64::from(((state.p99_s / slo_s - 1.0) / 3.0).clamp(0.0, 1.0));
    }
    let used: f32 = state.cores_used[..topology.nodes.len()].iter().sum();
    accounts.cost += f64::from(used / topology.initial_cores.max(1e-6));
    accounts.ticks += 1;
}

/// Success of the calls beyond the first that every request makes.
fn further_calls(calls: f32, failure: f32x4, fallback: f32) -> f32x4 {
    let mut left = calls - 1.0;
    let mut success = f32x4::ONE;
    while left > 0.0 {
        success *= f32x4::ONE - f32x4::splat(left.min(1.0) * (1.0 - fallback)) * failure;
        left -= 1.0;
    }
    success
}

/// Share of a broker's messages that are consumed before their deadline.
fn in_time(table: &ServiceTable, own: &ServiceState) -> f32x4 {
    let age_s = own.depth / own.consumed_per_s.fast_max(f32x4::splat(1e-3));
    let mut power = (age_s / f32x4::splat(table.broker_deadline_s)).fast_min(f32x4::splat(100.0));
    for _ in 0..LATE_POWER.ilog2() {
        power *= power;
    }
    (f32x4::ONE - own.refused) / (f32x4::ONE + power)
}

/// Completes a service's tick: whole response times, failures, memory and leaks.
fn finish(
    topology: &Topology,
    service: usize,
    own: &mut ServiceState,
    calls_success: f32x4,
    calls_mean: f32x4,
    calls_variance: f32x4,
    dt: f32,
) {
    own.calls_mean_s = calls_mean;
    own.failure = unit(f32x4::ONE - own.own_success * calls_success);
    let kinds = if own.has_impaired { 2 } else { 1 };
    for population in &mut own.populations[..kinds] {
        population.mean_s = population.own_mean_s + calls_mean;
        population.sd_s = (population.own_sd_s * population.own_sd_s + calls_variance).sqrt();
    }
    let requests = own.offered_per_s * f32x4::splat(dt);
    own.telemetry.counted_ticks += 1;
    own.requests += requests;
    own.failures += requests * own.failure;
    if own.leak_per_s > 0.0 {
        leak(topology, service, own, dt);
    }
}

/// Leaks memory in running replicas, and crashes those that have none left.
fn leak(topology: &Topology, service: usize, own: &mut ServiceState, dt: f32) {
    let table = &topology.services[service];
    for kind in [HEALTHY, IMPAIRED] {
        let population = &mut own.populations[kind];
        let runs = population.ready.simd_gt(f32x4::ZERO);
        population.leaked = runs.bitselect(population.leaked + f32x4::splat(own.leak_per_s * dt), f32x4::ZERO);
        let used = memory(table, population.leaked, population);
        for &zone in &table.zones {
            if lane(used, zone) >= 1.0 {
                replicas::crash(topology, own, service, kind, zone);
            }
        }
    }
}

/// One attempt's reply as callers in each zone see it, over the zones that answer them.
fn reply(callee: &ServiceState, timeout_s: f32) -> Reply {
    let mut reply = entry_reply(callee, timeout_s);
    if !callee.all_local {
        let over = |lanes: f32x4| {
            callee.local * lanes + (f32x4::ONE - callee.local) * f32x4::splat((lanes * callee.spill).reduce_add())
        };
        reply = Reply { failure: over(reply.failure), held_s: over(reply.held_s), variance: over(reply.variance) };
    }
    reply
}

/// One attempt's reply from each zone, over both populations.
fn entry_reply(callee: &ServiceState, timeout_s: f32) -> Reply {
    let limit = f32x4::splat(timeout_s);
    let (mut late, mut held, mut second) = (f32x4::ZERO, f32x4::ZERO, f32x4::ZERO);
    let kinds = if callee.has_impaired { 2 } else { 1 };
    for population in &callee.populations[..kinds] {
        let beyond = exceeds(timeout_s, population.mean_s, population.sd_s);
        // E[min(X, T)] = mean - sd P(X > T) for the shifted exponential, and T where it starts beyond T.
        let mean = (population.mean_s - population.sd_s * beyond).fast_min(limit);
        let kept = population.sd_s * (f32x4::ONE - beyond);
        late += population.share * beyond;
        held += population.share * mean;
        second += population.share * (mean * mean + kept * kept);
    }
    let answered = (f32x4::ONE - callee.failure) * (f32x4::ONE - late);
    Reply { failure: unit(f32x4::ONE - answered), held_s: held, variance: (second - held * held).fast_max(f32x4::ZERO) }
}

/// Settles a call's tick: final failures, retries under the budget, the breaker. Returns attempts per call.
fn settle(table: &CallTable, call: &mut CallState, reply: &Reply, dt: f32) -> f32x4 {
    let failure = reply.failure;
    let mut unlimited = f32x4::ONE;
    let mut attempts = f32x4::ONE;
    for _ in 0..call.retries {
        // 1 + p + p^2 + …: attempts per call when each failed one is followed by another, all of them or those allowed.
        unlimited = f32x4::ONE + failure * unlimited;
        attempts = f32x4::ONE + failure * call.allowed * attempts;
    }
    let last = f32x4::ONE - (f32x4::ONE - failure) * attempts;
    call.failure = unit(f32x4::ONE - f32x4::splat(call.pass) * (f32x4::ONE - last));
    if call.retries > 0 {
        grant_retries(table, call, unlimited, dt);
    }
    if call.guarded {
        breaker(call, failure, dt);
    }
    attempts
}

/// Lets as many retries wait for their turn as the budget has tokens for.
fn grant_retries(table: &CallTable, call: &mut CallState, unlimited: f32x4, dt: f32) {
    let none = !unlimited.simd_gt(f32x4::ONE).any();
    let wanted = if none { f32x4::ZERO } else { call.attempts_per_s * (unlimited - f32x4::ONE) / unlimited };
    call.granted_per_s = wanted;
    if call.budgeted {
        let rate = call.first_per_s * f32x4::splat(table.budget.unwrap_or(0.0)) + f32x4::splat(BUDGET_FLOOR_PER_S);
        let tokens = (call.tokens + rate * f32x4::splat(dt)).fast_min(rate * f32x4::splat(BUDGET_WINDOW_S));
        let granted = wanted.fast_min(tokens * f32x4::splat(1.0 / dt));
        call.tokens = tokens - granted * f32x4::splat(dt);
        call.allowed = if none {
            f32x4::ONE
        } else {
            wanted.simd_gt(f32x4::splat(1e-9)).bitselect(ratio(granted, wanted), f32x4::ONE)
        };
        call.granted_per_s = granted;
    }
    call.retrying |= !none;
}

/// Opens on a high smoothed failure ratio, probes after a while, closes when the probes succeed.
fn breaker(call: &mut CallState, failure: f32x4, dt: f32) {
    let flow = call.attempts_per_s.reduce_add();
    let failed = if flow > 0.0 { (call.attempts_per_s * failure).reduce_add() / flow } else { 0.0 };
    if call.pass >= 1.0 {
        call.failure_ewma += (failed - call.failure_ewma) * (dt / (BREAKER_WINDOW_S + dt));
        if call.failure_ewma > BREAKER_RATIO && flow >= BREAKER_CALLS_PER_S {
            call.pass = 0.0;
            call.breaker_wait_s = BREAKER_OPEN_S;
        }
        return;
    }
    call.breaker_wait_s -= dt;
    if call.breaker_wait_s > 0.0 {
        return;
    }
    if call.pass == 0.0 {
        call.pass = BREAKER_PROBE_RATIO;
        call.breaker_wait_s = dt;
    } else if failed < BREAKER_RATIO {
        call.pass = 1.0;
        call.failure_ewma = failed;
    } else {
        call.pass = 0.0;
        call.breaker_wait_s = BREAKER_OPEN_S;
    }
}

/// 99th percentile of a service's response time in seconds: the worst of its populations and zones that give more than
/// one answer in fifty.
pub(super) fn quantile(own: &ServiceState) -> f32 {
    let served = own.offered_per_s.to_array();
    let total: f32 = served.iter().sum();
    let mut worst = 0.0_f32;
    let kinds = if own.has_impaired { 2 } else { 1 };
    for population in &own.populations[..kinds] {
        let (share, mean, sd) = (population.share.to_array(), population.mean_s.to_array(), population.sd_s.to_array());
        for zone in 0..4 {
            if served[zone] * share[zone] > 0.02 * total {
                worst = worst.max(gamma_p99(mean[zone], sd[zone]));
            }
        }
    }
    worst
}

/// 99th percentile of a gamma distribution (Wilson and Hilferty, 1931): `mean (1 - v / 9 + z sqrt(v) / 3)^3` with the
/// squared coefficient of variation v and the normal quantile z; within 5 % of M/M/c's, which a test holds it to.
fn gamma_p99(mean: f32, sd: f32) -> f32 {
    const Z: f32 = 2.326_348;
    let variation = sd / mean.max(1e-9);
    let root = 1.0 - variation * variation * (1.0 / 9.0) + Z * variation * (1.0 / 3.0);
    mean * root * root * root
}
