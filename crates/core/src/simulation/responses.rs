//! The backward pass: latencies and failures travel from callees to callers, and decide on retries and breakers.

use crate::{
    lanes::{f32x4, lane, one_hot, ratio, unit},
    scenario::{CallMode, ServiceClass},
    simulation::{
        quorum, replicas,
        requests::{exceeds, gathered, memory},
        tenants,
    },
    state::{CallState, ClusterState, HEALTHY, IMPAIRED, ServiceState},
    topology::{CallTable, ServiceTable, Topology},
};

/// Seconds over which a breaker smooths failures, those it stays open, and its share of probes when half open, and how
/// long it probes.
pub(crate) const BREAKER_WINDOW_S: f32 = 10.0;
const BREAKER_OPEN_S: f32 = 5.0;
const BREAKER_PROBE_RATIO: f32 = 0.1;
const BREAKER_PROBE_S: f32 = 1.0;
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
    /// Ratio of the other answers that are wrong.
    wrong: f32x4,
    /// Seconds that an attempt holds the caller, mean and variance.
    held_s: f32x4,
    variance: f32x4,
}

pub(super) fn backward(topology: &Topology, state: &mut ClusterState) {
    let dt = topology.tick_s;
    let ClusterState { services, calls, condition, .. } = state;
    let (any_wrong, any_lasting, cut) = (condition.wrong, condition.lasting, condition.cut());
    for &service in topology.order.iter().rev() {
        let service = service as usize;
        let table = &topology.services[service];
        let (mut success, mut right, mut curable) = (f32x4::ONE, f32x4::ONE, f32x4::ONE);
        let (mut mean, mut variance) = (f32x4::ZERO, f32x4::ZERO);
        for index in table.calls.clone() {
            let call = &topology.calls[index];
            let edge = &mut calls[index];
            let mut reply = reply(topology, call, &services[call.to], cut);
            if state.disturbed && edge.is_disturbed() {
                reply = disturb(call, edge, reply);
            }
            let lasting = any_lasting.then(|| lasting(edge, &services[call.to], cut));
            let attempts = settle(topology, call, edge, reply.failure, lasting);
            if any_wrong {
                edge.wrong = reply.wrong;
            }
            match call.mode {
                CallMode::Sync | CallMode::Miss => {
                    let missed = if call.mode == CallMode::Miss { 1.0 - services[service].hit_ratio } else { 1.0 };
                    let times = f32x4::splat(call.calls * missed);
                    let waits = f32x4::splat(call.calls * missed * call.waits);
                    if any_wrong {
                        right *= unit(f32x4::ONE - times.fast_min(f32x4::ONE) * edge.wrong);
                    }
                    let fallback = if edge.trickles && !edge.held_open { 0.0 } else { call.fallback };
                    if let Some(lasting) = lasting {
                        let hit = times.fast_min(f32x4::ONE) * f32x4::splat(1.0 - fallback);
                        curable *= f32x4::ONE - hit * lasting;
                    }
                    success *=
                        unit(f32x4::ONE - times.fast_min(f32x4::ONE) * edge.failure * f32x4::splat(1.0 - fallback))
                            * further_calls(call.calls * missed, edge.failure, fallback);
                    let backoff = (attempts - f32x4::ONE) * f32x4::splat(call.backoff_s);
                    let pass = f32x4::splat(edge.passing());
                    mean += waits * pass * (attempts * reply.held_s + backoff);
                    variance += waits * pass * (attempts * reply.variance);
                }
                CallMode::Consume => {
                    // What is delivered again is late, not lost.
                    let again = edge.failure * f32x4::splat(table.redelivery);
                    success *= f32x4::ONE - (edge.failure - again);
                    let returned = edge.first_per_s * again;
                    services[service].depth += returned * f32x4::splat(dt / call.calls.max(1e-6));
                }
                CallMode::Async => {}
            }
            if call.mode == CallMode::Miss {
                let own = &mut services[service];
                let flow = edge.first_per_s.reduce_add();
                let filled =
                    if flow > 0.0 { (edge.first_per_s * (f32x4::ONE - edge.failure)).reduce_add() / flow } else { 0.0 };
                own.hit_ratio += (own.hit_limit - own.hit_ratio) * table.fill_step * filled;
                own.hit_ratio -= own.hit_ratio * table.evict_step;
            }
        }
        if table.class == ServiceClass::Broker {
            success *= in_time(table, &services[service]);
        }
        let own = &mut services[service];
        if any_wrong {
            // While there are no impaired replicas, what share they last had is not touched.
            let impaired = if own.has_impaired { own.populations[IMPAIRED].share } else { f32x4::ZERO };
            let impaired = impaired * f32x4::splat(own.impairment.wrong);
            let right_alone = (f32x4::ONE - impaired) * f32x4::splat(1.0 - own.condition.wrong);
            own.wrong = f32x4::ONE - right * right_alone;
        }
        if any_lasting {
            own.lasting = f32x4::ONE - curable * (f32x4::ONE - own.write_error);
        }
        finish(table, own, success, mean, variance, dt);
    }
    edge(topology, state);
}

