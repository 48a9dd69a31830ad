//! The forward pass: requests flow from callers to callees, are admitted, queue and are served.

use crate::{
    lanes::{exp, f32x4, ratio},
    scenario::{CallMode, ServiceClass},
    simulation::serving::serve,
    state::{CallState, ClusterState, HEALTHY, IMPAIRED, Population, ServiceState},
    topology::{CallTable, DELAY_STAGES, MOST_RETRIES, ServiceTable, Topology},
};

/// Replicas in rotation, as a multiple of the zone's calls, below which calls spill into other zones.
const OVERPROVISIONING: f32 = 1.4;

pub(super) fn forward(topology: &Topology, state: &mut ClusterState) {
    let dt = f32x4::splat(topology.tick_s);
    let ClusterState { services, calls, entries, condition, .. } = state;
    let cut = condition.cut();
    for (table, entry) in topology.entries.iter().zip(entries) {
        let due = retries_due(table, entry, dt);
        entry.attempts_per_s = entry.first_per_s + due;
        services[table.to].inflow += entry.attempts_per_s;
    }

    for &service in &topology.order {
        let service = service as usize;
        let constants = &topology.services[service];
        let own = &mut services[service];
        let served = serve(topology, service, own, dt);
        let missed = f32x4::splat(1.0 - own.hit_ratio);
        if constants.class == ServiceClass::Broker {
            publish(constants, own, served, dt);
        }
        for index in constants.calls.clone() {
            let (call, edge) = (&topology.calls[index], &mut calls[index]);
            let due = retries_due(call, edge, dt);
            let mut shares = None;
            let first = match call.mode {
                CallMode::Sync | CallMode::Async => served * f32x4::splat(call.calls),
                CallMode::Miss => served * missed * f32x4::splat(call.calls),
                CallMode::Consume => {
                    // The caller is none of those that it calls: there are no cycles.
                    let Ok([broker, consumer]) = services.get_disjoint_mut([service, call.to]) else { continue };
                    let (taken, by_zone) = consume(constants, call, broker, consumer, cut, dt);
                    shares = Some(by_zone);
                    taken
                }
            };
            edge.first_per_s = first;
            edge.attempts_per_s = (first + due) * f32x4::splat(edge.passing());
            let arriving = edge.attempts_per_s * (f32x4::ONE - edge.loss) * f32x4::splat(1.0 - edge.stale_secret);
            let callee = &mut services[call.to];
            callee.inflow += match shares {
                Some(shares) if shares.simd_gt(f32x4::ZERO).any() => gathered(arriving, cut) * shares,
                _ if call.quorum.is_some() => ask_all(arriving, callee, cut),
                _ => route(arriving, callee, cut),
            };
        }
    }
}

/// Every replica in rotation gets every request, from its own side of a cut where there is one.
fn ask_all(flow: f32x4, callee: &ServiceState, cut: Option<f32x4>) -> f32x4 {
    let [healthy, impaired] = &callee.populations;
    let mut replicas = healthy.in_rotation();
    if callee.has_impaired {
        replicas += impaired.in_rotation();
    }
    replicas * gathered(flow, cut)
}

/// What all zones send, as each zone gets it: the sum, or that of its own side of a cut.
pub(super) fn gathered(lanes: f32x4, cut: Option<f32x4>) -> f32x4 {
    let Some(cut) = cut else { return f32x4::splat(lanes.reduce_add()) };
    let rest = f32x4::ONE - cut;
    cut * f32x4::splat((lanes * cut).reduce_add()) + rest * f32x4::splat((lanes * rest).reduce_add())
}

/// Share of a broker's consumers that have a partition to work on.
fn working_share(broker: &ServiceTable, consumer: &ServiceState) -> f32 {
    let consumers = consumer.answering().reduce_add();
    if consumers > broker.partitions { broker.partitions / consumers } else { 1.0 }
}

/// Requests of callers in each zone, by the zone that answers them; what would cross a cut gets nowhere.
fn route(flow: f32x4, callee: &ServiceState, cut: Option<f32x4>) -> f32x4 {
    if callee.all_local {
        return flow;
    }
    let here = flow * callee.local;
    here + callee.spill * gathered(flow - here, cut)
}

/// Decides where the next tick's calls go: a zone keeps what its replicas in rotation can take (Envoy's locality
/// weights with an overprovisioning factor of 1.4), and the rest spreads over zones by replicas in rotation.
pub(super) fn localise(table: &ServiceTable, own: &mut ServiceState, in_rotation: f32x4) {
    own.local = (ratio(in_rotation, table.zone_replicas) * f32x4::splat(OVERPROVISIONING)).fast_min(f32x4::ONE);
    let total = in_rotation.reduce_add();
    if total > 0.0 {
        own.spill = in_rotation / f32x4::splat(total);
    } else {
        // Nobody is left anywhere: calls stay where they are, to be refused.
        own.local = table.present;
        own.spill = table.present / f32x4::splat(table.zones.len() as f32);
    }
    own.all_local = table.everywhere && own.local.reduce_add() >= table.zones.len() as f32 - 1e-3;
}

