//! The immutable tables built once from a scenario: services in topological order, calls by caller, actions, names.

mod tables;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use tables::{CallTable, NodeTable, ServiceTable};
use tables::{call_table, service_table};

use crate::{
    action::{self, Action},
    fault,
    ids::{NodeId, ServiceId, ZoneId},
    lanes::{NODE_LANES, ZONE_LANES, exp_scalar, f32x4},
    level::{Level, Split},
    observation,
    scenario::{Call, CallMode, Scenario, ScenarioError, Service},
};

/// Everything about a cluster that an episode cannot change; shared by every environment of a batch.
#[derive(Debug)]
pub struct Topology {
    scenario: Scenario,
    pub(crate) tick_s: f32,
    pub(crate) services: Vec<ServiceTable>,
    /// Service indices, callers before callees.
    pub(crate) order: Vec<u32>,
    /// Calls, grouped by caller.
    pub(crate) calls: Vec<CallTable>,
    /// What users do at the entry service, as a call without a caller.
    pub(crate) entry: CallTable,
    pub(crate) nodes: Vec<NodeTable>,
    /// Factor by which the gap between a zone's weight and its target closes in a tick.
    pub(crate) zone_shift: f32x4,
    pub(crate) collector: Option<usize>,
    pub(crate) initial_cores: f32,
    pub(crate) decision_s: f32,
    /// Mean user requests per second with every level factor at 1, per service.
    pub(crate) nominal_per_s: Vec<f32>,
    pub(crate) faults: fault::Catalogue,
    /// Service blocks of an observation, padding included.
    pub(crate) service_blocks: usize,
    actions: Vec<Option<Action>>,
    action_meanings: Vec<String>,
    observation_names: Vec<String>,
    service_names: Vec<String>,
    node_names: Vec<String>,
    zone_names: Vec<String>,
}

/// Share of memory in use beyond which garbage collection takes time.
pub(crate) const COLLECTION_BEGINS: f32 = 0.7;
/// Stages of the retry delay chain.
pub(crate) const DELAY_STAGES: usize = 4;
/// Stages of the start-up chain.
pub(crate) const STARTUP_STAGES: usize = 3;

impl Topology {
    /// Builds the tables of a scenario.
    ///
    /// # Errors
    /// The initial replicas that do not fit on the nodes, with both sides' cores.
    pub fn new(scenario: Scenario) -> Result<Arc<Self>, ScenarioError> {
        let tick_s = scenario.tick_s();
        let names: Vec<String> = scenario.services.iter().map(|service| service.name.clone()).collect();
        let by_name: BTreeMap<&str, usize> = names.iter().enumerate().map(|(s, name)| (name.as_str(), s)).collect();
        let index_of = |name: &str| by_name.get(name).copied().unwrap_or(0);
        let mut own_calls = vec![Vec::new(); names.len()];
        for call in &scenario.calls {
            own_calls[index_of(&call.from)].push(call);
        }
        let nodes = node_tables(&scenario);
        let order = topological_order(&own_calls, &index_of);
        let mut calls = Vec::with_capacity(scenario.calls.len());
        let mut services = Vec::with_capacity(names.len());
        for (service, own) in scenario.services.iter().zip(&own_calls) {
            let start = calls.len();
            calls.extend(own.iter().map(|call| call_table(call, &index_of, tick_s)));
            let zones = zones_of(&scenario, service);
            services.push(service_table(service, zones, start..calls.len(), &nodes, tick_s));
        }
        check_room(&scenario, &services)
            .map_err(|problem| ScenarioError::Invalid { file: scenario.name.clone(), problem })?;
        let initial_cores = services.iter().filter(|s| s.is_managed()).map(|s| s.replicas * s.cores).sum::<f32>();

        let workload = &scenario.workload;
        let entry = Call {
            from: workload.entry.clone(),
            to: workload.entry.clone(),
            calls: 1.0,
            mode: CallMode::Sync,
            timeout_ms: workload.timeout_ms,
            retries: workload.retries,
            backoff_ms: 1000.0,
            retry_budget: None,
            breaker: false,
            throttle: false,
            quorum: None,
            fallback: 0.0,
        };
        let entry = call_table(&entry, &index_of, tick_s);
        let nominal_per_s = nominal_rates(&services, &calls, &order, entry.to, workload.rate_per_s);
        let mut zone_shift = [1.0; ZONE_LANES];
        for (lane, zone) in zone_shift.iter_mut().zip(&scenario.zones) {
            *lane = if zone.shift_s > 0.0 { 1.0 - exp_scalar(-tick_s / zone.shift_s) } else { 1.0 };
        }
        let zone_names: Vec<String> = scenario.zones.iter().map(|zone| zone.name.clone()).collect();
        let node_names: Vec<String> = scenario.nodes.iter().map(|node| node.name.clone()).collect();
        let managed: Vec<bool> = services.iter().map(ServiceTable::is_managed).collect();
        let padded = scenario.padded_services.map(|padded| padded as usize);
        let places = action::service_places(&names, &managed, padded);
        let (actions, action_meanings) = action::table(&places, &node_names, &zone_names);
        let service_blocks = padded.unwrap_or(0).max(names.len());
        let blocks: Vec<String> = names.iter().cloned().chain(action::padding(names.len(), service_blocks)).collect();
        let observation_names = observation::names(&blocks, &node_names, &zone_names);
        let collector = scenario.telemetry.collector.as_deref().map(index_of);
        let faults = fault::Catalogue::new(&scenario, &managed);
        Ok(Arc::new(Self {
            tick_s,
            order,
            calls,
            entry,
            nodes,
            zone_shift: f32x4::from(zone_shift),
            collector,
            initial_cores,
            decision_s: tick_s * scenario.decision_ticks as f32,
            nominal_per_s,
            faults,
            service_blocks,
            actions,
            action_meanings,
            observation_names,
            service_names: names,
            node_names,
            zone_names,
            services,
            scenario,
        }))
    }