/// Ratio of calls that fail however often they are tried: another attempt writes to the same missing primary, or shows
/// the same stale secret.
#[cold]
fn lasting(call: &CallState, callee: &ServiceState, cut: Option<f32x4>) -> f32x4 {
    f32x4::ONE - (f32x4::ONE - over_zones(callee, callee.lasting, cut)) * f32x4::splat(1.0 - call.stale_secret)
}

/// What callers in each zone meet of something that the answering zones have.
fn over_zones(callee: &ServiceState, lanes: f32x4, cut: Option<f32x4>) -> f32x4 {
    if callee.all_local {
        return lanes;
    }
    callee.local * lanes + (f32x4::ONE - callee.local) * gathered(lanes * callee.spill, cut)
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
        settle(topology, table, entry, reply.failure, lasting);
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
fn home_latency(topology: &Topology, state: &ClusterState) -> f32x4 {
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

/// What faults of the network and stale secrets make of a reply.
fn disturb(table: &CallTable, call: &CallState, reply: Reply) -> Reply {
    let one = f32x4::ONE;
    let timeout = f32x4::splat(table.timeout_s);
    let stale = f32x4::splat(call.stale_secret);
    let late = exceeds(table.timeout_s, reply.held_s + call.delay_s, reply.variance.sqrt());
    let delayed = call.delay_s.simd_gt(f32x4::ZERO).bitselect(late, f32x4::ZERO);
    let held = (reply.held_s + call.delay_s).fast_min(timeout);
    // A lost message is waited for in vain; a stale secret is refused at once.
    let held = (held * (one - call.loss) + timeout * call.loss) * (one - stale);
    Reply {
        failure: one - (one - reply.failure) * (one - call.loss) * (one - stale) * (one - delayed),
        held_s: held,
        ..reply
    }
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
fn finish(
    table: &ServiceTable,
    own: &mut ServiceState,
    calls_success: f32x4,
    calls_mean: f32x4,
    calls_variance: f32x4,
    dt: f32,
) {
    own.calls_mean_s = calls_mean;
    own.calls_success = calls_success;
    own.failure = unit(f32x4::ONE - own.own_success * calls_success);
    let kinds = if own.has_impaired { 2 } else { 1 };
    for population in &mut own.populations[..kinds] {
        population.mean_s = population.own_mean_s + calls_mean;
        population.sd_s = (population.own_sd_s * population.own_sd_s + calls_variance).sqrt();
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
    for kind in [HEALTHY, IMPAIRED] {
        let population = &mut own.populations[kind];
        let runs = population.ready.simd_gt(f32x4::ZERO);
        population.leaked =
            runs.bitselect(population.leaked + f32x4::splat(own.condition.leak_per_s * dt), f32x4::ZERO);
        let used = memory(table, population.leaked + f32x4::splat(own.condition.heap), population);
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

/// One attempt's reply as callers in each zone see it, over the zones that answer them.
fn reply(topology: &Topology, call: &CallTable, callee: &ServiceState, cut: Option<f32x4>) -> Reply {
    if let Some(needed) = call.quorum {
        return poll(call, callee, needed, cut);
    }
    if callee.all_local {
        return entry_reply(callee, call.timeout_s, f32x4::ZERO);
    }
    let reply = if let Some(rows) = &topology.zone_latency_s {
        across(rows, call, callee, cut)
    } else {
        let reply = entry_reply(callee, call.timeout_s, f32x4::ZERO);
        let over = |lanes: f32x4| over_zones(callee, lanes, cut);
        Reply {
            failure: unit(over(reply.failure)),
            wrong: unit(over(reply.wrong)),
            held_s: over(reply.held_s),
            variance: over(reply.variance),
        }
    };
    if cut.is_some() { sever(call, callee, cut, reply) } else { reply }
}

/// The reply of a quorum: everybody hears all the replicas, or those on their side of a cut.
#[cold]
fn poll(call: &CallTable, callee: &ServiceState, needed: u8, cut: Option<f32x4>) -> Reply {
    let cut = cut.unwrap_or(f32x4::ZERO);
    let rest = f32x4::ONE - cut;
    let outside = quorum::verdict(callee, needed, call.timeout_s, rest);
    let everywhere = |value: f32| f32x4::splat(value);
    let mut reply = Reply {
        failure: everywhere(outside.failure),
        wrong: everywhere(outside.wrong),
        held_s: everywhere(outside.held_s),
        variance: everywhere(outside.variance),
    };
    if cut.simd_gt(f32x4::ZERO).any() {
        let inside = quorum::verdict(callee, needed, call.timeout_s, cut);
        let mix = |lanes: &mut f32x4, value: f32| *lanes = rest * *lanes + cut * f32x4::splat(value);
        mix(&mut reply.failure, inside.failure);
        mix(&mut reply.wrong, inside.wrong);
        mix(&mut reply.held_s, inside.held_s);
        mix(&mut reply.variance, inside.variance);
    }
    reply
}

/// What would cross a cut is waited for in vain.
#[cold]
fn sever(call: &CallTable, callee: &ServiceState, cut: Option<f32x4>, reply: Reply) -> Reply {
    let lost = unit((f32x4::ONE - callee.local) * (f32x4::ONE - gathered(callee.spill, cut)));
    Reply {
        failure: unit(reply.failure + lost),
        held_s: reply.held_s + lost * f32x4::splat(call.timeout_s),
        // Relative to those that get an answer at all.
        wrong: ratio(reply.wrong, f32x4::ONE - lost),
        variance: reply.variance,
    }
}

/// The same where zones are apart: each answering zone's reply, later by the way from each caller's zone.
fn across(rows: &[f32x4; 4], call: &CallTable, callee: &ServiceState, cut: Option<f32x4>) -> Reply {
    let zero = f32x4::ZERO;
    let mut all = Reply { failure: zero, wrong: zero, held_s: zero, variance: zero };
    let (local, spill) = (callee.local, callee.spill.to_array());
    for (zone, &way) in rows.iter().enumerate() {
        let remote = gathered(one_hot(zone) * f32x4::splat(spill[zone]), cut);
        let share = local * one_hot(zone) + (f32x4::ONE - local) * remote;
        let reply = entry_reply(&callee.at(zone), call.timeout_s, way);
        all.failure += share * reply.failure;
        all.wrong += share * reply.wrong;
        all.held_s += share * reply.held_s;
        all.variance += share * reply.variance;
    }
    (all.failure, all.wrong) = (unit(all.failure), unit(all.wrong));
    all
}

/// One attempt's reply from each zone, over both populations, so many seconds away.
fn entry_reply(callee: &impl Answers, timeout_s: f32, away_s: f32x4) -> Reply {
    let limit = f32x4::splat(timeout_s);
    let (mut late, mut held, mut second) = (f32x4::ZERO, f32x4::ZERO, f32x4::ZERO);
    for kind in 0..callee.kinds() {
        let (share, mean, sd) = callee.times(kind);
        let whole = mean + away_s;
        let beyond = exceeds(timeout_s, whole, sd);
        // E[min(X, T)] = mean - sd P(X > T) for the shifted exponential, and T where it starts beyond T.
        // Where the standard deviation exceeds the mean, the exponential would start before the request does.
        let mean = (whole - sd * beyond).fast_min(limit).fast_max(f32x4::ZERO);
        let kept = sd * (f32x4::ONE - beyond);
        late += share * beyond;
        held += share * mean;
        second += share * (mean * mean + kept * kept);
    }
    let (failure, wrong) = callee.outcome();
    let answered = (f32x4::ONE - failure) * (f32x4::ONE - late);
    Reply {
        failure: unit(f32x4::ONE - answered),
        wrong,
        held_s: held,
        variance: (second - held * held).fast_max(f32x4::ZERO),
    }
}

/// What callers need to know of those that answer.
trait Answers {
    fn kinds(&self) -> usize;
    /// Share of the answers, mean and standard deviation of their time.
    fn times(&self, kind: usize) -> (f32x4, f32x4, f32x4);
    /// Ratio of failures, and of wrong answers among the others.
    fn outcome(&self) -> (f32x4, f32x4);
}

impl Answers for ServiceState {
    fn kinds(&self) -> usize {
        if self.has_impaired { 2 } else { 1 }
    }

    fn times(&self, kind: usize) -> (f32x4, f32x4, f32x4) {
        let population = &self.populations[kind];
        (population.share, population.mean_s, population.sd_s)
    }

    fn outcome(&self) -> (f32x4, f32x4) {
        (self.failure, self.wrong)
    }
}

/// One zone's answers, in every lane.
struct AtZone<'a>(&'a ServiceState, usize);

impl ServiceState {
    fn at(&self, zone: usize) -> AtZone<'_> {
        AtZone(self, zone)
    }
}

impl Answers for AtZone<'_> {
    fn kinds(&self) -> usize {
        self.0.kinds()
    }

    fn times(&self, kind: usize) -> (f32x4, f32x4, f32x4) {
        let (share, mean, sd) = self.0.times(kind);
        (everywhere(share, self.1), everywhere(mean, self.1), everywhere(sd, self.1))
    }

    fn outcome(&self) -> (f32x4, f32x4) {
        let (failure, wrong) = self.0.outcome();
        (everywhere(failure, self.1), everywhere(wrong, self.1))
    }
}

fn everywhere(lanes: f32x4, zone: usize) -> f32x4 {
    f32x4::splat(lane(lanes, zone))
}

/// Settles a call's tick: final failures, retries under the budget, the breaker. Returns attempts per call.
///
/// Failures that last are those that another attempt would meet again; the others strike each attempt anew.
fn settle(
    topology: &Topology,
    table: &CallTable,
    call: &mut CallState,
    failure: f32x4,
    lasting: Option<f32x4>,
) -> f32x4 {
    let (unlimited, attempts, last) = if let Some(lasting) = lasting {
        settle_lasting(call, failure, lasting)
    } else {
        let (unlimited, attempts) = tries(call, failure);
        (unlimited, attempts, f32x4::ONE - (f32x4::ONE - failure) * attempts)
    };
    call.failure = unit(f32x4::ONE - f32x4::splat(call.passing()) * (f32x4::ONE - last));
    if call.retries > 0 {
        grant_retries(table, call, unlimited, topology.tick_s);
    } else if call.retrying {
        call.granted_per_s = f32x4::ZERO;
    }
    if call.guarded {
        breaker(topology, call, failure);
    }
    if table.throttle {
        throttle(topology, call, failure);
    }
    attempts
}

/// Attempts per call, without and with the budget's limit, and final failures, where some failures last.
#[cold]
fn settle_lasting(call: &CallState, failure: f32x4, lasting: f32x4) -> (f32x4, f32x4, f32x4) {
    let one = f32x4::ONE;
    let curable = one - lasting;
    let success = ratio(one - failure, curable).fast_min(one);
    let (all, all_allowed) = tries(call, one);
    let (some, some_allowed) = tries(call, one - success);
    let attempts = lasting * all_allowed + curable * some_allowed;
    (lasting * all + curable * some, attempts, one - curable * success * some_allowed)
}

/// 1 + p + p^2 + …: attempts per call when each failed one is followed by another, all of them or those allowed.
#[inline]
fn tries(call: &CallState, failure: f32x4) -> (f32x4, f32x4) {
    let (mut unlimited, mut attempts) = (f32x4::ONE, f32x4::ONE);
    for _ in 0..call.retries {
        unlimited = f32x4::ONE + failure * unlimited;
        attempts = f32x4::ONE + failure * call.allowed * attempts;
    }
    (unlimited, attempts)
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
        call.tokens = (tokens - granted * f32x4::splat(dt)).fast_max(f32x4::ZERO);
        call.allowed = if none {
            f32x4::ONE
        } else {
            wanted.simd_gt(f32x4::splat(1e-9)).bitselect(ratio(granted, wanted), f32x4::ONE)
        };
        call.granted_per_s = granted;
    }
    call.retrying |= !none;
}

/// Adaptive throttling: a caller rejects with probability `max(0, (asked - 2 accepted) / (asked + 1))` over two minutes
/// (Beyer et al., "Site Reliability Engineering", 2016, chapter 21).
fn throttle(topology: &Topology, call: &mut CallState, failure: f32x4) {
    let step = topology.steps.throttle;
    let asked = call.first_per_s.reduce_add();
    let accepted = (call.attempts_per_s * (f32x4::ONE - failure)).reduce_add();
    call.asked_per_s += (asked - call.asked_per_s) * step;
    call.accepted_per_s += (accepted.min(asked) - call.accepted_per_s) * step;
    let (asked, accepted) = (call.asked_per_s * THROTTLE_WINDOW_S, call.accepted_per_s * THROTTLE_WINDOW_S);
    call.throttle = 1.0 - ((asked - THROTTLE_MULTIPLE * accepted) / (asked + 1.0)).max(0.0);
}

/// Seconds that adaptive throttling looks back, and accepted requests per request that it sends.
pub(crate) const THROTTLE_WINDOW_S: f32 = 120.0;
const THROTTLE_MULTIPLE: f32 = 2.0;

/// Opens on a high smoothed failure ratio, probes after a while, closes when the probes succeed.
fn breaker(topology: &Topology, call: &mut CallState, failure: f32x4) {
    let dt = topology.tick_s;
    let flow = call.attempts_per_s.reduce_add();
    let failed = if flow > 0.0 { (call.attempts_per_s * failure).reduce_add() / flow } else { 0.0 };
    if call.pass >= 1.0 {
        call.failure_ewma += (failed - call.failure_ewma) * topology.steps.breaker;
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
        call.breaker_wait_s = BREAKER_PROBE_S;
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
