//! The extended actions: rollback, shedding, breakers, queues, retries, fail-over, disks, secrets and a human.

use crate::{
    action::Action,
    fault::{FaultTarget, Remedy},
    lanes::f32x4,
    simulation::{databases, replicas},
    state::{ClusterState, DISK_AT_START, SIZE_DOUBLINGS, TTL_DOUBLINGS},
    topology::Topology,
};

/// Seconds from the page until the human has mended what is broken; half an hour of real life is compressed sixfold.
const HUMAN_S: f32 = 300.0;

/// Whether an extended action is legal; nothing that only the truth could tell decides it.
pub(super) fn is_legal(topology: &Topology, state: &ClusterState, action: Action) -> bool {
    let held_open = |service: usize| {
        let calls = topology.calls.iter().zip(&state.calls);
        calls.filter(|(table, _)| table.to == service).any(|(_, call)| call.held_open)
    };
    match action {
        Action::Rollback(service) => state.services[service.index()].restart_left == [0.0; 2],
        Action::Shed(percent) => f32::from(percent) / 100.0 != state.remedies.shed,
        Action::OpenBreaker(service) => !held_open(service.index()),
        Action::CloseBreaker(service) => held_open(service.index()),
        // More room is of no use where a replica holds everything, nor a longer life where nothing expires.
        Action::LengthenTtl(service) => {
            let expires = topology.services[service.index()].evict_steps[0] > 0.0;
            expires && state.services[service.index()].cache_knobs.ttl_doublings < TTL_DOUBLINGS
        }
        Action::EnlargeCache(service) => {
            let is_partial = topology.services[service.index()].cache_size < 1.0;
            is_partial && state.services[service.index()].cache_knobs.size_doublings < SIZE_DOUBLINGS
        }
        Action::DisableRetries => !state.remedies.retries_off,
        Action::EnableRetries => state.remedies.retries_off,
        Action::PageHuman => state.remedies.human_at.is_none(),
        _ => true,
    }
}

/// Notes when the policy last acted on the services that an extended action concerns.
pub(super) fn note(topology: &Topology, state: &mut ClusterState, action: Action) {
    let now = state.tick;
    match action {
        Action::Rollback(service)
        | Action::OpenBreaker(service)
        | Action::CloseBreaker(service)
        | Action::FlushQueue(service)
        | Action::FailOver(service)
        | Action::LengthenTtl(service)
        | Action::EnlargeCache(service)
        | Action::RotateSecret(service) => state.services[service.index()].telemetry.acted_at = now,
        Action::ClearDisk(node) => {
            for own in state.services.iter_mut().filter(|own| own.placement.on_node(node.index()) > 0.0) {
                own.telemetry.acted_at = now;
            }
        }
        Action::Shed(_) => {
            for entry in &topology.entries {
                state.services[entry.to].telemetry.acted_at = now;
            }
        }
        _ => {
            for own in &mut state.services {
                own.telemetry.acted_at = now;
            }
        }
    }
}

/// Carries out an extended action.
pub(super) fn apply(topology: &Topology, state: &mut ClusterState, action: Action) {
    let hold = |state: &mut ClusterState, service: usize, open: bool| {
        for (_, call) in topology.calls.iter().zip(&mut state.calls).filter(|(table, _)| table.to == service) {
            call.held_open = open;
        }
    };
    match action {
        Action::Rollback(service) => {
            mend(state, Remedy::Rollback, FaultTarget::Service(service));
            replicas::restart(topology, service.index(), &mut state.services[service.index()]);
            databases::interrupt(topology, state, service.index(), f32::MAX);
        }
        Action::LengthenTtl(service) => {
            let knobs = &mut state.services[service.index()].cache_knobs;
            knobs.ttl_doublings = (knobs.ttl_doublings + 1).min(TTL_DOUBLINGS);
        }
        Action::EnlargeCache(service) => {
            let own = &mut state.services[service.index()];
            own.cache_knobs.size_doublings = (own.cache_knobs.size_doublings + 1).min(SIZE_DOUBLINGS);
            let answering = own.answering().reduce_add();
            replicas::resize(&topology.services[service.index()], own, answering);
        }
        Action::Shed(percent) => state.remedies.shed = f32::from(percent) / 100.0,
        Action::OpenBreaker(service) => hold(state, service.index(), true),
        Action::CloseBreaker(service) => hold(state, service.index(), false),
        Action::FlushQueue(service) => {
            mend(state, Remedy::FlushQueue, FaultTarget::Service(service));
            let own = &mut state.services[service.index()];
            // Dropped messages are requests that nobody will answer.
            own.lost += own.depth;
            own.dropped += f64::from(own.depth.reduce_add());
            own.depth = f32x4::ZERO;
        }
        Action::DisableRetries | Action::EnableRetries => {
            state.remedies.retries_off = action == Action::DisableRetries;
            for (table, call) in topology.calls.iter().zip(&mut state.calls) {
                call.retries = if state.remedies.retries_off { 0 } else { table.retries };
            }
        }
        Action::FailOver(service) => {
            mend(state, Remedy::FailOver, FaultTarget::Service(service));
            databases::fail_over(topology, state, service.index());
        }
        Action::ClearDisk(node) => {
            mend(state, Remedy::ClearDisk, FaultTarget::Node(node));
            state.nodes[node.index()].disk = DISK_AT_START;
        }
        Action::RotateSecret(service) => {
            mend(state, Remedy::RotateSecret, FaultTarget::Service(service));
            for (_, call) in topology.calls.iter().zip(&mut state.calls).filter(|(t, _)| t.to == service.index()) {
                call.stale_secret = 0.0;
            }
        }
        #[cfg(test)]
        Action::Nudge(service) => crate::simulation::placement::scale(topology, state, service.index(), 1.0),
        Action::PageHuman => {
            state.remedies.human_at = Some(state.tick + (HUMAN_S / topology.tick_s) as u64);
        }
        _ => {}
    }
}

/// Removes the cause of the faults that this action mends where it was sent to.
fn mend(state: &mut ClusterState, remedy: Remedy, target: FaultTarget) {
    let tick = state.tick;
    for event in &mut state.faults {
        if event.target == target && tick >= event.onset_tick && event.id.model().mended_by() == Some(remedy) {
            event.mended = true;
        }
    }
}

/// A human who was paged ends what is broken.
pub(super) fn arrive(state: &mut ClusterState) {
    if state.remedies.human_at.is_some_and(|at| at <= state.tick) {
        state.remedies.human_at = None;
        let tick = state.tick;
        for event in state.faults.iter_mut().filter(|event| event.onset_tick <= tick) {
            event.mended = true;
            event.end_tick = event.end_tick.min(tick);
        }
    }
}