    /// The scenario that it was built from.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Number of services.
    pub fn num_services(&self) -> usize {
        self.services.len()
    }

    /// Number of nodes.
    pub fn num_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Number of zones.
    pub fn num_zones(&self) -> usize {
        self.zone_names.len()
    }

    /// Number of calls, the users' one at the entry not counted.
    pub fn num_calls(&self) -> usize {
        self.calls.len()
    }

    /// Number of (service, zone) groups.
    pub fn num_groups(&self) -> usize {
        self.services.iter().map(|service| service.zones.len()).sum()
    }

    /// Names of the services, in the scenario's order.
    pub fn service_names(&self) -> &[String] {
        &self.service_names
    }

    /// Names of the nodes, in the scenario's order.
    pub fn node_names(&self) -> &[String] {
        &self.node_names
    }

    /// Names of the zones, in the scenario's order.
    pub fn zone_names(&self) -> &[String] {
        &self.zone_names
    }

    /// Number of features in an observation.
    pub fn observation_size(&self) -> usize {
        self.observation_names.len()
    }

    /// One name per feature, in order: `service.<name>.<feature>`, then nodes, zones and the whole. A scenario's padding
    /// has blocks `service.padding-<N>.<feature>` after its services', which are zero.
    pub fn observation_names(&self) -> &[String] {
        &self.observation_names
    }

    /// Where the feature of this name stands in an observation.
    pub fn observation_index(&self, name: &str) -> Option<usize> {
        self.observation_names.iter().position(|candidate| candidate == name)
    }

    /// Number of actions, places that never have one included.
    pub fn num_actions(&self) -> usize {
        self.actions.len()
    }

    /// One description per action, in order.
    pub fn action_meanings(&self) -> &[String] {
        &self.action_meanings
    }

    /// The action of an index, if there is one: padding, and external services in a padded scenario, have none.
    pub fn action(&self, index: usize) -> Option<Action> {
        self.actions.get(index).copied().flatten()
    }

    /// The index of an action, if the scenario has it.
    pub fn action_index(&self, action: Action) -> Option<usize> {
        self.actions.iter().position(|&candidate| candidate == Some(action))
    }

    /// The service of a name.
    pub fn service(&self, name: &str) -> Option<ServiceId> {
        self.service_names.iter().position(|candidate| candidate == name).map(|index| ServiceId(index as u32))
    }

