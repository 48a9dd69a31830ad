//! One tick of the cluster, phase by phase in a fixed order.

mod actions;
mod arrivals;
mod autoscale;
pub(crate) mod databases;
mod disks;
mod health;
pub(crate) mod impairments;
#[cfg(test)]
mod laws;
mod placement;
mod quorum;
mod remedies;
pub(crate) mod replicas;
mod replies;
pub(crate) mod requests;
pub(crate) mod responses;
mod serving;
pub(crate) mod settling;
mod telemetry;
mod tenants;
#[cfg(test)]
mod theory;
mod witness;

use std::sync::Arc;

pub(crate) use actions::{accept, apply_due, has_control, is_legal, mask, num_due};
pub(crate) use telemetry::{see_edge, write_observation};
pub(crate) use tenants::begin_decision;
pub(crate) use witness::{Nobody, Watched, Witness};
pub use witness::{Phase, PhaseWatch};

use crate::{
    lanes::f32x4,
    level::Level,
    state::{ClusterState, conditions},
    topology::Topology,
};

/// A cluster in motion: the shared topology and the state that it moves.
#[derive(Clone, Debug)]
pub(crate) struct Simulation {
    pub topology: Arc<Topology>,
    pub state: ClusterState,
}

impl Simulation {
    pub(crate) fn new(topology: Arc<Topology>) -> Self {
        let state = ClusterState::new(&topology);
        Self { topology, state }
    }

    /// Puts the cluster at the start of a level, warmed up: queues, latencies and telemetry have settled.
    pub(crate) fn reset(&mut self, level: Level, initial: &ClusterState) {
        self.state.clone_from_state(initial);
        arrivals::begin(&self.topology, &mut self.state, level);
    }

    /// A state that has run without faults or actions until nothing changes any more, to begin levels from.
    pub(crate) fn settled(topology: Arc<Topology>) -> ClusterState {
        let mut simulation = Self::new(topology);
        let Self { topology, state } = &mut simulation;
        for service in 0..topology.num_services() {
            replicas::fold(topology, service, &mut state.services[service]);
            state.services[service].membership = 0.0;
        }
        placement::count_cores(topology, state);
        let ticks = (SETTLING_S / topology.tick_s) as u64;
        for _ in 0..ticks {
            arrivals::steady(topology, state);
            serve(topology, state, &mut Nobody);
        }
        state.tick = 0;
        for service in &mut state.services {
            service.telemetry.scraped_at = 0;
            service.telemetry.counted_ticks = 0;
            service.requests = f32x4::ZERO;
            service.failures = f32x4::ZERO;
        }
        state.accounts = crate::state::Accounts::default();
        simulation.state
    }
}

/// One tick.
pub(crate) fn advance(topology: &Topology, state: &mut ClusterState, witness: &mut impl Witness) {
    witness.begins(state);
    apply_due(topology, state);
    witness.after(Phase::Actions);
    faults(topology, state);
    witness.after(Phase::Faults);
    databases::advance(topology, state);
    disks::advance(topology, state);
    autoscale::advance(topology, state);
    witness.after(Phase::Controllers);
    replicas::advance(topology, state);
    witness.after(Phase::Replicas);
    arrivals::advance(topology, state);
    witness.after(Phase::Arrivals);
    serve(topology, state, witness);
    witness.ended(topology, state);
}

/// The part of a tick that follows from the arrivals.
fn serve(topology: &Topology, state: &mut ClusterState, witness: &mut impl Witness) {
    requests::forward(topology, state);
    witness.forwarded(topology, state);
    witness.after(Phase::Forward);
    responses::backward(topology, state);
    witness.answered(topology, state);
    witness.after(Phase::Backward);
    responses::leaks(topology, state);
    health::advance(topology, state);
    witness.after(Phase::Health);
    telemetry::advance(topology, state);
    witness.after(Phase::Telemetry);
    state.tick += 1;
}

/// Seconds that a cluster runs before it is taken as settled.
const SETTLING_S: f32 = 120.0;

/// Writes what the active faults do in this tick; while there is none, nothing is touched.
fn faults(topology: &Topology, state: &mut ClusterState) {
    let tick = state.tick;
    if !state.disturbed && state.faults.iter().all(|event| event.onset_tick != tick) {
        return;
    }
    let is_on = |id| !topology.rules_off.fault(id);
    for slot in 0..state.faults.len() {
        let event = &state.faults[slot];
        let (begins, ends) = (tick == event.onset_tick, tick == event.end_tick);
        if (begins || ends) && is_on(event.id) {
            let event = event.clone();
            if begins {
                event.id.model().begin(topology, state, &event);
            } else {
                event.id.model().end(topology, state, &event);
            }
        }
    }
    conditions::clear(topology, state);
    state.disturbed = false;
    for slot in 0..state.faults.len() {
        let event = &state.faults[slot];
        let lasts = event.is_active(tick) || tick >= event.onset_tick && event.id.model().lingers();
        if lasts && is_on(event.id) {
            let event = event.clone();
            event.id.model().advance(topology, state, &event, tick);
            // The tick of the end still has to clear what this one writes.
            state.disturbed = true;
            // An experiment with an abort condition is called off from the next tick on.
            if event.is_active(tick) && 1.0 - state.bad_ratio < event.abort_availability {
                state.faults[slot].end_tick = tick + 1;
            }
        }
    }
}
