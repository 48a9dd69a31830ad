//! The backward pass: latencies and failures travel from callees to callers, and decide on retries and breakers.

use crate::{
    lanes::{f32x4, lane, unit},
    scenario::{CallMode, ServiceClass},
    simulation::{
        replicas,
        replies::{Reply, Shared, disturb, entry_reply, over_zones, prompt, reply},
        serving::memory,
        settling::settle,
        tenants,
    },
    state::{CallState, ClusterState, HEALTHY, IMPAIRED, ServiceState, TTL_DOUBLINGS},
    topology::{CallTable, ServiceTable, Topology},
};

/// Slope with which messages turn late around their deadline.
const LATE_POWER: i32 = 8;

pub(super) fn backward(topology: &Topology, state: &mut ClusterState) {
    let ClusterState { services, calls, condition, disturbed, .. } = state;
    let shared = Shared { any_wrong: condition.wrong, any_lasting: condition.lasting, cut: condition.cut() };
    for &service in topology.order.iter().rev() {
        let service = service as usize;
        let table = &topology.services[service];
        let mut all = Calls::NONE;
        for (call, edge) in topology.calls[table.calls.clone()].iter().zip(&mut calls[table.calls.clone()]) {
            if call.is_unheard(edge) {
                continue;
            }
            let mut reply = reply(topology, call, &services[call.to], &shared);
            if *disturbed && edge.is_disturbed() {
                reply = disturb(call, edge, reply);
            }
            let lasting = shared.any_lasting.then(|| lasting(edge, &services[call.to], shared.cut));
            let attempts = settle(topology, call, edge, &reply, lasting);
            if shared.any_wrong {
                edge.wrong = reply.wrong;
            }
            let own = &mut services[service];
            match call.mode {
                CallMode::Sync => all.wait(call, edge, &reply, (attempts, lasting), 1.0, shared.any_wrong),
                CallMode::Miss => {
                    all.wait(call, edge, &reply, (attempts, lasting), 1.0 - own.hit_ratio, shared.any_wrong);
                    fill(table, edge, own);
                }
                CallMode::Consume => {
                    // What is delivered again is late, not lost.
                    let again = edge.failure * f32x4::splat(table.redelivery);
                    all.success *= f32x4::ONE - (edge.failure - again);
                    let returned = edge.first_per_s * again;
                    own.depth += returned * f32x4::splat(topology.tick_s / call.calls.max(1e-6));
                }
                CallMode::Async => {}
            }
        }
        let own = &mut services[service];
        if table.class == ServiceClass::Broker {
            all.success *= in_time(table, own);
        }
        if shared.any_wrong {
            // While there are no impaired replicas, what share they last had is not touched.
            let impaired = if own.has_impaired { own.populations[IMPAIRED].share } else { f32x4::ZERO };
            let impaired = impaired * f32x4::splat(own.impairment.wrong);
            let right_alone = (f32x4::ONE - impaired) * f32x4::splat(1.0 - own.condition.wrong);
            own.wrong = f32x4::ONE - all.right * right_alone;
        }
        if shared.any_lasting {
            own.lasting = f32x4::ONE - all.curable * (f32x4::ONE - own.write_error);
        }
        finish(table, own, &all, topology.tick_s);
        if table.has_many_callers {
            own.prompt = prompt(topology, own, shared.cut);
        }
    }
    edge(topology, state);
}

/// What a request's calls come to, by the caller's zone.
struct Calls {
    /// Ratio of requests whose calls all succeed, all answer rightly, and of those that do not fail lastingly.
    success: f32x4,
    right: f32x4,
    curable: f32x4,
    /// Seconds that a request waits for them, mean and variance.
    mean_s: f32x4,
    variance: f32x4,
}

impl Calls {
    const NONE: Self = Self {
        success: f32x4::ONE,
        right: f32x4::ONE,
        curable: f32x4::ONE,
        mean_s: f32x4::ZERO,
        variance: f32x4::ZERO,
    };

