//! Replicas in time: they start, warm up, restart in turn, stop and crash.

use crate::{
    lanes::{NODE_LANES, ZONE_LANES, add_lane, f32x4, f32x8, lane, ratio},
    simulation::{health::dilute, impairments::retire_generation, placement::place},
    state::{CallState, ClusterState, HEALTHY, IMPAIRED, Population, SIZE_DOUBLINGS, ServiceState},
    topology::{ServiceTable, Topology},
};

/// Replicas fewer than this are none: what a start-up chain has left moves on at once.
pub(crate) const SPECK: f32 = 1e-3;
/// Seconds in which a fresh replica warms up (first order), from half its speed.
pub(crate) const WARM_UP_S: f32 = 20.0;
/// Seconds between two attempts to place replicas that found no room.
const SCHEDULE_S: f32 = 5.0;
/// Share of a service that one scaling step adds or removes, and that a rolling restart takes down at once.
const STEP_RATIO: f32 = 0.25;

/// What becomes of the requests in replicas that stop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// They are finished within the grace period, as far as it goes.
    Graceful,
    /// They are lost.
    Crash,
}

/// One scaling step of a service: a quarter of what it has, at least one replica.
pub(crate) fn step_size(desired: f32) -> f32 {
    (desired * STEP_RATIO).round().max(1.0)
}

/// Takes running replicas off a node; what they hold is finished, shared by the others, or lost.
pub(super) fn stop(
    topology: &Topology,
    own: &mut ServiceState,
    service: usize,
    node: usize,
    kind: usize,
    amount: f32,
    how: Stop,
) {
    if amount <= 0.0 {
        return;
    }
    let table = &topology.services[service];
    let zone = topology.nodes[node].zone;
    let total: f32 = own.placement.running();
    if kind == HEALTHY || own.impairment.refuse == 0.0 {
        forget(own, amount / total.max(amount));
    }
    let population = &mut own.populations[kind];
    let ready = lane(population.ready, zone).max(amount);
    let held = lane(population.in_system, zone) * (amount / ready);
    let wait_s = held_for_s(population, zone);
    let lost_ratio = match how {
        Stop::Crash => 1.0,
        Stop::Graceful => (1.0 - table.grace_s / wait_s.max(1e-6)).clamp(0.0, 1.0),
    };
    // The last of a zone finish their own; what others remain take over the rest.
    let finished = if ready - amount <= SPECK { held * (1.0 - lost_ratio) } else { 0.0 };
    own.left += f64::from(lane(population.in_system, zone));
    add_lane(&mut population.in_system, zone, -(held * lost_ratio + finished));
    own.left -= f64::from(lane(population.in_system, zone));
    add_lane(&mut own.lost, zone, held * lost_ratio);
    own.finished += f64::from(finished);
    own.placement.running[kind][node] -= amount;
    fold(topology, service, own);
}

/// A cache's keys and a service's sessions are spread over its replicas: those that stop take their share along.
pub(super) fn forget(own: &mut ServiceState, share: f32) {
    own.hit_ratio *= 1.0 - share;
    own.sessions *= 1.0 - share;
}

fn held_for_s(population: &Population, zone: usize) -> f32 {
    let served = lane(population.served_per_s, zone);
    let held = lane(population.in_system, zone);
    if served > 1e-6 {
        held / served
    } else if held > 0.5 {
        f32::MAX
    } else {
        0.0
    }
}

/// Sums replicas over each zone's nodes into the lanes that the queues use, and empties lanes that have none left.
pub(crate) fn fold(topology: &Topology, service: usize, own: &mut ServiceState) {
    let table = &topology.services[service];
    let before = if table.counts_replicas { own.answering().reduce_add() } else { 0.0 };
    own.placement.sweep(SPECK * 0.1);
    for (population, running) in own.populations.iter_mut().zip(&own.placement.running) {
        let mut zones = [0.0; ZONE_LANES];
        for (running, node) in running.iter().zip(&topology.nodes) {
            zones[node.zone % ZONE_LANES] += running;
        }
        let ready = f32x4::from(zones);
        let emptied = ready.simd_le(f32x4::ZERO);
        population.ready = ready;
        let dropped = emptied.bitselect(population.in_system, f32x4::ZERO);
        own.lost += dropped;
        own.left += f64::from(dropped.reduce_add());
        population.in_system = emptied.bitselect(f32x4::ZERO, population.in_system);
        population.leaked = emptied.bitselect(f32x4::ZERO, population.leaked);
        population.ejected = emptied.bitselect(f32x4::ZERO, population.ejected);
        population.outlier = emptied.bitselect(f32x4::ZERO, population.outlier);
        population.ejections = emptied.bitselect(f32x4::ZERO, population.ejections);
        for (run, share) in population.check_runs.iter_mut().enumerate() {
            let fresh = if run == 0 { f32x4::ONE } else { f32x4::ZERO };
            *share = emptied.bitselect(fresh, *share);
        }
    }
    own.has_impaired = own.populations[IMPAIRED].ready.simd_gt(f32x4::ZERO).any();
    if table.counts_replicas {
        resize(table, own, before);
    }
}

