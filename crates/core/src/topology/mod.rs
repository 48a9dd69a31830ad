//! The immutable tables built once from a scenario: services in topological order, calls by caller, actions, names.

mod ablation;
mod callers;
mod entities;
mod queues;
mod tables;
mod users;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use tables::{
    AutoscalerTable, COLD_LOSS, COLLECTION_LOSS, CallTable, DatabaseTable, NodeTable, OutlierTable, ServiceTable,
    TenantTable,
};
use tables::{call_table, service_table};

use crate::{
    action::{self, Action},
    fault,
    hash::fnv1a,
    ids::{NodeId, ServiceId, ZoneId},
    lanes::{NODE_LANES, ZONE_LANES, exp_scalar, f32x4},
    level::{Level, Split},
    observation,
    queueing::QueueTable,
    rules::{Rule, RulesOff},
    scenario::{Call, CallMode, Node, Scenario, ScenarioError, Service, ServiceClass},
    simulation::{replicas, responses, settling},
};

/// Everything about a cluster that an episode cannot change; shared by every environment of a batch.
#[derive(Debug)]
pub struct Topology {
    scenario: Scenario,
    /// Hash of the scenario's text, by which snapshots know it.
    pub(crate) scenario_hash: u64,
    pub(crate) tick_s: f32,
    pub(crate) services: Vec<ServiceTable>,
    /// Service indices, callers before callees.
    pub(crate) order: Vec<u32>,
    /// Calls, grouped by caller.
    pub(crate) calls: Vec<CallTable>,
    /// What users do at each entry service, as calls without a caller.
    pub(crate) entries: Vec<CallTable>,
    /// Who the users are: at least one tenant.
    pub(crate) tenants: Vec<TenantTable>,
    pub(crate) databases: Vec<DatabaseTable>,
    pub(crate) autoscalers: Vec<AutoscalerTable>,
    /// Seconds from a zone (lane) to each zone (row), where zones are apart at all.
    pub(crate) zone_latency_s: Option<[f32x4; ZONE_LANES]>,
    /// Cores that may be requested in each zone.
    pub(crate) zone_quota: [f32; ZONE_LANES],
    /// By service.
    pub(crate) queues: Vec<Arc<QueueTable>>,
    /// Shortest and longest wait of the supervisor.
    pub(crate) crash_backoff_s: (f32, f32),
    /// Below this share of replicas in rotation, traffic goes to all of them.
    pub(crate) panic_ratio: f32,
    pub(crate) actuation_ticks: u64,
    pub(crate) steps: Steps,
    pub(crate) is_noisy: bool,
    pub(crate) telemetry_noise: f32,
    pub(crate) telemetry_loss: f32,
    pub(crate) spread_factor: f32,
    pub(crate) conserves_priority: bool,
    pub(crate) disks_fill: bool,
    pub(crate) control_plane: Option<usize>,
    pub(crate) rules_off: RulesOff,
    pub(crate) nodes: Vec<NodeTable>,
    /// Factor by which the gap between a zone's weight and its target closes in a tick.
    pub(crate) zone_shift: f32x4,
    pub(crate) collector: Option<usize>,
    /// Cores that the initial replicas request, by price.
    pub(crate) initial_cost: f32,
    pub(crate) decision_s: f32,
    /// Mean user requests per second with every level factor at 1, per service.
    pub(crate) nominal_per_s: Vec<f32>,
    /// Shares that the state keeps of those out of rotation, by checks passed in a row, over all services.
    pub(crate) num_pass_runs: usize,
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

/// Shares of the way to its input that each smoothed quantity goes in a tick.
#[derive(Debug)]
pub(crate) struct Steps {
    pub breaker: f32,
    pub throttle: f32,
    pub bad: f32,
    /// Share of the cold replicas that warm up.
    pub warm: f32,
}

impl Steps {
    fn new(tick_s: f32) -> Self {
        let step = |seconds: f32| 1.0 - exp_scalar(-tick_s / seconds);
        Self {
            breaker: step(settling::BREAKER_WINDOW_S),
            throttle: step(settling::THROTTLE_WINDOW_S),
            bad: step(responses::BAD_WINDOW_S),
            warm: step(replicas::WARM_UP_S),
        }
    }
}

/// Share of memory in use beyond which garbage collection takes time.
pub(crate) const COLLECTION_BEGINS: f32 = 0.7;
/// Stages of the retry delay chain.
pub(crate) const DELAY_STAGES: usize = 4;
/// Retries that a call may have at most.
pub(crate) const MOST_RETRIES: usize = 8;
/// Price of a core that may be taken back, relative to one that may not (providers advertise 60 to 90 % off).
const SPOT_PRICE: f32 = 0.3;
/// Below this share of replicas in rotation, traffic goes to all of them (Envoy's panic threshold).
const PANIC_RATIO: f32 = 0.5;
/// First and longest delay of the supervisor before it starts a crashed replica again (Kubernetes' CrashLoopBackOff).
const CRASH_BACKOFF_S: (f32, f32) = (10.0, 300.0);
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