    /// The services that a service calls.
    pub fn callees(&self, service: ServiceId) -> impl Iterator<Item = ServiceId> + '_ {
        self.calls[self.services[service.index()].calls.clone()].iter().map(|call| ServiceId(call.to as u32))
    }

    /// The services that call a service.
    pub fn callers(&self, service: ServiceId) -> impl Iterator<Item = ServiceId> + '_ {
        self.calls.iter().filter(move |call| call.to == service.index()).map(|call| ServiceId(call.from as u32))
    }

    /// The zones that a service runs in.
    pub fn service_zones(&self, service: ServiceId) -> impl Iterator<Item = ZoneId> + '_ {
        self.services[service.index()].zones.iter().map(|&zone| ZoneId(zone as u32))
    }

    /// The zone that a node stands in.
    pub fn node_zone(&self, node: NodeId) -> ZoneId {
        ZoneId(self.nodes[node.index()].zone as u32)
    }

    /// Position of each service in an order in which callers come before callees.
    pub fn depth_order(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.order.iter().map(|&service| ServiceId(service))
    }

    /// Mean requests per second that a service receives at the scenario's nominal load, cache misses at the warm ratio.
    pub fn nominal_requests_per_s(&self, service: ServiceId) -> f32 {
        self.nominal_per_s[service.index()]
    }

    /// Whether a level has no fault.
    pub fn is_control(&self, level: Level) -> bool {
        self.faults.is_control(level)
    }

    /// The first `count` distinct levels of a split that `seed` draws and that are control levels, or are not.
    ///
    /// Fewer come back only where the scenario has hardly any of the kind, e.g. no faults at all.
    pub fn draw_levels(&self, split: Split, seed: u64, count: usize, control: bool) -> Vec<Level> {
        let mut seen = std::collections::BTreeSet::new();
        (0..count as u64 * 64 + 1024)
            .map(|k| Level::draw(split, seed, k))
            .filter(|&level| self.is_control(level) == control && seen.insert(level))
            .take(count)
            .collect()
    }
}

/// Whether the nodes have room for the initial replicas.
pub(crate) fn check_fit(scenario: &Scenario) -> Result<(), String> {
    let nodes = node_tables(scenario);
    let services: Vec<ServiceTable> = scenario
        .services
        .iter()
        .map(|service| service_table(service, zones_of(scenario, service), 0..0, &nodes, scenario.tick_s()))
        .collect();
    check_room(scenario, &services)
}

fn check_room(scenario: &Scenario, services: &[ServiceTable]) -> Result<(), String> {
    let used = cores_used(services);
    for (node, spec) in scenario.nodes.iter().enumerate() {
        if used[node] > spec.cores + 1e-3 {
            return Err(format!(
                "nodes.{}.cores = {}; allowed: at least {}, which the initial replicas request",
                spec.name, spec.cores, used[node]
            ));
        }
    }
    Ok(())
}

fn node_tables(scenario: &Scenario) -> Vec<NodeTable> {
    let zone_of = |name: &str| scenario.zones.iter().position(|zone| zone.name == name).unwrap_or(0);
    scenario.nodes.iter().map(|node| NodeTable { zone: zone_of(&node.zone), cores: node.cores }).collect()
}

/// The zones that a service runs in: those it names, or all.
fn zones_of(scenario: &Scenario, service: &Service) -> Vec<usize> {
    let all = 0..scenario.zones.len();
    all.filter(|&z| service.zones.is_empty() || service.zones.contains(&scenario.zones[z].name)).collect()
}

/// Cores that the services' initial replicas request of each node.
fn cores_used(services: &[ServiceTable]) -> [f32; NODE_LANES] {
    let mut used = [0.0; NODE_LANES];
    for service in services.iter().filter(|service| service.is_managed()) {
        for (lane, replicas) in used.iter_mut().zip(service.placement) {
            *lane += replicas * service.cores;
        }
    }
    used
}

/// Services with callers before callees; among the free ones, the scenario's order decides.
fn topological_order(own_calls: &[Vec<&Call>], index_of: &dyn Fn(&str) -> usize) -> Vec<u32> {
    let mut callers = vec![0_usize; own_calls.len()];
    for call in own_calls.iter().flatten() {
        callers[index_of(&call.to)] += 1;
    }
    let mut free: std::collections::BTreeSet<usize> = (0..callers.len()).filter(|&s| callers[s] == 0).collect();
    let mut order = Vec::with_capacity(callers.len());
    while let Some(service) = free.pop_first() {
        order.push(service as u32);
        for call in &own_calls[service] {
            let callee = index_of(&call.to);
            callers[callee] -= 1;
            if callers[callee] == 0 {
                free.insert(callee);
            }
        }
    }
    order
}

fn nominal_rates(services: &[ServiceTable], calls: &[CallTable], order: &[u32], entry: usize, rate: f32) -> Vec<f32> {
    let mut rates = vec![0.0; services.len()];
    rates[entry] = rate;
    for &service in order {
        let table = &services[service as usize];
        for call in &calls[table.calls.clone()] {
            let share = if call.mode == CallMode::Miss { 1.0 - table.hit_ratio } else { 1.0 };
            rates[call.to] += rates[service as usize] * call.calls * share;
        }
    }
    rates
}
