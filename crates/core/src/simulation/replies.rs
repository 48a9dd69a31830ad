//! Replies: what callers in each zone see of those that answer them, through timeouts, distances, cuts and lost messages.

use crate::{
    lanes::{f32x4, lane, one_hot, ratio, unit},
    simulation::{
        quorum,
        requests::{exceeds, gathered},
    },
    state::{CallState, Prompt, ServiceState},
    topology::{CallTable, Topology},
};

/// What a caller sees of a callee, by the caller's zone.
pub(super) struct Reply {
    /// Ratio of attempts that fail: errors, refusals, and answers after the timeout.
    pub failure: f32x4,
    /// Ratio of attempts that fail because nothing comes before the timeout; the others that fail do so sooner.
    pub late: f32x4,
    /// Ratio of the other answers that are wrong; only told where any may be.
    pub wrong: f32x4,
    /// Seconds that an attempt holds the caller, mean and variance.
    pub held_s: f32x4,
    pub variance: f32x4,
}

/// One attempt's reply as callers in each zone see it, over the zones that answer them.
#[inline(always)]
pub(super) fn reply(topology: &Topology, call: &CallTable, callee: &ServiceState, shared: &Shared) -> Reply {
    let Prompt { longest_s, failure, held_s, variance } = callee.prompt;
    if call.timeout_s > longest_s && call.quorum.is_none() {
        let wrong = if shared.any_wrong { unit(over_zones(callee, callee.wrong, None)) } else { f32x4::ZERO };
        return Reply { failure, late: f32x4::ZERO, wrong, held_s, variance };
    }
    timed_reply(topology, call, callee, shared.cut)
}

/// What a tick's replies have in common: whether any answer may be wrong or fail lastingly, and the cut between zones.
pub(super) struct Shared {
    pub any_wrong: bool,
    pub any_lasting: bool,
    pub cut: Option<f32x4>,
}

/// Standard deviations above the mean beyond which a shifted exponential counts as never being.
const PROMPT_DEVIATIONS: f32 = 20.0;

/// What callers see whose timeouts are far beyond what a service needs: it is the same for all of them.
pub(super) fn prompt(topology: &Topology, own: &ServiceState, cut: Option<f32x4>) -> Prompt {
    if cut.is_some() || topology.zone_latency_s.is_some() {
        // Every caller sees something else.
        return Prompt { longest_s: f32::MAX, ..own.prompt };
    }
    let kinds = if own.has_impaired { 2 } else { 1 };
    let (mut held, mut second, mut longest) = (f32x4::ZERO, f32x4::ZERO, f32x4::ZERO);
    for population in &own.populations[..kinds] {
        let (share, mean, sd) = (population.share, population.mean_s, population.sd_s);
        longest = longest.fast_max(mean + sd.fast_max(f32x4::splat(1e-6)) * f32x4::splat(PROMPT_DEVIATIONS));
        held += share * mean;
        second += share * (mean * mean + sd * sd);
    }
    let failure = unit(f32x4::ONE - (f32x4::ONE - own.failure));
    let variance = (second - held * held).fast_max(f32x4::ZERO);
    let longest = longest.to_array();
    let longest_s = longest[0].max(longest[1]).max(longest[2].max(longest[3])).min(f32::MAX);
    if own.all_local {
        return Prompt { longest_s, failure, held_s: held, variance };
    }
    let over = |lanes: f32x4| over_zones(own, lanes, None);
    Prompt { longest_s, failure: unit(over(failure)), held_s: over(held), variance: over(variance) }
}

fn timed_reply(topology: &Topology, call: &CallTable, callee: &ServiceState, cut: Option<f32x4>) -> Reply {
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
            late: unit(over(reply.late)),
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
        late: f32x4::ZERO,
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
    // Whoever lacks a quorum waits for it until the end.
    reply.late = reply.failure;
    reply
}

