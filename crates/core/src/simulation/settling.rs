//! Settling a call: final failures, retries under their budget, the breaker, adaptive throttling.

use crate::{
    lanes::{f32x4, ratio, unit},
    state::CallState,
    topology::{CallTable, Topology},
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

/// Settles a call's tick: final failures, retries under the budget, the breaker. Returns attempts per call.
///
/// Failures that last are those that another attempt would meet again; the others strike each attempt anew.
pub(super) fn settle(
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
        grant_retries(table, call, failure, unlimited, topology.tick_s);
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
fn grant_retries(table: &CallTable, call: &mut CallState, failure: f32x4, unlimited: f32x4, dt: f32) {
    let none = !unlimited.simd_gt(f32x4::ONE).any();
    let left = tries_left(table, call, failure, dt);
    let wanted = if none { f32x4::ZERO } else { call.attempts_per_s * left * (unlimited - f32x4::ONE) / unlimited };
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

/// Attempts that may be followed by another, over those that may in a steady state; 1 where nothing fails.
///
/// With r retries a share `p^r / (1 + p + … + p^r)` of the attempts are last ones in a steady state. But a last attempt
/// follows r that failed, up to r delays ago, (r + 1) / 2 on average: while failures have only begun, hardly any attempt
/// is a last one, and nearly all that fail are followed by another.
fn tries_left(table: &CallTable, call: &mut CallState, failure: f32x4, dt: f32) -> f32x4 {
    let ago_s = 0.5 * f32::from(call.retries + 1) * table.delay_s;
    // The implicit step: the whole way where retries do not wait.
    call.failed_before += (failure - call.failed_before) * f32x4::splat(dt / (dt + ago_s));
    // (1 + … + p^(r - 1)) / (1 + … + p^r), of what failed then over what fails now.
    let sums = |ratio: f32x4| {
        let fewer = (1..call.retries).fold(f32x4::ONE, |sum, _| f32x4::ONE + ratio * sum);
        (fewer, f32x4::ONE + ratio * fewer)
    };
    let ((then, then_all), (now, now_all)) = (sums(call.failed_before), sums(failure));
    then * now_all / (then_all * now)
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
