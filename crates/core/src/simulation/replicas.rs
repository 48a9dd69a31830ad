//! Replicas: where they run, how they are impaired, stopped, started and moved between nodes.

use crate::{
    lanes::{NODE_LANES, ZONE_LANES, f32x4, f32x8, ratio},
    state::{CRASH_BACKOFF_S, ClusterState, HEALTHY, IMPAIRED, Impairment, ServiceState},
    topology::{STARTUP_STAGES, ServiceTable, Topology},
};

/// Replicas fewer than this are none: what a start-up chain has left moves on at once.
const SPECK: f32 = 1e-3;
/// Seconds in which a fresh replica warms up (first order), from half its speed.
const WARM_UP_S: f32 = 20.0;
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

/// What becomes of impaired replicas when their fault ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// They are healthy again at once.
    Recover,
    /// They have to start.
    Start,
}

/// One scaling step of a service: a quarter of what it has, at least one replica.
pub(crate) fn step_size(desired: f32) -> f32 {
    (desired * STEP_RATIO).round().max(1.0)
}

/// Impairs a share of a service's healthy replicas, at least one, spread over its nodes.
pub(crate) fn impair_some(
    topology: &Topology,
    state: &mut ClusterState,
    service: usize,
    share: f32,
    how: Impairment,
    slot: u8,
) {
    let healthy: f32 = state.services[service].placement.running[HEALTHY].iter().sum();
    let count = (healthy * share).round().max(1.0).min(healthy);
    add_source(&mut state.services[service], how, slot);
    if healthy > 0.0 {
        for node in 0..NODE_LANES {
            let amount = state.services[service].placement.running[HEALTHY][node] * (count / healthy);
            impair(topology, &mut state.services[service], service, node, amount);
        }
    }
}

/// Impairs every replica on a node.
pub(crate) fn impair_node(topology: &Topology, state: &mut ClusterState, node: usize, how: Impairment, slot: u8) {
    for service in 0..topology.services.len() {
        if !topology.services[service].is_managed() {
            continue;
        }
        let own = &mut state.services[service];
        if own.placement.on_node(node) > 0.0 {
            add_source(own, how, slot);
            let amount = own.placement.running[HEALTHY][node];
            impair(topology, own, service, node, amount);
            own.moving = true;
        }
    }
}

/// Ends the impairment that the fault in a slot brought to every service it struck.
pub(crate) fn release_all(topology: &Topology, state: &mut ClusterState, how: Release, slot: u8) {
    for service in 0..topology.services.len() {
        release(topology, state, service, how, slot);
    }
}

/// Ends one fault's impairment of a service.
pub(crate) fn release(topology: &Topology, state: &mut ClusterState, service: usize, how: Release, slot: u8) {
    let own = &mut state.services[service];
    if own.impairment.sources & 1 << slot == 0 {
        return;
    }
    own.impairment.sources &= !(1 << slot);
    if own.impairment.sources > 0 {
        // Which replica had which fault is not kept apart: the rest recovers with the last fault.
        return;
    }
    for node in 0..topology.nodes.len() {
        let amount = own.placement.running[IMPAIRED][node];
        if amount <= 0.0 {
            continue;
        }
        let zone = topology.nodes[node].zone;
        match how {
            Release::Recover => {
                let share = amount / lane(own.populations[IMPAIRED].ready, zone).max(amount);
                let moved = lane(own.populations[IMPAIRED].in_system, zone) * share;
                add_lane(&mut own.populations[IMPAIRED].in_system, zone, -moved);
                add_lane(&mut own.populations[HEALTHY].in_system, zone, moved);
                mix_leak(own, zone, amount);
                own.placement.running[IMPAIRED][node] = 0.0;
                own.placement.running[HEALTHY][node] += amount;
            }
            Release::Start => {
                stop(topology, own, service, node, IMPAIRED, amount, Stop::Crash);
                own.placement.starting[0][node] += amount;
            }
        }
        fold(topology, own);
    }
    own.impairment = Impairment::NONE;
    own.moving = true;
}

fn add_source(own: &mut ServiceState, how: Impairment, slot: u8) {
    let sources = own.impairment.sources | 1 << slot;
    own.impairment = Impairment { sources, ..own.impairment.and(how) };
}

