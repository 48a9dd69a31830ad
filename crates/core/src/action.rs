//! The actions of a policy: one discrete choice, in blocks by kind and in the scenario's order within a block.

use serde::{Deserialize, Serialize};

use crate::ids::{NodeId, ServiceId, ZoneId};

/// One recovery action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Do nothing.
    NoOp,
    /// Restart every replica of a service, impaired ones first, at most max(1, 25 %) down at once.
    Restart(ServiceId),
    /// Add max(1, 25 %) replicas to a service.
    ScaleUp(ServiceId),
    /// Remove max(1, 25 %) replicas from a service.
    ScaleDown(ServiceId),
    /// Move every replica off a node and place none there.
    Drain(NodeId),
    /// Let a drained node take replicas again.
    Return(NodeId),
    /// Shift half of a zone's traffic weight to the others, in proportion to their ready capacity.
    Rebalance(ZoneId),
    /// Set every zone's traffic weight in proportion to its ready capacity.
    RebalanceAll,
}

/// What the service blocks of the table are about: a name, and the service where there is one to act on.
pub(crate) type ServicePlace = (String, Option<ServiceId>);

/// The services that actions have places for. External services are nobody's to act on: they have no place, unless places
/// are padded; then every place up to that number exists, and those without a service of ours are never legal.
pub(crate) fn service_places(services: &[String], managed: &[bool], padded: Option<usize>) -> Vec<ServicePlace> {
    let own = services.iter().zip(managed).enumerate();
    let own = own.map(|(s, (name, &managed))| (name.clone(), managed.then_some(ServiceId(s as u32))));
    match padded {
        Some(padded) => own.chain(padding(services.len(), padded).map(|name| (name, None))).collect(),
        None => own.filter(|(_, service)| service.is_some()).collect(),
    }
}

/// Names of the places beyond the services.
pub(crate) fn padding(services: usize, padded: usize) -> impl Iterator<Item = String> {
    (1..=padded.saturating_sub(services)).map(|number| format!("{PADDING}{number}"))
}

/// What the name of a place without a service begins with.
pub(crate) const PADDING: &str = "padding-";

/// Every action of a scenario, or a place that never has one, and what it means. One zone has no balance.
pub(crate) fn table(
    services: &[ServicePlace],
    nodes: &[String],
    zones: &[String],
) -> (Vec<Option<Action>>, Vec<String>) {
    let each = |what: &'static str, make: fn(ServiceId) -> Action| {
        services.iter().map(move |(name, service)| (service.map(make), format!("{what}({name})")))
    };
    let mut actions = vec![(Some(Action::NoOp), "no-op".to_owned())];
    actions.extend(each("restart", Action::Restart));
    actions.extend(each("scale up", Action::ScaleUp));
    actions.extend(each("scale down", Action::ScaleDown));
    let node = |n: usize| NodeId(n as u32);
    actions.extend(nodes.iter().enumerate().map(|(n, name)| (Some(Action::Drain(node(n))), format!("drain({name})"))));
    actions
        .extend(nodes.iter().enumerate().map(|(n, name)| (Some(Action::Return(node(n))), format!("return({name})"))));
    if zones.len() > 1 {
        let each = zones.iter().enumerate();
        actions.extend(each.map(|(z, name)| (Some(Action::Rebalance(ZoneId(z as u32))), format!("rebalance({name})"))));
        actions.push((Some(Action::RebalanceAll), "rebalance(all)".to_owned()));
    }
    actions.into_iter().unzip()
}