    /// Adds a call that the request waits for, with the attempts that it takes and the ratio that fails lastingly, where it
    /// makes it at all.
    #[inline(always)]
    fn wait(
        &mut self,
        call: &CallTable,
        edge: &CallState,
        reply: &Reply,
        (attempts, lasting): (f32x4, Option<f32x4>),
        missed: f32,
        any_wrong: bool,
    ) {
        let times = f32x4::splat(call.calls * missed);
        let waits = f32x4::splat(call.calls * missed * call.waits);
        // A request makes the whole number of calls or one more, and none where it hits: they differ by that.
        let uneven = (missed * call.calls_square - (call.calls * missed) * (call.calls * missed)).max(0.0);
        let uneven = f32x4::splat(uneven * call.waits);
        if any_wrong {
            self.right *= unit(f32x4::ONE - times.fast_min(f32x4::ONE) * edge.wrong)
                * further_calls(call.calls * missed, edge.wrong, 0.0);
        }
        let fallback = if edge.trickles && !edge.held_open { 0.0 } else { call.fallback };
        if let Some(lasting) = lasting {
            let hit = times.fast_min(f32x4::ONE) * f32x4::splat(1.0 - fallback);
            self.curable *= f32x4::ONE - hit * lasting;
        }
        let first = unit(f32x4::ONE - times.fast_min(f32x4::ONE) * edge.failure * f32x4::splat(1.0 - fallback));
        let further = call.calls * missed;
        self.success *= if further > 1.0 { first * further_calls(further, edge.failure, fallback) } else { first };
        let backoff = (attempts - f32x4::ONE) * f32x4::splat(call.backoff_s);
        let pass = f32x4::splat(edge.passing());
        let one = attempts * reply.held_s + backoff;
        self.mean_s += waits * pass * one;
        self.variance += pass * (waits * attempts * reply.variance + uneven * one * one);
    }
}

/// Answers to what a cache missed fill it, and its entries expire.
fn fill(table: &ServiceTable, edge: &CallState, own: &mut ServiceState) {
    let flow = edge.first_per_s.reduce_add();
    let filled = if flow > 0.0 { (edge.first_per_s * (f32x4::ONE - edge.failure)).reduce_add() / flow } else { 0.0 };
    own.hit_ratio += (own.hit_limit - own.hit_ratio) * table.fill_step * filled;
    own.hit_ratio -= own.hit_ratio * table.evict_steps[usize::from(own.cache_knobs.ttl_doublings.min(TTL_DOUBLINGS))];
}

/// Ratio of calls that fail however often they are tried: another attempt writes to the same missing primary, or shows
/// the same stale secret.
#[cold]
fn lasting(call: &CallState, callee: &ServiceState, cut: Option<f32x4>) -> f32x4 {
    f32x4::ONE - (f32x4::ONE - over_zones(callee, callee.lasting, cut)) * f32x4::splat(1.0 - call.stale_secret)
}

/// What users got: at each entry service, over all of them, and what it cost.
fn edge(topology: &Topology, state: &mut ClusterState) {
    let dt = topology.tick_s;
    let mut p99_s = 0.0_f32;
    let mut bad = state.turned_away_per_s;
    let apart = home_latency(topology, state);
    for (table, entry) in topology.entries.iter().zip(&mut state.entries) {
        let own = &state.services[table.to];
        let mut reply = entry_reply(own, table.timeout_s, apart);
        if !state.condition.wrong {
            reply.wrong = f32x4::ZERO;
        }
        let lasting = state.condition.lasting.then_some(own.lasting);
        settle(topology, table, entry, &reply, lasting);
        entry.wrong = reply.wrong;
        bad += entry.first_per_s * tenants::bad_share(entry);
        if entry.first_per_s.reduce_add() > 0.0 {
            let added = apart.to_array().into_iter().fold(0.0, f32::max);
            p99_s = p99_s.max((quantile(own) + added).min(table.timeout_s));
        }
    }
    state.p99_s = p99_s;
    tenants::charge(topology, state);
    let accounts = &mut state.accounts;
    let (arrivals, bad) = (state.arrivals_per_s.to_array(), bad.to_array());
    let (mut offered_all, mut bad_all) = (0.0, 0.0);
    for zone in 0..topology.num_zones() {
        let (offered, bad) = (f64::from(arrivals[zone] * dt), f64::from(bad[zone] * dt));
        accounts.zone_offered[zone] += offered;
        accounts.zone_bad[zone] += bad;
        offered_all += offered;
        bad_all += bad;
    }
    accounts.offered += offered_all;
    accounts.bad += bad_all;
    if offered_all > 0.0 {
        let now = (bad_all / offered_all) as f32;
        state.bad_ratio += (now - state.bad_ratio) * topology.steps.bad;
        let slo_s = topology.scenario().slo.p99_ms / 1000.0;
        accounts.offered_ticks += 1;
        accounts.p99_s += f64::from(p99_s);
        accounts.latency_excess += f64::from(((p99_s / slo_s - 1.0) / 3.0).clamp(0.0, 1.0));
    }
    let cost: f32 = topology.nodes.iter().zip(state.cores_used).map(|(node, cores)| cores * node.price).sum();
    accounts.cost += f64::from(cost / topology.initial_cost.max(1e-6));
    accounts.ticks += 1;
}