/// Moves replicas of one node from the healthy to the impaired population, with their share of its requests.
fn impair(topology: &Topology, own: &mut ServiceState, _service: usize, node: usize, amount: f32) {
    if amount <= 0.0 {
        return;
    }
    let zone = topology.nodes[node].zone;
    let ready = lane(own.populations[HEALTHY].ready, zone).max(amount);
    let moved = lane(own.populations[HEALTHY].in_system, zone) * (amount / ready);
    let leaked = lane(own.populations[HEALTHY].leaked, zone);
    let before = lane(own.populations[IMPAIRED].ready, zone);
    let impaired = &mut own.populations[IMPAIRED];
    let mixed = (lane(impaired.leaked, zone) * before + leaked * amount) / (before + amount);
    set_lane(&mut impaired.leaked, zone, mixed);
    add_lane(&mut impaired.in_system, zone, moved);
    add_lane(&mut own.populations[HEALTHY].in_system, zone, -moved);
    if own.impairment.refuse > 0.0 {
        let total: f32 = own.placement.running().reduce_add();
        forget(own, amount / total.max(amount));
    }
    own.placement.running[HEALTHY][node] -= amount;
    own.placement.running[IMPAIRED][node] += amount;
    fold(topology, own);
}

/// Turns every healthy replica into an impaired one without an impairment: the old generation of a rolling restart.
fn retire_generation(topology: &Topology, own: &mut ServiceState, service: usize) {
    for node in 0..topology.nodes.len() {
        let amount = own.placement.running[HEALTHY][node];
        impair(topology, own, service, node, amount);
    }
}

/// Joins leaked memory of replicas that become healthy into the healthy mean.
fn mix_leak(own: &mut ServiceState, zone: usize, joining: f32) {
    let ready = lane(own.populations[HEALTHY].ready, zone);
    let mixed = (lane(own.populations[HEALTHY].leaked, zone) * ready
        + lane(own.populations[IMPAIRED].leaked, zone) * joining)
        / (ready + joining).max(SPECK);
    set_lane(&mut own.populations[HEALTHY].leaked, zone, mixed);
}

/// Takes running replicas off a node; what they hold is finished, shared by the others, or lost.
fn stop(topology: &Topology, own: &mut ServiceState, service: usize, node: usize, kind: usize, amount: f32, how: Stop) {
    if amount <= 0.0 {
        return;
    }
    let table = &topology.services[service];
    let zone = topology.nodes[node].zone;
    let total: f32 = own.placement.running().reduce_add();
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
    add_lane(&mut population.in_system, zone, -(held * lost_ratio + finished));
    add_lane(&mut population.lost, zone, held * lost_ratio);
    own.placement.running[kind][node] -= amount;
    fold(topology, own);
}

/// A cache's keys are spread over its replicas: those that stop take their share along.
fn forget(own: &mut ServiceState, share: f32) {
    own.hit_ratio *= 1.0 - share;
}

