//! Audits of the simulation: what goes into a service, a broker or a retry chain comes out, stays, or is counted as lost.

mod numbers;

use crate::{
    lanes::f32x4,
    scenario::{CallMode, ServiceClass},
    simulation::{Witness, requests::exceeds},
    state::{CallState, ClusterState, HEALTHY, IMPAIRED, ServiceState},
    topology::{CallTable, Topology},
};

/// A balance that holds in every tick, up to rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Requests in a service change by those admitted, served, and lost with their replicas.
    Requests,
    /// Requests offered to a service are admitted or refused.
    Admission,
    /// Attempts that arrive are offered to the services called.
    Routing,
    /// A broker's messages change by those stored, delivered again, consumed and dropped.
    Messages,
    /// Waiting retries change by those granted and those due.
    Retries,
    /// Every replica is in rotation or out of it.
    Rotation,
    /// What users ask for at the edge ends well or badly, in every zone, and what gets past the edge enters a service.
    Edge,
    /// Requests lost with their replicas, or dropped with a queue, are charged to those who ask next.
    Lost,
    /// A service's answers come in time or too late, and whatever fails for good is one that failed or came too late.
    Answers,
    /// Every replica wanted runs, starts, has crashed, or has no room.
    Replicas,
}

impl Balance {
    /// Every balance.
    pub const ALL: [Self; 10] = [
        Self::Requests,
        Self::Admission,
        Self::Routing,
        Self::Messages,
        Self::Retries,
        Self::Rotation,
        Self::Edge,
        Self::Lost,
        Self::Answers,
        Self::Replicas,
    ];

    /// The imbalance that single precision leaves at most: fewer replicas than a thousandth are none.
    pub fn tolerance(self) -> f64 {
        if self == Self::Replicas { 1e-3 } else { 1e-5 }
    }
}

/// What an audit has found so far; hand it to [`Environment::step_audited`](crate::Environment::step_audited).
#[derive(Clone, Debug, Default)]
pub struct Audit {
    ticks: u64,
    worst: [f64; Balance::ALL.len()],
    violation: Option<String>,
    services: Vec<Before>,
    calls: Vec<Waiting>,
    entries: Vec<Waiting>,
    offered: [f64; 4],
    bad: [f64; 4],
}

/// A service's side of the balances as the tick goes on.
#[derive(Clone, Debug, Default)]
struct Before {
    in_system: f64,
    left: f64,
    finished: f64,
    lost: f64,
    charged: f64,
    admitted: f64,
    served: f64,
    depth: f64,
    dropped: f64,
    stored: f64,
    consumed: f64,
}

/// A retry chain before the tick.
#[derive(Clone, Debug, Default)]
struct Waiting {
    mass: f64,
    granted: f64,
    retrying: bool,
}

impl Audit {
    /// An audit that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ticks seen.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// The worst imbalance of a kind, relative to the flow or amount involved or to one, whichever is more.
    pub fn imbalance(&self, balance: Balance) -> f64 {
        self.worst[balance as usize]
    }