/// What follows from the number of replicas: contention, what a cache holds, and that a member joined or left.
pub(crate) fn resize(table: &ServiceTable, own: &mut ServiceState, before: f32) {
    let now = own.answering().reduce_add();
    own.membership += (now - before).abs();
    if table.contention > 0.0 || table.coherency > 0.0 {
        // Gunther's universal scalability law: capacity N / (1 + s (N - 1) + k N (N - 1)).
        let more = (own.placement.running() - 1.0).max(0.0);
        own.scaling = 1.0 / (1.0 + table.contention * more + table.coherency * more * (more + 1.0));
    }
    if table.cache_size < 1.0 {
        let size = table.cache_size * f32::from(1_u8 << own.cache_knobs.size_doublings.min(SIZE_DOUBLINGS));
        // Hit ratios under Zipf's law with exponent a grow as size^(1 - a); a = 3/4 lies within the 0.64 to 0.83 that
        // Breslau et al. ("Web caching and Zipf-like distributions", INFOCOM'99) measured.
        let held = (now * size).min(1.0);
        let usual = (table.replicas * table.cache_size).min(1.0);
        own.hit_limit = table.hit_ratio * (held / usual).sqrt().sqrt().min(1.0 / table.hit_ratio.max(1e-6));
    }
}

/// Begins a rolling restart.
pub(crate) fn restart(topology: &Topology, service: usize, own: &mut ServiceState) {
    // What leaked goes with the old generation; without a leak the generations need not be told apart.
    if own.impairment.sources == 0 && !own.has_impaired && own.populations[HEALTHY].leaked.simd_gt(f32x4::ZERO).any() {
        retire_generation(topology, service, own);
    }
    own.restart_left = std::array::from_fn(|kind| own.placement.running[kind].iter().sum());
    own.crash_wait_s = 0.0;
    own.crash_backoff_s = topology.crash_backoff_s.0;
    own.moving = true;
}

/// Start-up, rolling restarts and crashes of every service that has something under way.
pub(crate) fn advance(topology: &Topology, state: &mut ClusterState) {
    let schedule_ticks = ((SCHEDULE_S / topology.tick_s) as u64).max(1);
    let places = state.tick.is_multiple_of(schedule_ticks);
    let nodes = topology.nodes.len();
    let mut up = [0.0; NODE_LANES];
    for (up, host) in up.iter_mut().zip(&state.nodes) {
        *up = if host.up && !host.stuck && host.disk < 1.0 { 1.0 } else { 0.0 };
    }
    for (service, table) in topology.services.iter().enumerate() {
        let own = &mut state.services[service];
        if !own.moving {
            continue;
        }
        if own.restart_left != [0.0; 2] {
            let old = roll_restart(topology, own, service, up);
            if state.has_stale_secrets {
                renew_secrets(&mut state.calls[table.calls.clone()], old);
            }
        }
        start_crashed(own, topology.tick_s);
        let mut arrived = [0.0; NODE_LANES];
        let mut any = false;
        if own.condition.starts {
            any = start_up::<0>(own, table, &up, &mut arrived);
            if nodes > 4 {
                any |= start_up::<4>(own, table, &up, &mut arrived);
            }
        }
        if any {
            let joined = admit(topology, table, own, &mut state.pass_runs, &arrived);
            if state.has_stale_secrets {
                // Fresh replicas read their secrets anew.
                let fresh = joined.reduce_add() / own.placement.running().max(SPECK);
                renew_secrets(&mut state.calls[table.calls.clone()], 1.0 - fresh.min(1.0));
            }
        }
        if places && own.placement.unplaced > 0.0 {
            place(topology, state, service);
        }
        let own = &mut state.services[service];
        own.cold *= f32x4::splat(1.0 - topology.steps.warm);
        let cold: f32 = own.cold.reduce_add();
        if cold < SPECK {
            own.cold = f32x4::ZERO;
        }
        own.moving = cold >= SPECK || own.restart_left != [0.0; 2] || own.placement.is_incomplete();
    }
}

