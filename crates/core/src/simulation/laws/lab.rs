//! A small cluster to try things in, tick by tick.

use std::sync::Arc;

use crate::{
    action::Action,
    ids::ServiceId,
    lanes::{f32x4, lane},
    level::Level,
    scenario::Scenario,
    simulation::{self, Nobody, Simulation, impairments, placement, responses::quantile},
    state::{ClusterState, Impairment, ServiceState},
    topology::Topology,
};

/// The text of a scenario without noise: zones with a node each, users who call the service `a`, and the rest.
pub(super) fn cluster(head: &str, workload: &str, zones: usize, rest: &str) -> String {
    let hosts: String = (0..zones)
        .map(|z| format!("[[zones]]\nname = \"z{z}\"\n[[nodes]]\nname = \"n{z}\"\nzone = \"z{z}\"\ncores = 1000\n"))
        .collect();
    format!(
        "name = \"small\"\ntick_ms = 1000\ndecision_ticks = 5\nepisode_decisions = 1000\n{head}\n\
         [workload]\nentry = \"a\"\n{workload}\n{hosts}{rest}"
    )
}

/// A cluster in motion, and what its users got since the last run began.
pub(super) struct Lab {
    pub topology: Arc<Topology>,
    pub state: ClusterState,
}

impl Lab {
    /// A settled cluster with rules switched off; nothing in it is random.
    pub fn new(text: &str, off: &[&str]) -> Self {
        let calm: Vec<&str> = off.iter().copied().chain(["arrival-noise", "telemetry-noise"]).collect();
        Self::noisy(text, &calm)
    }

    /// The same with its noise.
    pub fn noisy(text: &str, off: &[&str]) -> Self {
        let mut scenario = Scenario::from_toml(text, "small").unwrap_or_else(|error| panic!("{error}"));
        scenario.rules_off = off.iter().map(|&rule| rule.to_owned()).collect();
        let topology = Topology::new(scenario).expect("a topology");
        let settled = Simulation::settled(topology.clone());
        let mut simulation = Simulation::new(topology);
        simulation.reset(Level::new(1).expect("a level"), &settled);
        let Simulation { topology, state } = simulation;
        Self { topology, state }
    }

    pub fn run(&mut self, seconds: u32) -> &mut Self {
        self.run_with(seconds, |_| ())
    }

    /// Runs while something is done before every tick.
    pub fn run_with(&mut self, seconds: u32, each: impl FnMut(&mut ClusterState)) -> &mut Self {
        self.run_with_ticks((seconds as f32 / self.topology.tick_s).round() as u32, each)
    }

    /// Runs for so many ticks.
    pub fn run_ticks(&mut self, ticks: u32) -> &mut Self {
        self.run_with_ticks(ticks, |_| ())
    }

    /// The same while something is done before every tick.
    pub fn run_with_ticks(&mut self, ticks: u32, mut each: impl FnMut(&mut ClusterState)) -> &mut Self {
        simulation::begin_decision(&mut self.state);
        self.state.accounts = crate::state::Accounts::default();
        for _ in 0..ticks {
            each(&mut self.state);
            simulation::advance(&self.topology, &mut self.state, &mut Nobody);
        }
        self
    }

    pub fn index(&self, name: &str) -> usize {
        self.topology.service(name).expect("a service").index()
    }

    pub fn id(&self, name: &str) -> ServiceId {
        self.topology.service(name).expect("a service")
    }

    pub fn own(&self, name: &str) -> &ServiceState {
        &self.state.services[self.index(name)]
    }

    pub fn own_mut(&mut self, name: &str) -> &mut ServiceState {
        let index = self.index(name);
        &mut self.state.services[index]
    }

    /// Ratio of bad requests in the last run.
    pub fn bad(&self) -> f64 {
        self.state.accounts.bad / self.state.accounts.offered
    }

    /// The same for a tenant.
    pub fn tenant_bad(&self, tenant: usize) -> f64 {
        self.state.tenants[tenant].bad / self.state.tenants[tenant].offered
    }

    /// Requests that ended well, per second of the last run.
    pub fn goodput(&self) -> f64 {
        let accounts = &self.state.accounts;
        (accounts.offered - accounts.bad) / (f64::from(accounts.ticks) * f64::from(self.topology.tick_s))
    }

    pub fn offered(&self, name: &str) -> f32 {
        self.own(name).offered_per_s.reduce_add()
    }

    pub fn capacity(&self, name: &str) -> f32 {
        self.over_populations(name, |population| population.capacity_per_s)
    }

    pub fn in_system(&self, name: &str) -> f32 {
        self.over_populations(name, |population| population.in_system)
    }

    fn over_populations(&self, name: &str, of: impl Fn(&crate::state::Population) -> f32x4) -> f32 {
        let own = self.own(name);
        let kinds = if own.has_impaired { 2 } else { 1 };
        own.populations[..kinds].iter().map(|population| of(population).reduce_add()).sum()
    }

    pub fn running(&self, name: &str) -> f32 {
        self.own(name).answering().reduce_add()
    }

    /// Mean response time in the first zone, calls included.
    pub fn mean_s(&self, name: &str) -> f32 {
        lane(self.own(name).populations[0].mean_s, 0)
    }

    pub fn p99_s(&self, name: &str) -> f32 {
        quantile(self.own(name))
    }

    pub fn depth(&self, name: &str) -> f32 {
        self.own(name).depth.reduce_add()
    }

    pub fn consumed(&self, name: &str) -> f32 {
        self.own(name).consumed_per_s.reduce_add()
    }

    pub fn scale(&mut self, name: &str, change: f32) -> &mut Self {
        let index = self.index(name);
        placement::scale(&self.topology, &mut self.state, index, change);
        self
    }

    /// Sends an action as a policy does.
    pub fn act(&mut self, action: Action) -> &mut Self {
        simulation::accept(&self.topology, &mut self.state, action);
        self
    }

    /// Impairs so many replicas of a service, until further notice.
    pub fn impair(&mut self, name: &str, count: f32, how: Impairment) -> &mut Self {
        let share = count / self.own(name).placement.running[0].iter().sum::<f32>();
        let index = self.index(name);
        impairments::impair_some(&self.topology, &mut self.state, index, share, how, 0);
        self
    }

    /// Impairs everything on a node.
    pub fn impair_node(&mut self, node: usize, how: Impairment) -> &mut Self {
        impairments::impair_node(&self.topology, &mut self.state, node, how, 0);
        self
    }

    /// Lets a share of a service's answers fail.
    pub fn fail(&mut self, name: &str, ratio: f32) -> &mut Self {
        self.own_mut(name).condition.error = f32x4::splat(ratio);
        self
    }
}

/// Replicas that are gone, health checks included.
pub(super) const DOWN: Impairment = Impairment { refuse: 1.0, check_failure: 1.0, ..Impairment::NONE };
