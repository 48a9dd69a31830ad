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

/// Every action of a scenario and what it means. External services are nobody's to act on; one zone has no balance.
pub(crate) fn table(
    services: &[String],
    managed: &[bool],
    nodes: &[String],
    zones: &[String],
) -> (Vec<Action>, Vec<String>) {
    let own = || (0..services.len()).filter(|&service| managed[service]);
    let mut actions = vec![(Action::NoOp, "no-op".to_owned())];
    actions.extend(own().map(|s| (Action::Restart(ServiceId(s as u32)), format!("restart({})", services[s]))));
    actions.extend(own().map(|s| (Action::ScaleUp(ServiceId(s as u32)), format!("scale up({})", services[s]))));
    actions.extend(own().map(|s| (Action::ScaleDown(ServiceId(s as u32)), format!("scale down({})", services[s]))));
    actions
        .extend(nodes.iter().enumerate().map(|(n, name)| (Action::Drain(NodeId(n as u32)), format!("drain({name})"))));
    actions.extend(
        nodes.iter().enumerate().map(|(n, name)| (Action::Return(NodeId(n as u32)), format!("return({name})"))),
    );
    if zones.len() > 1 {
        let each = zones.iter().enumerate();
        actions.extend(each.map(|(z, name)| (Action::Rebalance(ZoneId(z as u32)), format!("rebalance({name})"))));
        actions.push((Action::RebalanceAll, "rebalance(all)".to_owned()));
    }
    actions.into_iter().unzip()
}