    /// The balances that do not hold.
    pub fn broken(&self) -> impl Iterator<Item = Balance> + '_ {
        Balance::ALL.into_iter().filter(|&balance| self.imbalance(balance) >= balance.tolerance())
    }

    /// The first number found that is not finite, or lies where its quantity cannot.
    pub fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// Looks for such a number in a state.
    pub(crate) fn inspect(&mut self, state: &ClusterState) {
        if self.violation.is_none() {
            self.violation = numbers::violation(state)
                .map(|found| format!("level {}, tick {}: {found}", state.level.number(), state.tick));
        }
    }

    fn note(&mut self, balance: Balance, difference: f64, scale: f64) {
        let relative = difference.abs() / scale.max(1.0);
        let worst = &mut self.worst[balance as usize];
        // A difference that is no number is as bad as can be.
        *worst = if relative.is_nan() { f64::INFINITY } else { worst.max(relative) };
    }

    fn retries(&mut self, before: &Waiting, call: &CallState, dt: f64) {
        let due = if before.retrying { sum(call.due_per_s) * dt } else { 0.0 };
        let granted = if before.retrying { before.granted * dt } else { 0.0 };
        let change = waiting(call) - before.mass;
        self.note(Balance::Retries, change - (granted - due), before.mass.max(granted).max(due));
    }

    /// Answers in time and late ones against all; where every caller meets its own zone's answers and nobody tries
    /// again, what they come to against what the call came to.
    fn answers(&mut self, table: &CallTable, call: &CallState, callee: &ServiceState, is_plain: bool) {
        let kinds = if callee.has_impaired { 2 } else { 1 };
        let (mut in_time, mut late) = (f32x4::ZERO, f32x4::ZERO);
        for population in &callee.populations[..kinds] {
            let beyond = exceeds(table.timeout_s, population.mean_s, population.sd_s);
            in_time += population.share * (f32x4::ONE - beyond);
            late += population.share * beyond;
        }
        // Breakers and throttles have already decided on the next tick.
        let is_plain = is_plain && call.retries == 0 && !call.guarded && !table.throttle && !call.held_open;
        let answered = (f32x4::ONE - callee.failure) * in_time;
        let (failed, answered) = (call.failure.to_array(), answered.to_array());
        let (in_time, late) = (in_time.to_array(), late.to_array());
        let sent = call.first_per_s.to_array();
        for zone in 0..4 {
            let of = |lanes: [f32; 4]| f64::from(lanes[zone]);
            self.note(Balance::Answers, of(in_time) + of(late) - 1.0, 1.0);
            self.note(Balance::Answers, of(late).min(0.0) + (of(late) - 1.0).max(0.0), 1.0);
            if is_plain && sent[zone] > 0.0 {
                self.note(Balance::Answers, of(answered) + of(failed) - 1.0, 1.0);
            }
        }
    }

    /// What users were offered and what of it was bad, as the accounts have it, against what each entry did.
    fn edge(&mut self, topology: &Topology, state: &ClusterState) {
        let dt = f64::from(topology.tick_s);
        for zone in 0..4 {
            let of = |lanes: f32x4| f64::from(lanes.to_array()[zone]) * dt;
            let offered = state.accounts.zone_offered[zone] - self.offered[zone];
            let bad = state.accounts.zone_bad[zone] - self.bad[zone];
            let is_good = |entry: &CallState| (f32x4::ONE - entry.failure) * (f32x4::ONE - entry.wrong);
            let good: f64 = state.entries.iter().map(|entry| of(entry.first_per_s * is_good(entry))).sum();
            let inside: f64 = state.entries.iter().map(|entry| of(entry.first_per_s)).sum();
            self.note(Balance::Edge, good + bad - offered, offered);
            self.note(Balance::Edge, of(state.turned_away_per_s) + inside - of(state.arrivals_per_s), offered);
            self.note(Balance::Edge, bad.min(0.0) + (bad - offered).max(0.0), offered);
        }
        let (offered, bad): (f64, f64) = (
            state.tenants.iter().map(|tenant| tenant.offered).sum(),
            state.tenants.iter().map(|tenant| tenant.bad).sum(),
        );
        for tenant in &state.tenants {
            self.note(Balance::Edge, tenant.bad.min(0.0) + (tenant.bad - tenant.offered).max(0.0), tenant.offered);
        }
        // Of a decision, not of a tick: what tenants bear is what users as a whole do.
        if !state.tenants.is_empty() && topology.tenants.len() > 1 {
            self.note(Balance::Edge, offered - state.accounts.offered, offered);
            self.note(Balance::Edge, bad - state.accounts.bad, offered);
        }
    }
}

impl Witness for Audit {
    fn begins(&mut self, state: &ClusterState) {
        self.services.clear();
        self.services.extend(state.services.iter().map(|own| Before {
            in_system: in_system(own),
            left: own.left,
            finished: own.finished,
            lost: sum(own.lost),
            charged: own.charged,
            depth: sum(own.depth),
            dropped: own.dropped,
            ..Before::default()
        }));
        let before = |call: &CallState| Waiting {
            mass: waiting(call),
            granted: sum(call.granted_per_s),
            retrying: call.retrying,
        };
        self.calls.clear();
        self.calls.extend(state.calls.iter().map(before));
        self.entries.clear();
        self.entries.extend(state.entries.iter().map(before));
        (self.offered, self.bad) = (state.accounts.zone_offered, state.accounts.zone_bad);
    }

    fn forwarded(&mut self, topology: &Topology, state: &ClusterState) {
        let dt = f64::from(topology.tick_s);
        let mut arriving = vec![0.0; state.services.len()];
        let severed = state.condition.cut().is_some();
        for (table, entry) in topology.entries.iter().zip(&state.entries) {
            arriving[table.to] += sum(entry.attempts_per_s);
        }
        for (table, call) in topology.calls.iter().zip(&state.calls) {
            let callee = &state.services[table.to];
            let sent = call.attempts_per_s * (f32x4::ONE - call.loss) * f32x4::splat(1.0 - call.stale_secret);
            let asked = if table.quorum.is_some() { in_rotation(callee) } else { 1.0 };
            arriving[table.to] += sum(sent) * asked;
        }
        for (service, own) in state.services.iter().enumerate() {
            let offered = sum(own.offered_per_s);
            let gained = (offered - arriving[service]) * dt;
            // What would cross a cut is lost on the way: then nothing may be gained.
            self.note(Balance::Routing, if severed { gained.max(0.0) } else { gained }, offered * dt);
            for zone in 0..4 {
                let of = |lanes: f32x4| f64::from(lanes.to_array()[zone]) * dt;
                let (offered, admitted) = (of(own.offered_per_s), of(own.admitted_per_s));
                let refused = offered * (1.0 - of(own.taken) / dt);
                self.note(Balance::Admission, offered - admitted - refused, offered);
                self.note(Balance::Admission, refused.min(0.0), offered);
            }
            let kinds = if own.has_impaired { 2 } else { 1 };
            let served = own.populations[..kinds].iter().map(|population| sum(population.served_per_s)).sum::<f64>();
            let stored: f64 = (0..4)
                .map(|zone| {
                    let of = |lanes: f32x4| f64::from(lanes.to_array()[zone]);
                    own.populations[..kinds].iter().map(|population| of(population.served_per_s)).sum::<f64>()
                        * (1.0 - of(own.refused))
                })
                .sum();
            let before = &mut self.services[service];
            before.admitted = sum(own.admitted_per_s) * dt;
            before.served = served * dt;
            before.stored = stored * dt;
            before.consumed = sum(own.consumed_per_s) * dt;
        }
        let (calls, entries) = (std::mem::take(&mut self.calls), std::mem::take(&mut self.entries));
        for (before, call) in calls.iter().zip(&state.calls).chain(entries.iter().zip(&state.entries)) {
            self.retries(before, call, dt);
        }
        (self.calls, self.entries) = (calls, entries);
    }

