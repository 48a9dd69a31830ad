//! One fault on one cluster, for the tests of faults.

use crate::{
    fault::{FaultEvent, FaultId, FaultTarget},
    ids::{NodeId, ServiceId, ZoneId},
    scenario::Scenario,
    simulation::{self, Simulation},
    state::ServiceState,
    topology::Topology,
};

/// A settled cluster that a fault strikes after ten seconds.
pub(super) struct Trial(pub Simulation);

/// When the fault strikes.
pub(super) const ONSET_S: u64 = 10;

impl Trial {
    /// `spine12`, at its mean load.
    pub fn spine12(id: FaultId, target: &str, magnitude: f32, ramp_s: u64, duration_s: u64) -> Self {
        Self::of(Scenario::load("spine12").expect("a built-in scenario"), id, target, magnitude, ramp_s, duration_s)
    }

    /// A scenario whose target is a service, a node or a zone by name, or else the cluster.
    pub fn of(mut scenario: Scenario, id: FaultId, target: &str, magnitude: f32, ramp_s: u64, duration_s: u64) -> Self {
        scenario.workload.level_range = [1.0, 1.0];
        scenario.workload.cycle_amplitude = 0.0;
        scenario.rules_off.extend(["arrival-noise", "telemetry-noise"].map(String::from));
        let topology = Topology::new(scenario).expect("a topology");
        let find = |names: &[String]| names.iter().position(|name| name == target).map(|index| index as u32);
        let target = find(topology.service_names()).map(|s| FaultTarget::Service(ServiceId(s)));
        let target = target.or_else(|| find(topology.node_names()).map(|n| FaultTarget::Node(NodeId(n))));
        let target = target.or_else(|| find(topology.zone_names()).map(|z| FaultTarget::Zone(ZoneId(z))));
        let mut simulation = Simulation { state: Simulation::settled(topology.clone()), topology };
        simulation.state.faults.push(FaultEvent {
            slot: 0,
            id,
            target: target.unwrap_or(FaultTarget::Cluster),
            onset_tick: ONSET_S,
            ramp_ticks: ramp_s,
            end_tick: ONSET_S + duration_s,
            magnitude,
            blast_radius: 0.5,
            spread: None,
            abort_availability: 0.0,
            mended: false,
        });
        Self(simulation)
    }

    /// Lets so many seconds pass; returns the ratio of bad requests among them.
    pub fn run(&mut self, seconds: u64) -> f64 {
        let Simulation { topology, state } = &mut self.0;
        state.accounts = crate::state::Accounts::default();
        for _ in 0..seconds {
            simulation::advance(topology, state, &mut simulation::Nobody);
        }
        state.accounts.bad / state.accounts.offered
    }

    /// Sends an action by its name.
    pub fn send(&mut self, name: &str) {
        let Simulation { topology, state } = &mut self.0;
        let index = topology.action_meanings().iter().position(|meaning| meaning == name).expect("an action");
        simulation::accept(topology, state, topology.action(index).expect("an action"));
    }

    pub fn index(&self, service: &str) -> usize {
        self.0.topology.service(service).expect("a service").index()
    }

    pub fn service(&self, name: &str) -> &ServiceState {
        &self.0.state.services[self.index(name)]
    }

    /// The call between two services.
    pub fn call(&self, from: &str, to: &str) -> usize {
        let (from, to) = (self.index(from), self.index(to));
        self.0.topology.calls.iter().position(|call| (call.from, call.to) == (from, to)).expect("a call")
    }
}
