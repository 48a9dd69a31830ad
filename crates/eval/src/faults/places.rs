//! Where a card's places lie in an episode, and which actions its remedies are there.

use microcloud_core::{
    Action, CallMode, Environment, FaultReport, FaultTarget, NodeId, Place, Remedy, ServiceId, Topology,
};

/// Most services that count as the busiest.
const BUSIEST: usize = 6;
/// Times that a user's request needs a service from which on it can be one of the busiest.
const NEEDED: f32 = 0.25;

/// The level's only fault, a red herring included.
pub(super) fn fault_of(environment: &Environment) -> Option<FaultReport> {
    environment.faults().first().or(environment.herrings().first()).copied()
}

/// The services, nodes or zones of a place, seen from what a fault strikes, after its onset.
pub(super) fn resolve(environment: &Environment, fault: &FaultReport, place: Place) -> Vec<FaultTarget> {
    let topology = environment.topology();
    let struck = || environment.struck_nodes(fault);
    match (place, fault.target) {
        (Place::Target, target) => vec![target],
        (Place::Callers, FaultTarget::Service(service)) => services(topology.callers(service)),
        (Place::Callees, FaultTarget::Service(service)) => services(topology.callees(service)),
        (Place::Callers | Place::Callees, _) => Vec::new(),
        (Place::Nodes, _) => struck().into_iter().map(FaultTarget::Node).collect(),
        (Place::OtherNode, _) => {
            let struck = struck();
            let mut others = (0..topology.num_nodes() as u32).map(NodeId).filter(|node| !struck.contains(node));
            others.next().map(FaultTarget::Node).into_iter().collect()
        }
        (Place::Zone, _) => {
            let mut zones: Vec<_> = struck().into_iter().map(|node| topology.node_zone(node)).collect();
            zones.dedup();
            zones.into_iter().map(FaultTarget::Zone).collect()
        }
        (Place::Busiest, _) => services(busiest(topology).into_iter()),
        (Place::Cluster, _) => vec![FaultTarget::Cluster],
    }
}

/// The same services as places, each once.
fn services(all: impl Iterator<Item = ServiceId>) -> Vec<FaultTarget> {
    let mut places = Vec::new();
    for place in all.map(FaultTarget::Service) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The services of our own that requests need, those with the most work; callees before callers, since whoever lets more
/// in before what lies behind can take it makes things worse.
fn busiest(topology: &Topology) -> Vec<ServiceId> {
    let needed = needed(topology);
    let services = &topology.scenario().services;
    let work =
        |service: &ServiceId| topology.nominal_requests_per_s(*service) * services[service.index()].service_time_ms;
    let ours = |service: &ServiceId| topology.action_index(Action::Restart(*service)).is_some();
    let mut busiest: Vec<ServiceId> =
        topology.depth_order().filter(|service| needed[service.index()] >= NEEDED && ours(service)).collect();
    busiest.sort_by(|a, b| work(b).total_cmp(&work(a)));
    busiest.truncate(BUSIEST);
    let order: Vec<ServiceId> = topology.depth_order().collect();
    order.into_iter().rev().filter(|service| busiest.contains(service)).collect()
}

/// By service, how often a user's request needs it: waits for it, or leaves it a message in a queue that fills.
fn needed(topology: &Topology) -> Vec<f32> {
    let scenario = topology.scenario();
    let mut needed = vec![0.0; topology.num_services()];
    if let Some(entry) = topology.service(&scenario.workload.entry) {
        needed[entry.index()] = 1.0;
    }
    for caller in topology.depth_order() {
        let table = &scenario.services[caller.index()];
        for call in scenario.calls.iter().filter(|call| call.from == table.name) {
            let share = match call.mode {
                CallMode::Sync | CallMode::Consume => 1.0,
                CallMode::Miss => table.cache.as_ref().map_or(1.0, |cache| 1.0 - cache.hit_ratio),
                CallMode::Async => 0.0,
            };
            if let Some(callee) = topology.service(&call.to) {
                needed[callee.index()] += needed[caller.index()] * call.calls * share;
            }
        }
    }
    needed
}

/// A remedy at a place, where the scenario has such an action.
pub(super) fn action(topology: &Topology, remedy: Remedy, place: FaultTarget) -> Option<Action> {
    let action = match (remedy, place) {
        (Remedy::Restart, FaultTarget::Service(service)) => Action::Restart(service),
        (Remedy::ScaleUp, FaultTarget::Service(service)) => Action::ScaleUp(service),
        (Remedy::ScaleDown, FaultTarget::Service(service)) => Action::ScaleDown(service),
        (Remedy::Drain, FaultTarget::Node(node)) => Action::Drain(node),
        (Remedy::Return, FaultTarget::Node(node)) => Action::Return(node),
        (Remedy::Rebalance, FaultTarget::Zone(zone)) => Action::Rebalance(zone),
        (Remedy::RebalanceAll, _) => Action::RebalanceAll,
        (Remedy::Rollback, FaultTarget::Service(service)) => Action::Rollback(service),
        (Remedy::Shed(percent), _) => Action::Shed(percent),
        (Remedy::OpenBreaker, FaultTarget::Service(service)) => Action::OpenBreaker(service),
        (Remedy::CloseBreaker, FaultTarget::Service(service)) => Action::CloseBreaker(service),
        (Remedy::FlushQueue, FaultTarget::Service(service)) => Action::FlushQueue(service),
        (Remedy::DisableRetries, _) => Action::DisableRetries,
        (Remedy::FailOver, FaultTarget::Service(service)) => Action::FailOver(service),
        (Remedy::ClearDisk, FaultTarget::Node(node)) => Action::ClearDisk(node),
        (Remedy::RotateSecret, FaultTarget::Service(service)) => Action::RotateSecret(service),
        (Remedy::PageHuman, _) => Action::PageHuman,
        _ => return None,
    };
    topology.action_index(action).map(|_| action)
}