fn held_for_s(population: &crate::state::Population, zone: usize) -> f32 {
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
pub(crate) fn fold(topology: &Topology, own: &mut ServiceState) {
    for (population, running) in own.populations.iter_mut().zip(&mut own.placement.running) {
        let mut ready = f32x4::ZERO;
        for (running, node) in running.iter_mut().zip(&topology.nodes) {
            if *running < SPECK * 0.1 {
                *running = 0.0;
            }
            ready += one_hot(node.zone) * f32x4::splat(*running);
        }
        let emptied = ready.simd_le(f32x4::ZERO);
        population.ready = ready;
        population.lost += emptied.bitselect(population.in_system, f32x4::ZERO);
        population.in_system = emptied.bitselect(f32x4::ZERO, population.in_system);
        population.leaked = emptied.bitselect(f32x4::ZERO, population.leaked);
        population.ejected = emptied.bitselect(f32x4::ZERO, population.ejected);
        for (run, share) in population.check_runs.iter_mut().enumerate() {
            let fresh = if run == 0 { f32x4::ONE } else { f32x4::ZERO };
            *share = emptied.bitselect(fresh, *share);
        }
    }
    own.has_impaired = own.populations[IMPAIRED].ready.simd_gt(f32x4::ZERO).any();
}

/// Begins a rolling restart.
pub(crate) fn restart(topology: &Topology, own: &mut ServiceState, service: usize) {
    let running: f32 = own.placement.running().reduce_add();
    // What leaked goes with the old generation; without a leak the generations need not be told apart.
    if !own.has_impaired && own.populations[HEALTHY].leaked.simd_gt(f32x4::ZERO).any() {
        retire_generation(topology, own, service);
    }
    own.restart_left = running;
    own.crash_wait_s = 0.0;
    own.crash_backoff_s = CRASH_BACKOFF_S.0;
    own.moving = true;
}

/// Changes the number of replicas wanted: new ones start where there is most room, surplus ones stop.
pub(crate) fn scale(topology: &Topology, state: &mut ClusterState, service: usize, change: f32) {
    let own = &mut state.services[service];
    own.moving = true;
    if change > 0.0 {
        own.placement.unplaced += change;
        place(topology, state, service);
        return;
    }
    let mut left = -change;
    let from_unplaced = left.min(own.placement.unplaced);
    own.placement.unplaced -= from_unplaced;
    left -= from_unplaced;
    while left > SPECK {
        let own = &mut state.services[service];
        // The fullest node gives first: those not ready yet, then impaired ones, then healthy ones.
        let Some(node) = (0..topology.nodes.len())
            .filter(|&node| own.placement.on_node(node) > SPECK)
            .max_by(|&a, &b| own.placement.on_node(a).total_cmp(&own.placement.on_node(b)).then(b.cmp(&a)))
        else {
            break;
        };
        let mut unit = left.min(1.0);
        left -= unit;
        for stage in 0..STARTUP_STAGES {
            unit -= take(&mut own.placement.starting[stage][node], unit);
        }
        unit -= take(&mut own.placement.crashed[node], unit);
        for kind in [IMPAIRED, HEALTHY] {
            let amount = unit.min(own.placement.running[kind][node]);
            stop(topology, own, service, node, kind, amount, Stop::Graceful);
            unit -= amount;
        }
        left += unit.max(0.0);
    }
    count_cores(topology, state);
}

fn take(from: &mut f32, most: f32) -> f32 {
    let taken = from.min(most).max(0.0);
    *from -= taken;
    taken
}

/// Starts replicas that are wanted and not placed, one by one, on the node where there is most room for them.
pub(crate) fn place(topology: &Topology, state: &mut ClusterState, service: usize) {
    let table = &topology.services[service];
    count_cores(topology, state);
    while state.services[service].placement.unplaced > SPECK {
        let unit = state.services[service].placement.unplaced.min(1.0);
        let Some(node) = roomiest(topology, state, service) else { break };
        let own = &mut state.services[service];
        own.placement.unplaced -= unit;
        if own.placement.unplaced < SPECK {
            own.placement.unplaced = 0.0;
        }
        own.placement.starting[0][node] += unit;
        own.moving = true;
        state.cores_used[node] += unit * table.cores;
    }
}

/// The node that can take one more replica: the service's thinnest zone, then the least requested node.
fn roomiest(topology: &Topology, state: &ClusterState, service: usize) -> Option<usize> {
    let table = &topology.services[service];
    let own = &state.services[service].placement;
    let in_zone = |zone: usize| -> f32 {
        (0..topology.nodes.len()).filter(|&n| topology.nodes[n].zone == zone).map(|n| own.on_node(n)).sum()
    };
    let load = |node: usize| state.cores_used[node] / topology.nodes[node].cores;
    (0..topology.nodes.len()).filter(|&node| takes(topology, state, table, node)).min_by(|&a, &b| {
        let (zone_a, zone_b) = (topology.nodes[a].zone, topology.nodes[b].zone);
        in_zone(zone_a).total_cmp(&in_zone(zone_b)).then(load(a).total_cmp(&load(b))).then(a.cmp(&b))
    })
}

/// Whether some node has room for one more replica of a service.
pub(crate) fn has_room(topology: &Topology, state: &ClusterState, service: usize) -> bool {
    (0..topology.nodes.len()).any(|node| takes(topology, state, &topology.services[service], node))
}

/// Whether a node can take one more replica of a service.
fn takes(topology: &Topology, state: &ClusterState, table: &ServiceTable, node: usize) -> bool {
    let (host, own) = (&topology.nodes[node], &state.nodes[node]);
    table.zones.contains(&host.zone)
        && own.up
        && !own.drained
        && state.cores_used[node] + table.cores <= host.cores + 1e-3
}

/// Recounts the cores that replicas request of each node.
pub(crate) fn count_cores(topology: &Topology, state: &mut ClusterState) {
    state.cores_used = [0.0; NODE_LANES];
    for (table, own) in topology.services.iter().zip(&state.services) {
        if table.is_managed() {
            for node in 0..topology.nodes.len() {
                state.cores_used[node] += own.placement.on_node(node) * table.cores;
            }
        }
    }
}

/// Moves every replica off a node: what runs stops gracefully, and as many start elsewhere.
pub(crate) fn drain(topology: &Topology, state: &mut ClusterState, node: usize) {
    state.nodes[node].drained = true;
    for service in 0..topology.services.len() {
        if !topology.services[service].is_managed() {
            continue;
        }
        let own = &mut state.services[service];
        let amount = own.placement.on_node(node);
        if amount <= 0.0 {
            continue;
        }
        for kind in [IMPAIRED, HEALTHY] {
            let running = own.placement.running[kind][node];
            stop(topology, own, service, node, kind, running, Stop::Graceful);
        }
        for stage in &mut own.placement.starting {
            stage[node] = 0.0;
        }
        own.placement.crashed[node] = 0.0;
        own.placement.unplaced += amount;
        own.moving = true;
        place(topology, state, service);
    }
    count_cores(topology, state);
}

/// Lets a drained node take replicas again, those that found no room first.
pub(crate) fn undrain(topology: &Topology, state: &mut ClusterState, node: usize) {
    state.nodes[node].drained = false;
    for service in 0..topology.services.len() {
        if state.services[service].placement.unplaced > 0.0 {
            place(topology, state, service);
        }
    }
}

/// Start-up, rolling restarts and crashes of every service that has something under way.
pub(crate) fn advance(topology: &Topology, state: &mut ClusterState) {
    let dt = topology.tick_s;
    let schedule_ticks = ((SCHEDULE_S / dt) as u64).max(1);
    for service in 0..topology.services.len() {
        if !state.services[service].moving {
            continue;
        }
        let table = &topology.services[service];
        roll_restart(topology, &mut state.services[service], service);
        let own = &mut state.services[service];
        if own.placement.crashed.iter().any(|&crashed| crashed > 0.0) {
            own.crash_wait_s -= dt;
            if own.crash_wait_s <= 0.0 {
                for node in 0..NODE_LANES {
                    own.placement.starting[0][node] += own.placement.crashed[node];
                    own.placement.crashed[node] = 0.0;
                }
            }
        }
        let up: [f32; NODE_LANES] =
            std::array::from_fn(|node| if state.nodes.get(node).is_some_and(|host| host.up) { 1.0 } else { 0.0 });
        let arrived = start_up(own, table.startup_stay, up);
        if arrived.simd_gt(f32x8::ZERO).any() {
            for (node, &arriving) in arrived.to_array()[..state.nodes.len()].iter().enumerate() {
                if arriving > 0.0 {
                    join(own, topology.nodes[node].zone, node, arriving, state.nodes[node].steal > 0.0);
                }
            }
            fold(topology, own);
        }
        if own.placement.unplaced > 0.0 && state.tick.is_multiple_of(schedule_ticks) {
            place(topology, state, service);
        }
        let own = &mut state.services[service];
        own.cold *= f32x4::splat(1.0 - dt / (WARM_UP_S + dt));
        let cold: f32 = own.cold.reduce_add();
        if cold < SPECK {
            own.cold = f32x4::ZERO;
        }
        own.moving = own.restart_left > 0.0 || own.placement.not_running() > 0.0 || cold >= SPECK;
    }
}

/// Moves starting replicas through their stages on the nodes that are up; returns those that now run, by node.
fn start_up(own: &mut ServiceState, stay: f32, up: [f32; NODE_LANES]) -> f32x8 {
    let leave = f32x8::splat(1.0 - stay) * f32x8::from(up);
    let speck = f32x8::splat(SPECK) * f32x8::from(up);
    let mut arriving = f32x8::ZERO;
    for stage in &mut own.placement.starting {
        let before = f32x8::from(*stage);
        let total = before + arriving;
        let left = total.simd_lt(speck).bitselect(total, before * leave);
        *stage = (total - left).to_array();
        arriving = left;
    }
    arriving
}

/// Adds replicas that finished starting on a node: to the impaired ones where the node itself is the trouble.
fn join(own: &mut ServiceState, zone: usize, node: usize, arriving: f32, slow_node: bool) {
    let kind = if slow_node { IMPAIRED } else { HEALTHY };
    let here = one_hot(zone);
    let arriving = f32x4::splat(arriving);
    let population = &mut own.populations[kind];
    // Fresh replicas have leaked nothing and failed no check: the population's means are diluted.
    let fresh = here * (arriving / (population.ready + arriving));
    let old = f32x4::ONE - fresh;
    population.leaked *= old;
    population.ejected *= old;
    for share in &mut population.check_runs {
        *share *= old;
    }
    population.check_runs[0] += fresh;
    population.ready += here * arriving;
    own.placement.running[kind][node] += arriving.to_array()[0];
    if kind == HEALTHY {
        own.cold += here * arriving;
    }
}

fn roll_restart(topology: &Topology, own: &mut ServiceState, service: usize) {
    if own.restart_left <= 0.0 {
        return;
    }
    let under_way = own.placement.not_running() - own.placement.unplaced;
    let at_once = (own.placement.desired() * STEP_RATIO).max(1.0);
    let mut left = own.restart_left.min((at_once - under_way).max(0.0));
    for kind in [IMPAIRED, HEALTHY] {
        let running: f32 = own.placement.running[kind].iter().sum();
        if running <= 0.0 || left <= 0.0 {
            continue;
        }
        let share = (left / running).min(1.0);
        for node in 0..topology.nodes.len() {
            let amount = own.placement.running[kind][node] * share;
            stop(topology, own, service, node, kind, amount, Stop::Graceful);
            own.placement.starting[0][node] += amount;
        }
        left -= running * share;
        own.restart_left -= running * share;
    }
    let running: f32 = own.placement.running().reduce_add();
    if own.restart_left < SPECK || running <= 0.0 {
        own.restart_left = 0.0;
    }
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
        own.crash_backoff_s = (own.crash_backoff_s * 2.0).min(CRASH_BACKOFF_S.1);
    }
    own.moving = true;
}

