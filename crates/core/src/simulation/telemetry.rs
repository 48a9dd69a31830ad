//! Telemetry: what scrapes see of the truth, when, with which noise; and the observation made of it.

use crate::{
    lanes::{f32x4, lane},
    observation::{BOUND, SERVICE_FEATURES, latency_feature},
    rng::{CounterRng, Stream},
    simulation::{arrivals::scrape_ticks, responses::quantile, serving::memory},
    state::{ClusterState, HEALTHY, IMPAIRED, NEVER, ServiceState, ServiceTelemetry},
    topology::{ServiceTable, Topology},
};

/// Time constant of the smoothed features in seconds.
const MEAN_S: f32 = 30.0;
/// Seconds at which an age feature reaches one half.
const AGE_S: f32 = 60.0;
const STALE_S: f32 = 30.0;
/// Disagreement that an audit of a node's answers finds without any, relative to the other noise.
const AUDIT_NOISE: f32 = 0.2;
/// Factors that bring slopes to the size of the other features.
const LATENCY_SLOPE: f32 = 4.0;
const MEMORY_SLOPE: f32 = 10.0;

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    let period = scrape_ticks(topology);
    let collected = topology.collector.map_or(1.0, |collector| {
        let own = &state.services[collector];
        let ready = own.answering().reduce_add();
        let offered = own.offered_per_s.reduce_add();
        let failed = if offered > 0.0 { (own.offered_per_s * own.failure).reduce_add() / offered } else { 0.0 };
        if ready > 0.0 { 1.0 - failed } else { 0.0 }
    });
    let collected = collected * (1.0 - state.condition.scrape_loss);
    let phase = (state.tick % period) as u32;
    for (service, table) in topology.services.iter().enumerate() {
        if state.scrape_phase[service] != phase {
            continue;
        }
        let coordinate = state.tick * topology.services.len() as u64 + service as u64;
        let mut rng = CounterRng::new(state.level.number(), Stream::Telemetry, coordinate);
        if rng.uniform() >= (1.0 - topology.telemetry_loss) * collected {
            continue;
        }
        let nominal = topology.nominal_per_s[service].max(1e-6);
        scrape(topology, table, &mut state.services[service], nominal, state.tick, &mut rng);
    }
    if phase == 0 && state.condition.scrape_loss < 1.0 {
        scrape_nodes(topology, state);
    }
}

fn scrape(
    topology: &Topology,
    table: &ServiceTable,
    own: &mut ServiceState,
    nominal: f32,
    tick: u64,
    rng: &mut CounterRng,
) {
    let noise = topology.telemetry_noise;
    let mut noisy = |value: f32| (value * (1.0 + noise * rng.bell())).clamp(0.0, BOUND);
    let elapsed_s = own.telemetry.counted_ticks.max(1) as f32 * topology.tick_s;
    let requests = own.requests.reduce_add();
    let failures = own.failures.reduce_add();
    own.requests = f32x4::ZERO;
    own.failures = f32x4::ZERO;
    let [healthy, impaired] = &own.populations;
    let kinds = if own.impaired_answer() { 2 } else { 1 };
    let mut served = 0.0;
    let mut capacity = 0.0;
    let mut used = 0.0;
    let mut held = 0.0;
    for population in &own.populations[..kinds] {
        served += population.served_per_s.reduce_add();
        capacity += population.capacity_per_s.reduce_add();
        held += population.in_system.reduce_add();
        let leaked = population.leaked + f32x4::splat(own.held());
        used += (memory(table, leaked, population.in_system, population.ready) * population.ready).reduce_add();
    }
    let ready = own.answering().reduce_add();
    let in_rotation = (healthy.in_rotation() + impaired.in_rotation()).reduce_add();
    let queue = held / (held + (ready * table.concurrency).max(1.0));
    let limit = (ready * table.broker_depth).max(1.0);
    let queue = queue.max(own.depth.reduce_add() / limit);
    let p99_ms = quantile(own) * 1000.0;
    let step = elapsed_s / (MEAN_S + elapsed_s);
    let last = &mut own.telemetry;
    *last = ServiceTelemetry {
        requests: noisy(requests / elapsed_s / nominal),
        error_ratio: noisy(if requests > 0.0 { failures / requests } else { 0.0 }).min(1.0),
        p99_latency: latency_feature(noisy(p99_ms / 1000.0) * 1000.0),
        utilisation: noisy(if capacity > 0.0 { served / capacity + own.condition.herring } else { 0.0 }),
        memory: noisy(if ready > 0.0 { used / ready } else { 0.0 }),
        queue: noisy(queue).min(1.0),
        ready: (in_rotation / table.replicas).min(BOUND),
        scraped_at: tick,
        counted_ticks: 0,
        ..last.clone()
    };
    last.error_ratio_mean += (last.error_ratio - last.error_ratio_mean) * step;
    last.p99_latency_mean += (last.p99_latency - last.p99_latency_mean) * step;
    last.utilisation_mean += (last.utilisation - last.utilisation_mean) * step;
    last.memory_mean += (last.memory - last.memory_mean) * step;
}

