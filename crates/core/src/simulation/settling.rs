//! Settling a call: final failures, retries under their budget, the breaker, adaptive throttling.

use crate::{
    lanes::{f32x4, ratio, unit},
    simulation::replies::Reply,
    state::CallState,
    topology::{CallTable, MOST_RETRIES, Topology},
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
#[inline(always)]
pub(super) fn settle(
    topology: &Topology,
    table: &CallTable,
    call: &mut CallState,
    reply: &Reply,
    lasting: Option<f32x4>,
) -> f32x4 {
    let failure = reply.failure;
    let (attempts, last) = if let Some(lasting) = lasting {
        settle_lasting(call, failure, lasting)
    } else {
        let attempts = tries(call, failure);
        (attempts, f32x4::ONE - (f32x4::ONE - failure) * attempts)
    };
    call.failure = unit(f32x4::ONE - f32x4::splat(call.passing()) * (f32x4::ONE - last));
    if call.retries > 0 || call.retrying {
        if call.retrying || failure.simd_gt(f32x4::ZERO).any() {
            grant_retries(table, call, reply, lasting, topology.tick_s);
        } else {
            save_tokens(table, call, topology.tick_s);
        }
    }
    if call.guarded {
        breaker(topology, call, failure);
    }
    if table.throttle {
        throttle(topology, call, failure);
    }
    attempts
}

/// Attempts per call under the budget, and final failures, where some failures last.
#[cold]
fn settle_lasting(call: &CallState, failure: f32x4, lasting: f32x4) -> (f32x4, f32x4) {
    let one = f32x4::ONE;
    let curable = one - lasting;
    let success = ratio(one - failure, curable).fast_min(one);
    let some = tries(call, one - success);
    (lasting * tries(call, one) + curable * some, one - curable * success * some)
}

/// 1 + p + p^2 + …: attempts per call when each failed one that is allowed to is followed by another.
#[inline]
fn tries(call: &CallState, failure: f32x4) -> f32x4 {
    (0..call.retries).fold(f32x4::ONE, |attempts, _| f32x4::ONE + failure * call.allowed * attempts)
}

/// Grants nothing, as nothing failed: budgets save up.
#[inline(always)]
fn save_tokens(table: &CallTable, call: &mut CallState, dt: f32) {
    if call.budgeted {
        call.tokens = tokens(table, call, dt);
        call.allowed = f32x4::ONE;
    }
    call.granted_per_s = f32x4::ZERO;
    call.granted_at_once_per_s = f32x4::ZERO;
}

/// The budget in calls with what this tick adds.
#[inline(always)]
fn tokens(table: &CallTable, call: &CallState, dt: f32) -> f32x4 {
    let rate = call.first_per_s * f32x4::splat(table.budget.unwrap_or(0.0)) + f32x4::splat(BUDGET_FLOOR_PER_S);
    (call.tokens + rate * f32x4::splat(dt)).fast_min(rate * f32x4::splat(BUDGET_WINDOW_S))
}

/// Lets as many retries wait for their turn as there are calls with tries left, and the budget has tokens for.
fn grant_retries(table: &CallTable, call: &mut CallState, reply: &Reply, lasting: Option<f32x4>, dt: f32) {
    let zero = f32x4::ZERO;
    let mut wants = [zero; MOST_RETRIES];
    let retries = usize::from(call.retries).min(MOST_RETRIES);
    call.most_tried = call.most_tried.max(call.retries);
    let sum = wanted_retries(call, reply, lasting, dt, &mut wants[..retries]);
    // Where nothing fails now, nothing is tried again, whatever would fail lastingly below.
    let wanted = if reply.failure.simd_gt(zero).any() { sum } else { zero };
    let none = !wanted.simd_gt(zero).any();
    let mut granted = wanted;
    if call.budgeted {
        let tokens = tokens(table, call, dt);
        granted = wanted.fast_min(tokens * f32x4::splat(1.0 / dt));
        call.tokens = (tokens - granted * f32x4::splat(dt)).fast_max(zero);
        call.allowed = if none {
            f32x4::ONE
        } else {
            wanted.simd_gt(f32x4::splat(1e-9)).bitselect(ratio(granted, wanted), f32x4::ONE)
        };
    }
    call.granted_per_s = granted;
    if none {
        call.granted_at_once_per_s = zero;
        return;
    }
    call.granted_at_once_per_s = granted * unit(f32x4::ONE - ratio(reply.late, reply.failure));
    call.retrying = true;
    let kept = ratio(granted, wanted) * f32x4::splat(dt);
    for (tried, wants) in call.tried.iter_mut().zip(&wants[..retries]) {
        *tried += *wants * kept;
    }
}

/// Attempts per second that fail with tries left, by the retries that their calls will have made with the next one; returns
/// their sum.
#[inline(always)]
fn wanted_retries(call: &mut CallState, reply: &Reply, lasting: Option<f32x4>, dt: f32, wants: &mut [f32x4]) -> f32x4 {
    let mut attempts = call.first_per_s * f32x4::splat(call.passing());
    let due = call.retrying.then(|| Due::new(call, f32x4::splat(dt)));
    let mut sum = f32x4::ZERO;
    for (tries, (wants, tried)) in wants.iter_mut().zip(&mut call.tried).enumerate() {
        *wants = attempts * lasting.map_or(reply.failure, |lasting| failure_after(tries, reply.failure, lasting));
        sum += *wants;
        attempts = due.as_ref().map_or(f32x4::ZERO, |due| due.take(tried));
    }
    if let Some(due) = due {
        // Those that waited before further tries were forbidden.
        for tried in &mut call.tried[wants.len()..usize::from(call.most_tried).min(MOST_RETRIES)] {
            due.take(tried);
        }
    }
    sum
}

/// This tick's retries among those that waited: those that are due are as those that wait.
struct Due {
    /// Share of those that waited that is due, and the attempts per second that each of them stands for.
    gone: f32x4,
    each: f32x4,
}

impl Due {
    #[inline(always)]
    fn new(call: &CallState, dt: f32x4) -> Self {
        let due = call.due_per_s * dt;
        let waiting = call.waiting.iter().fold(call.backing_off + due, |sum, &stage| sum + stage);
        let all = call.tried.iter().fold(f32x4::ZERO, |sum, &tried| sum + tried);
        let sent = call.due_per_s * f32x4::splat(call.passing());
        Self { gone: ratio(due, waiting), each: ratio(sent, all) }
    }

    /// Takes those that are due out of those that made as many tries; returns their attempts per second.
    #[inline(always)]
    fn take(&self, tried: &mut f32x4) -> f32x4 {
        let repeated = *tried * self.each;
        *tried -= *tried * self.gone;
        repeated
    }
}

/// Ratio of attempts that fail among those of calls that failed so many times before: where some failures last, calls
/// that have failed are the likelier to fail again.
#[cold]
fn failure_after(tries: usize, failure: f32x4, lasting: f32x4) -> f32x4 {
    let one = f32x4::ONE;
    let curable = one - lasting;
    let again = one - ratio(one - failure, curable).fast_min(one);
    let left = (0..tries).fold(curable, |left, _| left * again);
    ratio(lasting + left * again, lasting + left)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scenario::Scenario, state::ClusterState};

    #[test]
    fn a_call_that_does_not_fail_is_not_tried_again_though_something_below_it_fails_lastingly() {
        let topology = Topology::new(Scenario::load("spine12").expect("a scenario")).expect("its topology");
        let mut state = ClusterState::new(&topology);
        let index = topology.calls.iter().position(|call| call.retries > 1).expect("a call with retries");
        let (table, call) = (&topology.calls[index], &mut state.calls[index]);
        call.first_per_s = f32x4::splat(100.0);
        call.retrying = true;
        call.waiting[0] = f32x4::ONE;
        call.tried[0] = f32x4::ONE;
        call.due_per_s = f32x4::splat(0.5);
        let zero = f32x4::ZERO;
        let held_s = f32x4::splat(0.01);
        let reply = Reply { failure: zero, late: zero, wrong: zero, held_s, variance: zero };
        settle(&topology, table, call, &reply, Some(f32x4::splat(0.05)));
        assert_eq!((call.granted_per_s, call.allowed), (zero, f32x4::ONE));
        let failing = Reply { failure: f32x4::splat(0.1), ..reply };
        settle(&topology, table, call, &failing, Some(f32x4::splat(0.05)));
        assert!(call.granted_per_s.simd_gt(zero).all());
    }
}
