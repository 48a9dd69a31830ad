//! One tick of the cluster, phase by phase in a fixed order.

mod actions;
mod arrivals;
mod health;
pub(crate) mod impairments;
mod placement;
mod replicas;
mod requests;
mod responses;
mod telemetry;
#[cfg(test)]
mod theory;

use std::sync::Arc;

pub(crate) use actions::{accept, apply_due, is_legal, mask};
pub(crate) use telemetry::{see_edge, write_observation};

use crate::{lanes::f32x4, level::Level, state::ClusterState, topology::Topology};

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
            replicas::fold(topology, &mut state.services[service]);
        }
        placement::count_cores(topology, state);
        let ticks = (SETTLING_S / topology.tick_s) as u64;
        for _ in 0..ticks {
            arrivals::steady(topology, state);
            serve(topology, state);
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
pub(crate) fn advance(topology: &Topology, state: &mut ClusterState) {
    apply_due(topology, state);
    faults(topology, state);
    replicas::advance(topology, state);
    arrivals::advance(topology, state);
    serve(topology, state);
}

/// The part of a tick that follows from the arrivals.
fn serve(topology: &Topology, state: &mut ClusterState) {
    requests::forward(topology, state);
    responses::backward(topology, state);
    health::advance(topology, state);
    telemetry::advance(topology, state);
    state.tick += 1;
}

/// Seconds that a cluster runs before it is taken as settled.
const SETTLING_S: f32 = 120.0;

fn faults(topology: &Topology, state: &mut ClusterState) {
    let tick = state.tick;
    for slot in 0..state.faults.len() {
        let (onset, end) = (state.faults[slot].onset_tick, state.faults[slot].end_tick);
        if tick < onset || tick > end {
            continue;
        }
        let event = state.faults[slot].clone();
        let model = event.id.model();
        if tick == onset {
            model.begin(topology, state, &event);
        }
        if event.is_active(tick) {
            model.advance(topology, state, &event, tick);
        }
        if tick == end {
            model.end(topology, state, &event);
        }
    }
}