/// Leaves this share of the callers with a secret that is no longer valid.
fn renew_secrets(calls: &mut [CallState], left: f32) {
    for call in calls {
        call.stale_secret *= left;
    }
}

/// Starts crashed replicas once the supervisor's wait is over.
#[inline(always)]
fn start_crashed(own: &mut ServiceState, dt: f32) {
    if !f32x8::from(own.placement.crashed).simd_gt(f32x8::ZERO).any() {
        return;
    }
    own.crash_wait_s -= dt;
    if own.crash_wait_s <= 0.0 {
        for node in 0..NODE_LANES {
            own.placement.starting[0][node] += own.placement.crashed[node];
            own.placement.crashed[node] = 0.0;
        }
    }
}

/// Four nodes of eight.
#[inline(always)]
fn half<const FIRST: usize>(nodes: &[f32; NODE_LANES]) -> f32x4 {
    f32x4::from([nodes[FIRST], nodes[FIRST + 1], nodes[FIRST + 2], nodes[FIRST + 3]])
}

/// Moves starting replicas through their stages on those of four nodes that are up; adds up those that now run, by node,
/// and says whether there are any.
///
/// Each stage is an exact exponential, fed over the tick by the one before.
#[inline(always)]
fn start_up<const FIRST: usize>(
    own: &mut ServiceState,
    table: &ServiceTable,
    up: &[f32; NODE_LANES],
    arrived: &mut [f32; NODE_LANES],
) -> bool {
    let up = half::<FIRST>(up);
    let leave = half::<FIRST>(&table.startup_leave) * up;
    let pass = half::<FIRST>(&table.startup_pass) * up;
    let speck = f32x4::splat(SPECK) * up;
    let mut arriving = f32x4::ZERO;
    for stage in &mut own.placement.starting {
        let before = half::<FIRST>(stage);
        let total = before + arriving;
        let left = total.simd_lt(speck).bitselect(total, before * leave + arriving * pass);
        stage[FIRST..FIRST + 4].copy_from_slice(&(total - left).to_array());
        arriving = left;
    }
    arrived[FIRST..FIRST + 4].copy_from_slice(&arriving.to_array());
    arriving.simd_gt(f32x4::ZERO).any()
}

/// Lets those that finished starting join those that run, and returns them by zone.
#[inline(always)]
fn admit(
    topology: &Topology,
    table: &ServiceTable,
    own: &mut ServiceState,
    pass_runs: &mut [f32x4],
    arrived: &[f32; NODE_LANES],
) -> f32x4 {
    let before = if table.counts_replicas { own.answering().reduce_add() } else { 0.0 };
    let mut joining = [[0.0; ZONE_LANES]; 2];
    for (index, node) in topology.nodes.iter().enumerate().take(NODE_LANES) {
        // Where what they start with, or on, is the trouble, they are impaired from the start.
        let sticky = own.condition.sticky[index];
        let healthy = arrived[index] * (1.0 - sticky);
        own.placement.running[HEALTHY][index] += healthy;
        joining[HEALTHY][node.zone % ZONE_LANES] += healthy;
        if sticky > 0.0 {
            let impaired = arrived[index] * sticky;
            own.placement.running[IMPAIRED][index] += impaired;
            joining[IMPAIRED][node.zone % ZONE_LANES] += impaired;
        }
    }
    let [healthy, impaired] = joining.map(f32x4::from);
    own.cold += healthy;
    join(&mut own.populations[HEALTHY], healthy, table.admits_by_checks, &mut pass_runs[table.pass_runs(HEALTHY)]);
    if impaired.simd_gt(f32x4::ZERO).any() {
        let passes = &mut pass_runs[table.pass_runs(IMPAIRED)];
        join(&mut own.populations[IMPAIRED], impaired, table.admits_by_checks, passes);
        own.has_impaired = true;
    }
    if table.counts_replicas {
        resize(table, own, before);
    }
    healthy + impaired
}

