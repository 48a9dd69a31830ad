//! Impaired replicas: how faults bring them about, and what becomes of them when the faults end.

use crate::{
    lanes::{add_lane, f32x4, lane, set_lane},
    simulation::replicas::{SPECK, Stop, fold, forget, stop},
    state::{ClusterState, HEALTHY, IMPAIRED, Impairment, ServiceState},
    topology::Topology,
};

/// What becomes of impaired replicas when their fault ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// They are healthy again at once.
    Recover,
    /// They have to start.
    Start,
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
    impair_on(topology, state, service, share, &|_| true, how, slot);
}

/// The same, among the replicas on some nodes.
pub(crate) fn impair_on(
    topology: &Topology,
    state: &mut ClusterState,
    service: usize,
    share: f32,
    on: &dyn Fn(usize) -> bool,
    how: Impairment,
    slot: u8,
) {
    let running = |state: &ClusterState, node: usize| state.services[service].placement.running[HEALTHY][node];
    let healthy: f32 = (0..topology.nodes.len()).filter(|&node| on(node)).map(|node| running(state, node)).sum();
    let count = (healthy * share).round().max(1.0).min(healthy);
    add_source(topology, service, &mut state.services[service], how, slot);
    if healthy > 0.0 {
        for node in (0..topology.nodes.len()).filter(|&node| on(node)) {
            let amount = running(state, node) * (count / healthy);
            impair(topology, service, &mut state.services[service], node, amount);
        }
    }
}

/// Impairs every replica on a node, and those that will start there while the fault lasts.
pub(crate) fn impair_node(topology: &Topology, state: &mut ClusterState, node: usize, how: Impairment, slot: u8) {
    for service in 0..topology.services.len() {
        let table = &topology.services[service];
        if !table.is_managed() || !table.zones.contains(&topology.nodes[node].zone) {
            continue;
        }
        let own = &mut state.services[service];
        add_source(topology, service, own, how, slot);
        let amount = own.placement.running[HEALTHY][node];
        impair(topology, service, own, node, amount);
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
    match how {
        Release::Recover => recover(topology, service, own),
        Release::Start => {
            for node in 0..topology.nodes.len() {
                let amount = own.placement.running[IMPAIRED][node];
                stop(topology, own, service, node, IMPAIRED, amount, Stop::Crash);
                own.placement.starting[0][node] += amount;
            }
        }
    }
    own.impairment = Impairment::NONE;
    own.moving = true;
}

/// Replaces the replicas that the fault in a slot impaired in turn, now that whatever starts is healthy; with the last of
/// them its impairment ends.
pub(crate) fn replace_in_turn(topology: &Topology, state: &mut ClusterState, slot: u8) {
    for service in 0..topology.services.len() {
        let own = &mut state.services[service];
        if own.impairment.sources & 1 << slot == 0 {
            continue;
        }
        let left = own.placement.running[IMPAIRED].iter().sum::<f32>();
        if left > 0.0 {
            own.restart_left[IMPAIRED] = left;
            own.moving = true;
        } else {
            release(topology, state, service, Release::Recover, slot);
        }
    }
}

/// What starts on a node while the fault in a slot lasts is impaired from the start, for every service that it struck.
pub(crate) fn stick_to_node(state: &mut ClusterState, node: usize, slot: u8) {
    for own in state.services.iter_mut().filter(|own| own.impairment.sources & 1 << slot != 0) {
        own.condition.sticky[node] = 1.0;
    }
}

/// Makes every impaired replica healthy again where it stands.
fn recover(topology: &Topology, service: usize, own: &mut ServiceState) {
    for node in 0..topology.nodes.len() {
        let amount = own.placement.running[IMPAIRED][node];
        if amount <= 0.0 {
            continue;
        }
        let zone = topology.nodes[node].zone;
        let share = amount / lane(own.populations[IMPAIRED].ready, zone).max(amount);
        let moved = lane(own.populations[IMPAIRED].in_system, zone) * share;
        add_lane(&mut own.populations[IMPAIRED].in_system, zone, -moved);
        add_lane(&mut own.populations[HEALTHY].in_system, zone, moved);
        merge_means(own, zone, amount);
        own.placement.running[IMPAIRED][node] = 0.0;
        own.placement.running[HEALTHY][node] += amount;
        fold(topology, service, own);
    }
}

/// Says again in an active tick what is wrong with a service's impaired replicas.
pub(crate) fn hold(own: &mut ServiceState, how: Impairment, slot: u8) {
    if own.impairment.sources & 1 << slot != 0 {
        own.impairment = own.impairment.and(how);
    }
}

/// The same for every service that the fault in a slot struck.
pub(crate) fn hold_all(state: &mut ClusterState, how: Impairment, slot: u8) {
    for own in &mut state.services {
        hold(own, how, slot);
    }
}

/// Notes that whatever the fault in a slot impairs among a service's replicas, or will, is its own.
pub(crate) fn note_source(topology: &Topology, service: usize, own: &mut ServiceState, slot: u8) {
    if own.impairment.sources & 1 << slot == 0 {
        add_source(topology, service, own, Impairment::NONE, slot);
    }
}

/// Notes that a fault impairs a service, and what crashed requests it costs at once.
fn add_source(topology: &Topology, service: usize, own: &mut ServiceState, how: Impairment, slot: u8) {
    if own.impairment.sources == 0 && own.has_impaired {
        // The old generation of a restart is no worse than the new one: from here on it is not told apart.
        recover(topology, service, own);
    }
    own.impairment.sources |= 1 << slot;
    own.impairment = own.impairment.and(how);
}

/// Moves replicas of one node from the healthy to the impaired population, with their share of its requests.
fn impair(topology: &Topology, service: usize, own: &mut ServiceState, node: usize, amount: f32) {
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
    add_lane(&mut own.populations[HEALTHY].in_system, zone, -moved);
    if own.impairment.refuse < 1.0 {
        add_lane(&mut own.populations[IMPAIRED].in_system, zone, moved);
    } else {
        // A crash takes along what the replica worked on.
        add_lane(&mut own.lost, zone, moved);
        own.left += f64::from(moved);
    }
    if own.impairment.refuse > 0.0 {
        let total: f32 = own.placement.running();
        forget(own, amount / total.max(amount));
    }
    own.placement.running[HEALTHY][node] -= amount;
    own.placement.running[IMPAIRED][node] += amount;
    fold(topology, service, own);
}

/// Turns every healthy replica into an impaired one without an impairment: the old generation of a rolling restart.
pub(super) fn retire_generation(topology: &Topology, service: usize, own: &mut ServiceState) {
    for node in 0..topology.nodes.len() {
        let amount = own.placement.running[HEALTHY][node];
        impair(topology, service, own, node, amount);
    }
}

/// Joins the impaired population's means into the healthy one's for replicas that become healthy.
fn merge_means(own: &mut ServiceState, zone: usize, joining: f32) {
    let [healthy, impaired] = &mut own.populations;
    let ready = lane(healthy.ready, zone);
    let share = joining / (ready + joining).max(SPECK);
    let merge = |into: &mut f32x4, from: f32x4| {
        let mixed = lane(*into, zone) * (1.0 - share) + lane(from, zone) * share;
        set_lane(into, zone, mixed);
    };
    merge(&mut healthy.leaked, impaired.leaked);
    merge(&mut healthy.ejected, impaired.ejected);
    merge(&mut healthy.outlier, impaired.outlier);
    merge(&mut healthy.ejections, impaired.ejections);
    for (into, from) in healthy.check_runs.iter_mut().zip(impaired.check_runs) {
        merge(into, from);
    }
}
