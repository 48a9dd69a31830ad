//! The actions of a policy: one discrete choice, in blocks by kind and in the scenario's order within a block.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{NodeId, ServiceId, ZoneId},
    scenario::ActionSet,
};

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
    /// Go back to a service's last good version or configuration, and restart it in turn.
    Rollback(ServiceId),
    /// Turn away this percentage of the users' requests at the edge, those of low priority first.
    Shed(u8),
    /// Hold the breakers of every call to a service open.
    OpenBreaker(ServiceId),
    /// Let the breakers of every call to a service work by themselves again.
    CloseBreaker(ServiceId),
    /// Drop every message that a broker holds.
    FlushQueue(ServiceId),
    /// Let no call be tried again.
    DisableRetries,
    /// Let calls be tried again as configured.
    EnableRetries,
    /// Make another member of a database the primary.
    FailOver(ServiceId),
    /// Remove logs from a node's disk.
    ClearDisk(NodeId),
    /// Issue a new secret for a service and give it to its callers.
    RotateSecret(ServiceId),
    /// Let a cache's entries live twice as long, up to eight times as configured.
    LengthenTtl(ServiceId),
    /// Give a cache's replicas room for twice as many entries, up to four times as configured, at the price of memory.
    EnlargeCache(ServiceId),
    /// Page a human, who mends what is broken some minutes later, at a price.
    PageHuman,
    /// Add a replica to a service: the action that only tests have.
    #[cfg(test)]
    Nudge(ServiceId),
}

/// Percentages of load that can be shed.
pub const SHED_PERCENT: [u8; 4] = [0, 25, 50, 75];

/// The services that an extended action makes sense for.
pub(crate) struct Targets {
    pub managed: Vec<bool>,
    pub called: Vec<bool>,
    pub brokers: Vec<bool>,
    pub caches: Vec<bool>,
    pub databases: Vec<bool>,
}

/// Names of the places beyond the services.
pub(crate) fn padding(services: usize, padded: usize) -> impl Iterator<Item = String> {
    (1..=padded.saturating_sub(services)).map(|number| format!("{PADDING}{number}"))
}

/// What the name of a place without a service begins with.
pub(crate) const PADDING: &str = "padding-";

/// Every action of a scenario, or a place that never has one, and what it means.
///
/// External services are nobody's to restart or scale: they have no place there, unless places are padded; then every
/// place up to that number exists, and those without a service to act on are never legal. One zone has no balance.
pub(crate) fn table(
    services: &[String],
    padded: Option<usize>,
    targets: &Targets,
    nodes: &[String],
    zones: &[String],
    set: ActionSet,
) -> (Vec<Option<Action>>, Vec<String>) {
    let of_services = |verb: &'static str, make: fn(ServiceId) -> Action, which: &[bool]| {
        let own = services.iter().zip(which).enumerate();
        let mut places: Vec<_> = own
            .map(|(s, (name, &fits))| (fits.then_some(make(ServiceId(s as u32))), format!("{verb}({name})")))
            .collect();
        match padded {
            Some(padded) => {
                places.extend(padding(services.len(), padded).map(|name| (None, format!("{verb}({name})"))));
            }
            None => places.retain(|(action, _)| action.is_some()),
        }
        places
    };
    let of_nodes = |verb: &'static str, make: fn(NodeId) -> Action| {
        let each = nodes.iter().enumerate();
        each.map(move |(n, name)| (Some(make(NodeId(n as u32))), format!("{verb}({name})")))
    };
    let mut actions = vec![(Some(Action::NoOp), "no-op".to_owned())];
    actions.extend(of_services("restart", Action::Restart, &targets.managed));
    actions.extend(of_services("scale up", Action::ScaleUp, &targets.managed));
    actions.extend(of_services("scale down", Action::ScaleDown, &targets.managed));
    actions.extend(of_nodes("drain", Action::Drain));
    actions.extend(of_nodes("return", Action::Return));
    if zones.len() > 1 {
        let each = zones.iter().enumerate();
        actions.extend(each.map(|(z, name)| (Some(Action::Rebalance(ZoneId(z as u32))), format!("rebalance({name})"))));
        actions.push((Some(Action::RebalanceAll), "rebalance(all)".to_owned()));
    }
    if set == ActionSet::Extended {
        actions.extend(of_services("rollback", Action::Rollback, &targets.managed));
        actions.extend(of_services("open breaker", Action::OpenBreaker, &targets.called));
        actions.extend(of_services("close breaker", Action::CloseBreaker, &targets.called));
        actions.extend(of_services("flush queue", Action::FlushQueue, &targets.brokers));
        actions.extend(of_services("fail over", Action::FailOver, &targets.databases));
        actions.extend(of_services("rotate secret", Action::RotateSecret, &targets.called));
        actions.extend(of_services("lengthen ttl", Action::LengthenTtl, &targets.caches));
        actions.extend(of_services("enlarge cache", Action::EnlargeCache, &targets.caches));
        #[cfg(test)]
        actions.extend(of_services("nudge", Action::Nudge, &targets.managed));
        actions.extend(of_nodes("clear disk", Action::ClearDisk));
        actions.extend(SHED_PERCENT.map(|percent| (Some(Action::Shed(percent)), format!("shed load({percent} %)"))));
        let whole = [
            (Action::DisableRetries, "disable retries"),
            (Action::EnableRetries, "enable retries"),
            (Action::PageHuman, "page a human"),
        ];
        actions.extend(whole.map(|(action, meaning)| (Some(action), meaning.to_owned())));
    }
    actions.into_iter().unzip()
}