/// Adds replicas that finished starting to a population: they have leaked nothing and failed no check, so that its means
/// are diluted. Where checks admit them they have passed none yet, and are out of rotation until they have.
fn join(population: &mut Population, joining: f32x4, admits_by_checks: bool, passes: &mut [f32x4]) {
    let fresh = ratio(joining, population.ready + joining);
    let old = f32x4::ONE - fresh;
    population.leaked *= old;
    population.ready += joining;
    let [_, runs @ ..] = &mut population.check_runs;
    let out = population.ejected + population.outlier + runs.iter().fold(f32x4::ZERO, |sum, &share| sum + share);
    if !admits_by_checks && !out.simd_gt(f32x4::ZERO).any() {
        population.check_runs[0] = f32x4::ONE;
        return;
    }
    population.ejected *= old;
    if admits_by_checks {
        let before = population.ejected;
        population.ejected += fresh;
        dilute(passes, before, population.ejected);
    }
    population.outlier *= old;
    // What is in no run of failures and not out is in the first: rounding does not add up over the starts.
    let mut others = population.ejected;
    for share in runs {
        *share *= old;
        others += *share;
    }
    population.check_runs[0] = (f32x4::ONE - others).fast_max(f32x4::ZERO);
}

/// Stops the next replicas of a rolling restart; returns the factor by which the share of old ones among those that run
/// falls, since only old ones are stopped.
fn roll_restart(topology: &Topology, own: &mut ServiceState, service: usize, up: [f32; NODE_LANES]) -> f32 {
    let (old, all) = (own.restart_left[HEALTHY] + own.restart_left[IMPAIRED], own.placement.running());
    let mut stopped = 0.0;
    // Replicas that wait for their node are down for another reason.
    let starting = own.placement.starting.iter().flat_map(|stage| stage.iter().zip(up).map(|(count, up)| count * up));
    let under_way: f32 = starting.sum();
    let at_once = (own.wanted * STEP_RATIO).max(1.0);
    let mut room = (at_once - under_way).max(0.0);
    for kind in [IMPAIRED, HEALTHY] {
        let running: f32 = own.placement.running[kind].iter().sum();
        let left = own.restart_left[kind].min(running);
        let count = left.min(room);
        if count > 0.0 {
            for node in 0..topology.nodes.len() {
                let amount = own.placement.running[kind][node] * (count / running);
                stop(topology, own, service, node, kind, amount, Stop::Graceful);
                own.placement.starting[0][node] += amount;
            }
        }
        room -= count;
        stopped += count;
        own.restart_left[kind] = if left - count < SPECK { 0.0 } else { left - count };
    }
    if own.restart_left == [0.0; 2] {
        return 0.0;
    }
    ((1.0 - stopped / old) * all / (all - stopped).max(SPECK)).clamp(0.0, 1.0)
}

/// Stops a share of a service's running replicas wherever their nodes are up, and starts them anew where they were.
pub(crate) fn recycle(topology: &Topology, state: &mut ClusterState, service: usize, share: f32) {
    let own = &mut state.services[service];
    for node in (0..topology.nodes.len()).filter(|&node| state.nodes[node].up) {
        for kind in [HEALTHY, IMPAIRED] {
            let amount = own.placement.running[kind][node] * share;
            stop(topology, own, service, node, kind, amount, Stop::Graceful);
            own.placement.starting[0][node] += amount;
        }
    }
    own.moving = true;
}

/// Crashes every replica of one population in one zone, as when they run out of memory together.
pub(crate) fn crash(topology: &Topology, own: &mut ServiceState, service: usize, kind: usize, zone: usize) {
    for node in (0..topology.nodes.len()).filter(|&node| topology.nodes[node].zone == zone) {
        let amount = own.placement.running[kind][node];
        stop(topology, own, service, node, kind, amount, Stop::Crash);
        own.placement.crashed[node] += amount;
    }
    if own.crash_wait_s <= 0.0 {
        own.crash_wait_s = own.crash_backoff_s;
        own.crash_backoff_s = (own.crash_backoff_s * 2.0).min(topology.crash_backoff_s.1);
    }
    own.moving = true;
}

/// Share of each zone's replicas that run cold.
pub(crate) fn cold_ratio(own: &ServiceState) -> f32x4 {
    ratio(own.cold, own.populations[HEALTHY].ready).fast_min(f32x4::ONE)
}