        let rules_off = RulesOff::new(&scenario.rules_off);
        let (mut entries, mut tenants) = users::tables(&scenario, &index_of, tick_s);
        let mut databases = entities::databases(&scenario, tick_s);
        let mut autoscalers = entities::autoscalers(&scenario, tick_s);
        let mut nodes = nodes;
        let workload = &scenario.workload;
        ablation::switch_off(
            &rules_off,
            tick_s,
            ablation::Tables {
                services: &mut services,
                calls: &mut calls,
                entries: &mut entries,
                tenants: &mut tenants,
                databases: &mut databases,
                autoscalers: &mut autoscalers,
                nodes: &mut nodes,
            },
        );
        callers::note(&mut services, &calls);
        let mut num_pass_runs = 0;
        for service in &mut services {
            service.first_pass_run = num_pass_runs;
            num_pass_runs += 2 * (service.check_successes - 1);
        }
        let on = |rule: Rule| !rules_off.rule(rule);
        let used = cores_used(&services);
        let initial_cost = nodes.iter().zip(used).map(|(node, cores)| cores * node.price).sum::<f32>();
        let nominal_per_s = nominal_rates(&services, &calls, &order, &entries, &tenants, workload.rate_per_s);
        let mut zone_shift = [1.0; ZONE_LANES];
        for (lane, zone) in zone_shift.iter_mut().zip(&scenario.zones) {
            *lane =
                if zone.shift_s > 0.0 && on(Rule::ShiftLag) { 1.0 - exp_scalar(-tick_s / zone.shift_s) } else { 1.0 };
        }
        let zone_names: Vec<String> = scenario.zones.iter().map(|zone| zone.name.clone()).collect();
        let node_names: Vec<String> = scenario.nodes.iter().map(|node| node.name.clone()).collect();
        let managed: Vec<bool> = services.iter().map(ServiceTable::is_managed).collect();
        let of_class = |class: ServiceClass| services.iter().map(|service| service.class == class).collect();
        let mut called = vec![false; services.len()];
        calls.iter().for_each(|call| called[call.to] = true);
        let targets = action::Targets {
            managed: managed.clone(),
            called,
            brokers: of_class(ServiceClass::Broker),
            caches: of_class(ServiceClass::Cache),
            databases: of_class(ServiceClass::Database),
        };
        let padded = scenario.padded_services.map(|padded| padded as usize);
        let (actions, action_meanings) =
            action::table(&names, padded, &targets, &node_names, &zone_names, scenario.actions);
        let service_blocks = padded.unwrap_or(0).max(names.len());
        let blocks: Vec<String> = names.iter().cloned().chain(action::padding(names.len(), service_blocks)).collect();
        let observation_names = observation::names(&blocks, &node_names, &zone_names);
        let collector = scenario.telemetry.collector.as_deref().map(index_of);
        let faults = fault::Catalogue::new(&scenario, &managed);
        Ok(Arc::new(Self {
            scenario_hash: fnv1a(scenario.to_toml().as_bytes()),
            tick_s,
            order,
            calls,
            entries,
            tenants,
            databases,
            autoscalers,
            nodes,
            zone_latency_s: entities::zone_latency(&scenario).filter(|_| on(Rule::ZoneLatency)),
            zone_quota: entities::zone_quota(&scenario, on(Rule::ZoneQuota)),
            queues: queues::tables(&services, on(Rule::Queue)),
            crash_backoff_s: if on(Rule::RestartBackOff) { CRASH_BACKOFF_S } else { (0.0, 0.0) },
            panic_ratio: if on(Rule::PanicRouting) { PANIC_RATIO } else { 0.0 },
            actuation_ticks: if on(Rule::ActuationDelay) {
                (scenario.actuation_delay_s / tick_s).round() as u64
            } else {
                0
            },
            steps: Steps::new(tick_s),
            is_noisy: on(Rule::ArrivalNoise),
            telemetry_noise: if on(Rule::TelemetryNoise) { scenario.telemetry.noise } else { 0.0 },
            telemetry_loss: if on(Rule::TelemetryNoise) { scenario.telemetry.loss } else { 0.0 },
            spread_factor: if on(Rule::Spread) { 1.0 } else { 0.0 },
            conserves_priority: on(Rule::Priority),
            disks_fill: on(Rule::Disk),
            control_plane: scenario.control_plane.as_deref().map(index_of).filter(|_| on(Rule::ControlPlane)),
            rules_off,
            zone_shift: f32x4::from(zone_shift),
            collector,
            initial_cost,
            decision_s: tick_s * scenario.decision_ticks as f32,
            nominal_per_s,
            num_pass_runs,
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

    /// Every action's place.
    pub(crate) fn actions(&self) -> &[Option<Action>] {
        &self.actions
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
    for zone in &scenario.zones {
        let inside = scenario.nodes.iter().zip(used).filter(|(node, _)| node.zone == zone.name);
        let cores: f32 = inside.map(|(_, cores)| cores).sum();
        if let Some(quota) = zone.quota_cores.filter(|&quota| cores > quota + 1e-3) {
            return Err(format!(
                "zones.{}.quota_cores = {quota}; allowed: at least {cores}, which the initial replicas request",
                zone.name
            ));
        }
    }
    Ok(())
}

fn node_tables(scenario: &Scenario) -> Vec<NodeTable> {
    let zone_of = |name: &str| scenario.zones.iter().position(|zone| zone.name == name).unwrap_or(0);
    let table = |node: &Node| {
        let zone = zone_of(&node.zone);
        let price = scenario.zones[zone].price * if node.spot { SPOT_PRICE } else { 1.0 };
        NodeTable { zone, cores: node.cores, price, startup_factor: scenario.zones[zone].startup_factor }
    };
    scenario.nodes.iter().map(table).collect()
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

fn nominal_rates(
    services: &[ServiceTable],
    calls: &[CallTable],
    order: &[u32],
    entries: &[CallTable],
    tenants: &[TenantTable],
    rate: f32,
) -> Vec<f32> {
    let mut rates = vec![0.0; services.len()];
    for tenant in tenants {
        rates[entries[tenant.entry].to] += rate * tenant.share;
    }
    for &service in order {
        let table = &services[service as usize];
        for call in &calls[table.calls.clone()] {
            let share = if call.mode == CallMode::Miss { 1.0 - table.hit_ratio } else { 1.0 };
            let asked = call.quorum.map_or(1.0, |_| services[call.to].replicas);
            rates[call.to] += rates[service as usize] * call.calls * share * asked;
        }
    }
    rates
}