/// Processor pressure per node: the replicas' work and what somebody else takes.
fn scrape_nodes(topology: &Topology, state: &mut ClusterState) {
    let noise = topology.telemetry_noise;
    let coordinate = u64::MAX - state.tick;
    let mut rng = CounterRng::new(state.level.number(), Stream::Telemetry, coordinate);
    for node in 0..topology.nodes.len() {
        let mut work = 0.0;
        for (table, own) in topology.services.iter().zip(&state.services) {
            if table.is_managed() {
                let impaired = if own.impaired_answer() { own.placement.running[IMPAIRED][node] } else { 0.0 };
                let running = own.placement.running[HEALTHY][node] + impaired;
                work += running * table.cores * own.telemetry.utilisation.min(1.0);
            }
        }
        let own = &mut state.nodes[node];
        let pressure = if own.up { work / topology.nodes[node].cores + own.steal } else { 0.0 };
        own.cpu_pressure = (pressure * (1.0 + noise * rng.bell())).clamp(0.0, BOUND);
        own.seen_disk = own.disk;
        own.seen_mismatch = (own.mismatch + AUDIT_NOISE * noise * rng.uniform()).clamp(0.0, BOUND);
    }
}

fn age(now: u64, then: u64, half_s: f32, tick_s: f32) -> f32 {
    if then == NEVER {
        return 1.0;
    }
    let seconds = now.saturating_sub(then) as f32 * tick_s;
    seconds / (seconds + half_s)
}

/// Writes what the policy sees; `out` has one place per observation name.
pub(crate) fn write_observation(topology: &Topology, state: &ClusterState, out: &mut [f32]) {
    let tick_s = topology.tick_s;
    let (blocks, rest) = out.split_at_mut(topology.service_blocks * SERVICE_FEATURES.len());
    let (blocks, padding) = blocks.split_at_mut(topology.services.len() * SERVICE_FEATURES.len());
    padding.fill(0.0);
    let mut starting_all = 0.0;
    let mut replicas_all = 0.0;
    for ((block, own), table) in
        blocks.chunks_exact_mut(SERVICE_FEATURES.len()).zip(&state.services).zip(&topology.services)
    {
        let seen = &own.telemetry;
        let running = own.answering().reduce_add();
        let starting = if own.moving { own.placement.not_running() } else { 0.0 };
        starting_all += starting;
        replicas_all += table.replicas;
        block.copy_from_slice(&[
            seen.requests,
            seen.error_ratio,
            seen.p99_latency,
            seen.utilisation,
            seen.memory,
            seen.queue,
            seen.ready,
            seen.error_ratio_mean,
            seen.p99_latency_mean,
            seen.utilisation_mean,
            ((seen.p99_latency - seen.p99_latency_mean) * LATENCY_SLOPE).clamp(-BOUND, BOUND),
            ((seen.memory - seen.memory_mean) * MEMORY_SLOPE).clamp(-BOUND, BOUND),
            age(state.tick, seen.scraped_at, STALE_S, tick_s),
            (starting / table.replicas).min(BOUND),
            (running / table.replicas).min(BOUND),
            age(state.tick, seen.acted_at, AGE_S, tick_s),
        ]);
    }
    let mut out = rest.iter_mut();
    let mut put = |value: f32| {
        if let Some(place) = out.next() {
            *place = value;
        }
    };
    for (node, (table, own)) in topology.nodes.iter().zip(&state.nodes).enumerate() {
        put(own.cpu_pressure);
        put(f32::from(u8::from(own.drained)));
        put((state.cores_used[node] / table.cores).min(BOUND));
        put(own.seen_disk);
        put(own.seen_mismatch);
        put(own.notice);
    }
    let weight = state.zone_weight.to_array();
    for zone in 0..topology.num_zones() {
        put(weight[zone]);
        put(state.seen_zone_error[zone]);
        put(zone_ready(topology, state, zone));
    }
    put(state.seen_error_ratio);
    put(state.seen_p99);
    put(state.seen_load.min(BOUND));
    let used: f32 = topology.nodes.iter().zip(state.cores_used).map(|(node, cores)| cores * node.price).sum();
    put((used / topology.initial_cost.max(1e-6)).min(BOUND));
    put(age(state.tick, state.acted_at, AGE_S, tick_s));
    put((starting_all / replicas_all).min(BOUND));
}

/// Replicas in rotation in a zone over those it began with.
fn zone_ready(topology: &Topology, state: &ClusterState, zone: usize) -> f32 {
    let (mut ready, mut initial) = (0.0, 0.0);
    for (table, own) in topology.services.iter().zip(&state.services) {
        if table.is_managed() && table.zones.contains(&zone) {
            for population in &own.populations {
                ready += lane(population.in_rotation(), zone);
            }
            initial += table.replicas / table.zones.len() as f32;
        }
    }
    (ready / initial.max(1e-6)).min(BOUND)
}

/// What the edge's own metrics show of the decision that just ended.
pub(crate) fn see_edge(topology: &Topology, state: &mut ClusterState) {
    let noise = topology.telemetry_noise;
    let mut rng = CounterRng::new(state.level.number(), Stream::Telemetry, u64::MAX / 2 - state.tick);
    let mut noisy = |value: f64| (value as f32 * (1.0 + noise * rng.bell())).clamp(0.0, BOUND);
    let accounts = &state.accounts;
    let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    state.seen_error_ratio = noisy(ratio(accounts.bad, accounts.offered)).min(1.0);
    for zone in 0..topology.num_zones() {
        state.seen_zone_error[zone] = noisy(ratio(accounts.zone_bad[zone], accounts.zone_offered[zone])).min(1.0);
    }
    state.seen_p99 = latency_feature(noisy(ratio(accounts.p99_s, f64::from(accounts.offered_ticks))) * 1000.0);
    let nominal = f64::from(topology.scenario().workload.rate_per_s * topology.decision_s);
    state.seen_load = noisy(ratio(accounts.offered, nominal));
}