/// Seconds over which the ratio of bad requests is smoothed for abort conditions.
pub(crate) const BAD_WINDOW_S: f32 = 60.0;

/// Seconds that users spend on the way to a zone that is not theirs: those beyond the zone's share at the start.
pub(crate) fn home_latency(topology: &Topology, state: &ClusterState) -> f32x4 {
    let Some(rows) = &topology.zone_latency_s else { return f32x4::ZERO };
    let zones = topology.num_zones();
    let home = 1.0 / zones as f32;
    let weight = state.zone_weight.to_array();
    let missing: [f32; 4] = std::array::from_fn(|zone| if zone < zones { (home - weight[zone]).max(0.0) } else { 0.0 });
    let away: f32 = missing.iter().sum();
    f32x4::from(std::array::from_fn(|zone| {
        if zone >= zones || away <= 0.0 || weight[zone] <= home {
            return 0.0;
        }
        // The guests come from the zones that lost weight, in proportion to what they lost.
        let way = (f32x4::from(missing) * rows[zone]).reduce_add() / away;
        way * (weight[zone] - home) / weight[zone]
    }))
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
    // What waits has to outlast the pause first.
    let age_s = own.depth / own.pull_per_s.fast_max(f32x4::splat(1e-3)) + f32x4::splat(own.pause_s);
    let mut power = (age_s / f32x4::splat(table.broker_deadline_s)).fast_min(f32x4::splat(100.0));
    for _ in 0..LATE_POWER.ilog2() {
        power *= power;
    }
    (f32x4::ONE - own.refused) / (f32x4::ONE + power)
}

/// Completes a service's tick: whole response times, failures and sessions.
#[inline(always)]
fn finish(table: &ServiceTable, own: &mut ServiceState, calls: &Calls, dt: f32) {
    own.calls_mean_s = calls.mean_s;
    own.calls_success = calls.success;
    own.failure = unit(f32x4::ONE - own.own_success * calls.success);
    let kinds = if own.has_impaired { 2 } else { 1 };
    for population in &mut own.populations[..kinds] {
        population.mean_s = population.own_mean_s + calls.mean_s;
        population.sd_s = (population.own_sd_s * population.own_sd_s + calls.variance).sqrt();
    }
    let requests = own.offered_per_s * f32x4::splat(dt);
    own.telemetry.counted_ticks += 1;
    own.requests += requests;
    // A service counts the failures that it sees.
    own.failures += requests * (own.failure - own.unseen).fast_max(f32x4::ZERO);
    if table.has_sessions {
        let offered = own.offered_per_s.reduce_add();
        let issued = if offered > 0.0 { 1.0 - (own.offered_per_s * own.failure).reduce_add() / offered } else { 0.0 };
        own.sessions += (1.0 - own.sessions) * table.renew_step * issued;
    }
}

/// Memory leaks once everybody has read the tick's answers: now those who gave them may crash.
pub(super) fn leaks(topology: &Topology, state: &mut ClusterState) {
    for (service, own) in state.services.iter_mut().enumerate() {
        if own.condition.leak_per_s > 0.0 || own.condition.heap > 0.0 {
            leak(topology, service, own, topology.tick_s);
        }
    }
}

/// Leaks memory in running replicas, and crashes those that have none left.
fn leak(topology: &Topology, service: usize, own: &mut ServiceState, dt: f32) {
    let table = &topology.services[service];
    let held = f32x4::splat(own.held());
    for kind in [HEALTHY, IMPAIRED] {
        let population = &mut own.populations[kind];
        let runs = population.ready.simd_gt(f32x4::ZERO);
        population.leaked =
            runs.bitselect(population.leaked + f32x4::splat(own.condition.leak_per_s * dt), f32x4::ZERO);
        let used = memory(table, population.leaked + held, population.in_system, population.ready);
        if !table.runs_out_of_memory {
            continue;
        }
        for &zone in &table.zones {
            if lane(used, zone) >= 1.0 {
                replicas::crash(topology, own, service, kind, zone);
            }
        }
    }
}

/// 99th percentile of a service's response time in seconds: the worst of its populations and zones that give more than
/// one answer in fifty.
pub(crate) fn quantile(own: &ServiceState) -> f32 {
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
