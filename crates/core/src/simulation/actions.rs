//! Actions: which are legal, and what they do once the actuation delay has passed.

use crate::{
    action::Action,
    lanes::{f32x4, lane, set_lane},
    simulation::{databases, placement, remedies, replicas},
    state::ClusterState,
    topology::Topology,
};

/// Below this share of the traffic a zone has nothing left to give.
const LEAST_WEIGHT: f32 = 0.02;

/// Writes which actions are legal.
pub(crate) fn mask(topology: &Topology, state: &ClusterState, out: &mut [bool]) {
    let room = placement::Room::new(topology, state);
    for (action, legal) in topology.actions().iter().zip(out.iter_mut()) {
        *legal = action.is_some_and(|action| is_open(topology, state, &room, action));
    }
    for &(_, pending) in state.pending.iter().filter(|(_, pending)| *pending != Action::NoOp) {
        if let Some(index) = topology.action_index(pending)
            && let Some(legal) = out.get_mut(index)
        {
            *legal = false;
        }
    }
}

pub(crate) fn is_legal(topology: &Topology, state: &ClusterState, action: Action) -> bool {
    let is_pending = state.pending.iter().any(|&(_, pending)| pending == action && action != Action::NoOp);
    !is_pending && is_open(topology, state, &placement::Room::new(topology, state), action)
}

/// Whether an action that is not under way is legal.
#[inline(always)]
fn is_open(topology: &Topology, state: &ClusterState, room: &placement::Room, action: Action) -> bool {
    match action {
        Action::NoOp | Action::RebalanceAll => true,
        Action::Restart(service) => state.services[service.index()].restart_left == [0.0; 2],
        Action::ScaleUp(service) => {
            let (table, own) = (&topology.services[service.index()], &state.services[service.index()]);
            own.wanted + 0.5 < table.max_replicas && room.fits(topology, table)
        }
        Action::ScaleDown(service) => {
            let desired = state.services[service.index()].wanted;
            desired - 0.5 > topology.services[service.index()].min_replicas
        }
        Action::Drain(node) => !state.nodes[node.index()].drained,
        Action::Return(node) => state.nodes[node.index()].drained,
        Action::Rebalance(zone) => lane(state.zone_target, zone.index()) > LEAST_WEIGHT,
        _ => remedies::is_legal(topology, state, action),
    }
}

/// Accepts a policy's action: a legal one takes effect after the actuation delay.
pub(crate) fn accept(topology: &Topology, state: &mut ClusterState, action: Action) {
    let delay = topology.actuation_ticks;
    let now = state.tick;
    state.acted_at = now;
    match action {
        Action::Restart(service) | Action::ScaleUp(service) | Action::ScaleDown(service) => {
            state.services[service.index()].telemetry.acted_at = now;
        }
        Action::Drain(node) | Action::Return(node) => {
            for own in state.services.iter_mut().filter(|own| own.placement.on_node(node.index()) > 0.0) {
                own.telemetry.acted_at = now;
            }
        }
        Action::Rebalance(_) | Action::RebalanceAll => {
            for own in &mut state.services {
                own.telemetry.acted_at = now;
            }
        }
        Action::NoOp => {}
        _ => remedies::note(topology, state, action),
    }
    state.pending.push((now + delay, action));
}

/// How many actions this tick's beginning will find due.
pub(crate) fn num_due(state: &ClusterState) -> u32 {
    // In the order of their times.
    state.pending.iter().take_while(|&&(due, _)| due <= state.tick).count() as u32
}

/// Carries out the actions whose time has come.
pub(crate) fn apply_due(topology: &Topology, state: &mut ClusterState) {
    remedies::arrive(state);
    while let Some(&(due, action)) = state.pending.first() {
        if due > state.tick {
            return;
        }
        state.pending.remove(0);
        // Without a control plane an action is lost.
        if has_control(topology, state) {
            apply(topology, state, action);
        }
    }
}

/// Whether the control plane carries anything out.
pub(crate) fn has_control(topology: &Topology, state: &ClusterState) -> bool {
    let answers = |service: usize| state.services[service].answering().reduce_add() > 0.0;
    !state.condition.control_down && topology.control_plane.is_none_or(answers)
}

fn apply(topology: &Topology, state: &mut ClusterState, action: Action) {
    match action {
        Action::NoOp => {}
        Action::Restart(service) => {
            replicas::restart(topology, service.index(), &mut state.services[service.index()]);
            databases::interrupt(topology, state, service.index(), f32::MAX);
        }
        Action::ScaleUp(service) => {
            let (table, own) = (&topology.services[service.index()], &state.services[service.index()]);
            let desired = own.wanted;
            let change = replicas::step_size(desired).min(table.max_replicas - desired);
            if change > 0.0 {
                placement::scale(topology, state, service.index(), change);
            }
        }
        Action::ScaleDown(service) => {
            let (table, own) = (&topology.services[service.index()], &state.services[service.index()]);
            let desired = own.wanted;
            let change = replicas::step_size(desired).min(desired - table.min_replicas);
            if change > 0.0 {
                placement::scale(topology, state, service.index(), -change);
            }
        }
        Action::Drain(node) => placement::drain(topology, state, node.index()),
        Action::Return(node) => placement::undrain(topology, state, node.index()),
        Action::Rebalance(zone) => rebalance(topology, state, zone.index()),
        Action::RebalanceAll => {
            let ready = ready_capacity(topology, state);
            let total = ready.reduce_add();
            if total > 0.0 {
                state.zone_target = ready / f32x4::splat(total);
            }
        }
        _ => remedies::apply(topology, state, action),
    }
}

/// Half of a zone's weight goes to the others, in proportion to their ready capacity.
fn rebalance(topology: &Topology, state: &mut ClusterState, zone: usize) {
    let moved = 0.5 * lane(state.zone_target, zone);
    let mut others = ready_capacity(topology, state);
    set_lane(&mut others, zone, 0.0);
    let total = others.reduce_add();
    if total <= 0.0 {
        return;
    }
    state.zone_target += others * f32x4::splat(moved / total);
    let left = lane(state.zone_target, zone) - moved;
    set_lane(&mut state.zone_target, zone, left);
}

/// Cores of running replicas in rotation, by zone.
fn ready_capacity(topology: &Topology, state: &ClusterState) -> f32x4 {
    let mut ready = f32x4::ZERO;
    for (table, own) in topology.services.iter().zip(&state.services) {
        if table.is_managed() && table.zones.len() > 1 {
            for population in &own.populations {
                ready += population.ready * (f32x4::ONE - population.ejected) * f32x4::splat(table.cores);
            }
        }
    }
    ready
}