/// What would cross a cut is waited for in vain.
#[cold]
fn sever(call: &CallTable, callee: &ServiceState, cut: Option<f32x4>, reply: Reply) -> Reply {
    let lost = unit((f32x4::ONE - callee.local) * (f32x4::ONE - gathered(callee.spill, cut)));
    Reply {
        failure: unit(reply.failure + lost),
        late: unit(reply.late + lost),
        held_s: reply.held_s + lost * f32x4::splat(call.timeout_s),
        // Relative to those that get an answer at all.
        wrong: ratio(reply.wrong, f32x4::ONE - lost),
        variance: reply.variance,
    }
}

/// The same where zones are apart: each answering zone's reply, later by the way from each caller's zone.
fn across(rows: &[f32x4; 4], call: &CallTable, callee: &ServiceState, cut: Option<f32x4>) -> Reply {
    let zero = f32x4::ZERO;
    let mut all = Reply { failure: zero, late: zero, wrong: zero, held_s: zero, variance: zero };
    let (local, spill) = (callee.local, callee.spill.to_array());
    for (zone, &way) in rows.iter().enumerate() {
        let remote = gathered(one_hot(zone) * f32x4::splat(spill[zone]), cut);
        let share = local * one_hot(zone) + (f32x4::ONE - local) * remote;
        let reply = entry_reply(&callee.at(zone), call.timeout_s, way);
        all.failure += share * reply.failure;
        all.late += share * reply.late;
        all.wrong += share * reply.wrong;
        all.held_s += share * reply.held_s;
        all.variance += share * reply.variance;
    }
    (all.failure, all.late, all.wrong) = (unit(all.failure), unit(all.late), unit(all.wrong));
    all
}

/// One attempt's reply from each zone, over both populations, so many seconds away.
pub(super) fn entry_reply(callee: &impl Answers, timeout_s: f32, away_s: f32x4) -> Reply {
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
    let (failure, wrong, taken) = callee.outcome();
    let answered = (f32x4::ONE - failure) * (f32x4::ONE - late);
    Reply {
        failure: unit(f32x4::ONE - answered),
        late: unit(taken * late),
        wrong,
        held_s: held,
        variance: (second - held * held).fast_max(f32x4::ZERO),
    }
}

/// What callers need to know of those that answer.
pub(super) trait Answers {
    fn kinds(&self) -> usize;
    /// Share of the answers, mean and standard deviation of their time.
    fn times(&self, kind: usize) -> (f32x4, f32x4, f32x4);
    /// Ratio of failures, of wrong answers among the others, and of requests that are taken in at all.
    fn outcome(&self) -> (f32x4, f32x4, f32x4);
}

impl Answers for ServiceState {
    fn kinds(&self) -> usize {
        if self.has_impaired { 2 } else { 1 }
    }

    fn times(&self, kind: usize) -> (f32x4, f32x4, f32x4) {
        let population = &self.populations[kind];
        (population.share, population.mean_s, population.sd_s)
    }

    fn outcome(&self) -> (f32x4, f32x4, f32x4) {
        (self.failure, self.wrong, self.taken)
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

    fn outcome(&self) -> (f32x4, f32x4, f32x4) {
        let (failure, wrong, taken) = self.0.outcome();
        (everywhere(failure, self.1), everywhere(wrong, self.1), everywhere(taken, self.1))
    }
}

fn everywhere(lanes: f32x4, zone: usize) -> f32x4 {
    f32x4::splat(lane(lanes, zone))
}

/// What callers in each zone meet of something that the answering zones have.
#[inline(always)]
pub(super) fn over_zones(callee: &ServiceState, lanes: f32x4, cut: Option<f32x4>) -> f32x4 {
    if callee.all_local {
        return lanes;
    }
    callee.local * lanes + (f32x4::ONE - callee.local) * gathered(lanes * callee.spill, cut)
}

/// What faults of the network and stale secrets make of a reply.
#[inline(never)]
pub(super) fn disturb(table: &CallTable, call: &CallState, reply: Reply) -> Reply {
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
        late: (one - stale) * (one - (one - reply.late) * (one - call.loss) * (one - delayed)),
        held_s: held,
        ..reply
    }
}