/// Share of each zone's replicas that run cold.
pub(crate) fn cold_ratio(own: &ServiceState) -> f32x4 {
    ratio(own.cold, own.populations[HEALTHY].ready).fast_min(f32x4::ONE)
}

pub(crate) fn lane(lanes: f32x4, zone: usize) -> f32 {
    lanes.to_array()[zone]
}

pub(crate) fn set_lane(lanes: &mut f32x4, zone: usize, value: f32) {
    let here = one_hot(zone).simd_gt(f32x4::ZERO);
    *lanes = here.bitselect(f32x4::splat(value), *lanes);
}

fn add_lane(lanes: &mut f32x4, zone: usize, change: f32) {
    *lanes = (*lanes + one_hot(zone) * f32x4::splat(change)).fast_max(f32x4::ZERO);
}

/// 1 in a zone's lane and 0 elsewhere.
fn one_hot(zone: usize) -> f32x4 {
    const ROWS: [f32x4; ZONE_LANES] = [
        f32x4::new([1.0, 0.0, 0.0, 0.0]),
        f32x4::new([0.0, 1.0, 0.0, 0.0]),
        f32x4::new([0.0, 0.0, 1.0, 0.0]),
        f32x4::new([0.0, 0.0, 0.0, 1.0]),
    ];
    ROWS[zone % ZONE_LANES]
}