/// Moves the retries that wait on. Those after a timeout pass a chain of stages, the timeout and the back-off in all; those
/// after a failure that came at once wait for the back-off alone. Each stage is an exact exponential, fed by the one before.
/// Returns those that come out, per second.
fn retries_due(table: &CallTable, call: &mut CallState, dt: f32x4) -> f32x4 {
    if !call.retrying {
        return f32x4::ZERO;
    }
    let stay = f32x4::splat(table.delay_stay);
    let pass = f32x4::splat(table.delay_pass);
    let soon = call.granted_at_once_per_s * dt;
    let mut inflow = call.granted_per_s * dt - soon;
    for stage in &mut call.waiting {
        inflow = through(stage, inflow, stay, pass);
    }
    let (stay, pass) = (f32x4::splat(table.backoff_stay), f32x4::splat(table.backoff_pass));
    let due = (inflow + through(&mut call.backing_off, soon, stay, pass)) / dt;
    call.due_per_s = due;
    // A chain with less than a millionth of a call in it is empty.
    let left = call.waiting.iter().fold(call.granted_per_s + call.backing_off, |sum, &stage| sum + stage);
    if left.simd_lt(f32x4::splat(1e-6)).all() {
        call.waiting = [f32x4::ZERO; DELAY_STAGES];
        call.backing_off = f32x4::ZERO;
        call.tried = [f32x4::ZERO; MOST_RETRIES];
        call.most_tried = 0;
        call.retrying = false;
    }
    due
}

/// What leaves a stage in a tick: with inflow u over the tick and mean m, `y' = y s + u (1 - s) m / dt`, and what does not
/// stay goes on.
fn through(stage: &mut f32x4, inflow: f32x4, stay: f32x4, pass: f32x4) -> f32x4 {
    let kept = *stage * stay + inflow * (f32x4::ONE - pass);
    let gone = (*stage + inflow - kept).fast_max(f32x4::ZERO);
    *stage = kept;
    gone
}

/// Stores what a broker served in its log, as far as there is room.
fn publish(table: &ServiceTable, own: &mut ServiceState, served: f32x4, dt: f32x4) {
    let limit = (own.populations[0].ready + own.populations[1].ready) * f32x4::splat(table.broker_depth);
    let room = (limit - own.depth).fast_max(f32x4::ZERO) / dt + own.consumed_per_s;
    // Every call of a consumer adds what it takes.
    (own.consumed_per_s, own.pull_per_s) = (f32x4::ZERO, f32x4::ZERO);
    own.pause_s = (own.pause_s - dt.to_array()[0]).max(0.0);
    let stored = served.fast_min(room);
    own.refused = f32x4::ONE - served.simd_gt(f32x4::ZERO).bitselect(ratio(stored, served), f32x4::ONE);
    own.depth += stored * dt;
}

fn capacity_of(callee: &ServiceState) -> f32x4 {
    let working = |kind: usize| {
        let population: &Population = &callee.populations[kind];
        population.capacity_per_s * (f32x4::ONE - population.ejected) * (f32x4::ONE - population.outlier)
    };
    if callee.has_impaired {
        working(HEALTHY) + working(IMPAIRED) * f32x4::splat(1.0 - callee.impairment.refuse)
    } else {
        working(HEALTHY)
    }
}

/// Share of their capacity at which consumers pull.
const PULL_RATIO: f32 = 0.9;

/// Consumers pull what is there, from whatever zone, as fast as they can work, unless they pause because one of them joined
/// or left. Returns what each zone's messages bring them, and what share each zone's consumers take.
fn consume(
    table: &ServiceTable,
    call: &CallTable,
    broker: &mut ServiceState,
    consumer: &mut ServiceState,
    cut: Option<f32x4>,
    dt: f32x4,
) -> (f32x4, f32x4) {
    let joined = std::mem::take(&mut consumer.membership);
    let capacity = capacity_of(consumer) * f32x4::splat(working_share(table, consumer));
    let pause_s = table.rebalance_s + broker.condition.rebalance_s;
    broker.pause_s = (broker.pause_s + joined * pause_s).min(LONGEST_PAUSE * pause_s.max(broker.pause_s));
    let tick_s = dt.to_array()[0];
    let awake = 1.0 - (broker.pause_s / tick_s).min(1.0);
    let able = gathered(capacity, cut);
    let pull = able
        * ratio(broker.depth, gathered(broker.depth, cut))
        * f32x4::splat(PULL_RATIO * (1.0 - broker.condition.blocked) / call.calls.max(1e-6));
    broker.pull_per_s += pull;
    let taken = (pull * f32x4::splat(awake)).fast_min(broker.depth / dt);
    broker.depth = (broker.depth - taken * dt).fast_max(f32x4::ZERO);
    broker.consumed_per_s += taken;
    (taken * f32x4::splat(call.calls), ratio(capacity, able))
}

/// Pauses that may add up, in units of one.
const LONGEST_PAUSE: f32 = 2.0;

/// Probability that a response time with this mean and standard deviation exceeds `limit`.
///
/// A shifted exponential through both moments: `P(T > t) = exp(-(t - mean + sd) / sd)`, exact for a single exponential
/// stage; sums of independent stages add their moments.
pub(crate) fn exceeds(limit: f32, mean: f32x4, sd: f32x4) -> f32x4 {
    let sd = sd.fast_max(f32x4::splat(1e-6));
    let power = (mean - sd - f32x4::splat(limit)) / sd;
    if power.simd_lt(f32x4::splat(NEGLIGIBLE_POWER)).all() {
        return f32x4::ZERO;
    }
    exp(power.fast_min(f32x4::ZERO))
}

/// Below this power of e a probability counts as none: one in five hundred million.
const NEGLIGIBLE_POWER: f32 = -20.0;