    fn answered(&mut self, topology: &Topology, state: &ClusterState) {
        let is_plain = !state.condition.lasting && topology.zone_latency_s.is_none();
        for (table, entry) in topology.entries.iter().zip(&state.entries) {
            self.answers(table, entry, &state.services[table.to], is_plain);
        }
        let is_plain = is_plain && !state.condition.cut_off.simd_gt(f32x4::ZERO).any();
        let calls = topology.calls.iter().zip(&state.calls);
        for (table, call) in calls.filter(|(table, call)| !table.is_unheard(call)) {
            let callee = &state.services[table.to];
            let is_direct = table.quorum.is_none() && callee.all_local && !call.is_disturbed();
            self.answers(table, call, callee, is_plain && is_direct);
        }
        self.edge(topology, state);
    }

    fn ended(&mut self, topology: &Topology, state: &ClusterState) {
        let dt = f64::from(topology.tick_s);
        self.ticks += 1;
        for (service, own) in state.services.iter().enumerate() {
            let table = &topology.services[service];
            let before = self.services[service].clone();
            let left = own.left - before.left;
            let change = in_system(own) - before.in_system;
            let scale = before.in_system.max(before.admitted).max(before.served).max(left);
            let dropped = own.dropped - before.dropped;
            let (lost, charged) = (left - (own.finished - before.finished) + dropped, own.charged - before.charged);
            let due = sum(own.lost) - before.lost;
            self.note(Balance::Lost, due - (lost - charged), before.in_system.max(before.lost).max(lost).max(charged));
            self.note(Balance::Requests, change - (before.admitted - before.served - left), scale);
            if table.class == ServiceClass::Broker {
                let again: f64 = table.calls.clone().map(|call| redelivered(topology, state, call)).sum::<f64>() * dt;
                let change = sum(own.depth) - before.depth;
                let scale = before.depth.max(before.served).max(before.consumed);
                self.note(Balance::Messages, change - (before.stored + again - before.consumed - dropped), scale);
            }
            let replicas = own.placement.running() + own.placement.not_running();
            self.note(Balance::Replicas, f64::from(replicas) - f64::from(own.wanted), f64::from(own.wanted));
            for population in &own.populations {
                let ready = population.ready.to_array();
                let runs = population.check_runs.iter().fold(population.ejected, |all, &share| all + share).to_array();
                for zone in (0..4).filter(|&zone| ready[zone] > 0.0) {
                    self.note(Balance::Rotation, f64::from(runs[zone]) - 1.0, 1.0);
                }
            }
        }
    }
}

/// Messages of a broker that a consumer failed and that go back, per second.
fn redelivered(topology: &Topology, state: &ClusterState, call: usize) -> f64 {
    let (table, edge) = (&topology.calls[call], &state.calls[call]);
    if table.mode != CallMode::Consume {
        return 0.0;
    }
    let share = f64::from(topology.services[table.from].redelivery) / f64::from(table.calls.max(1e-6));
    sum(edge.first_per_s * edge.failure) * share
}

fn sum(lanes: f32x4) -> f64 {
    lanes.to_array().into_iter().map(f64::from).sum()
}

fn in_system(own: &ServiceState) -> f64 {
    own.populations.iter().map(|population| sum(population.in_system)).sum()
}

fn in_rotation(own: &ServiceState) -> f64 {
    let impaired = if own.has_impaired { sum(own.populations[IMPAIRED].in_rotation()) } else { 0.0 };
    sum(own.populations[HEALTHY].in_rotation()) + impaired
}

fn waiting(call: &CallState) -> f64 {
    call.waiting.iter().map(|&stage| sum(stage)).sum::<f64>() + sum(call.backing_off)
}
