//! What the agent knows of a topology: who calls whom, which zone a node stands in, where figures lie in the observation.

use std::sync::Arc;

use microcloud_core::{Action, NodeId, ServiceId, Topology, ZoneId};

use super::Remedy;
use crate::detector::IncidentTarget;

/// A topology's tables, compiled once per agent.
pub(crate) struct Targets {
    topology: Arc<Topology>,
    /// Services that each service calls, by index.
    pub callees: Vec<Vec<usize>>,
    /// Calls on the longest way from a service that nobody calls.
    pub depths: Vec<usize>,
    /// The zone of each node.
    pub node_zones: Vec<usize>,
    /// Observation columns, one per service, node or zone; a feature that is absent has none.
    pub running: Vec<Option<usize>>,
    pub utilisation: Vec<Option<usize>>,
    pub pressure: Vec<Option<usize>>,
    pub zone_errors: Vec<Option<usize>>,
}

impl Targets {
    pub fn new(topology: &Arc<Topology>) -> Self {
        let services = topology.service_names();
        let ids = || (0..services.len() as u32).map(ServiceId);
        let callees: Vec<Vec<usize>> =
            ids().map(|service| topology.callees(service).map(ServiceId::index).collect()).collect();
        let columns = |kind: &str, names: &[String], feature: &str| -> Vec<Option<usize>> {
            names.iter().map(|name| topology.observation_index(&format!("{kind}.{name}.{feature}"))).collect()
        };
        Self {
            depths: depths(&callees),
            callees,
            node_zones: (0..topology.num_nodes() as u32).map(|node| topology.node_zone(NodeId(node)).index()).collect(),
            running: columns("service", services, "running"),
            utilisation: columns("service", services, "utilisation_30s"),
            pressure: columns("node", topology.node_names(), "cpu_pressure"),
            zone_errors: columns("zone", topology.zone_names(), "error_ratio"),
            topology: Arc::clone(topology),
        }
    }

    pub fn num_actions(&self) -> usize {
        self.topology.num_actions()
    }

    /// Services, nodes, zones and the cluster together.
    pub fn len(&self) -> usize {
        self.topology.num_services() + self.topology.num_nodes() + self.topology.num_zones() + 1
    }

    /// A target's place among all of them.
    pub fn place(&self, target: IncidentTarget) -> usize {
        let (services, nodes) = (self.topology.num_services(), self.topology.num_nodes());
        match target {
            IncidentTarget::Service(id) => id.index(),
            IncidentTarget::Node(id) => services + id.index(),
            IncidentTarget::Zone(id) => services + nodes + id.index(),
            IncidentTarget::Global => self.len() - 1,
        }
    }

    /// The target that an action is aimed at.
    pub fn of_action(&self, action: usize) -> Option<(Action, IncidentTarget)> {
        let action = self.topology.action(action)?;
        let target = match action {
            Action::NoOp => return None,
            Action::Restart(id) | Action::ScaleUp(id) | Action::ScaleDown(id) => IncidentTarget::Service(id),
            Action::Drain(id) | Action::Return(id) => IncidentTarget::Node(id),
            Action::Rebalance(id) => IncidentTarget::Zone(id),
            Action::Rollback(id)
            | Action::OpenBreaker(id)
            | Action::CloseBreaker(id)
            | Action::FlushQueue(id)
            | Action::FailOver(id)
            | Action::LengthenTtl(id)
            | Action::EnlargeCache(id)
            | Action::RotateSecret(id) => IncidentTarget::Service(id),
            Action::ClearDisk(id) => IncidentTarget::Node(id),
            Action::RebalanceAll
            | Action::Shed(_)
            | Action::DisableRetries
            | Action::EnableRetries
            | Action::PageHuman => IncidentTarget::Global,
        };
        Some((action, target))
    }

    /// The action's index where the topology has it and the mask allows it.
    pub fn legal(&self, action: Action, mask: &[bool]) -> Option<usize> {
        self.topology.action_index(action).filter(|&index| mask.get(index).copied().unwrap_or(false))
    }

    /// The node, of one zone or of all, that can be drained and has the highest CPU pressure.
    pub fn hottest_node(&self, zone: Option<ZoneId>, observation: &[f32], mask: &[bool]) -> Option<NodeId> {
        let nodes = (0..self.node_zones.len()).filter(|&node| {
            zone.is_none_or(|zone| self.node_zones[node] == zone.index())
                && self.legal(Action::Drain(NodeId(node as u32)), mask).is_some()
        });
        let hottest =
            nodes.map(|node| (value(self.pressure[node], observation), node)).max_by(|a, b| a.0.total_cmp(&b.0));
        hottest.map(|(_, node)| NodeId(node as u32))
    }

    /// The zone with the highest error ratio.
    pub fn worst_zone(&self, observation: &[f32]) -> Option<ZoneId> {
        let zones = self.zone_errors.iter().enumerate().map(|(zone, &column)| (value(column, observation), zone));
        zones.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, zone)| ZoneId(zone as u32))
    }

    /// The remedy aimed at a target, where it makes sense there.
    pub fn aim(&self, remedy: Remedy, target: IncidentTarget, observation: &[f32], mask: &[bool]) -> Option<Action> {
        match (remedy, target) {
            (Remedy::Restart, IncidentTarget::Service(id)) => Some(Action::Restart(id)),
            (Remedy::ScaleUp, IncidentTarget::Service(id)) => Some(Action::ScaleUp(id)),
            (Remedy::ScaleDown, IncidentTarget::Service(id)) => Some(Action::ScaleDown(id)),
            (Remedy::Restart | Remedy::ScaleUp | Remedy::ScaleDown, _) => None,
            (Remedy::Drain, IncidentTarget::Node(id)) => Some(Action::Drain(id)),
            (Remedy::Drain, IncidentTarget::Zone(id)) => {
                self.hottest_node(Some(id), observation, mask).map(Action::Drain)
            }
            (Remedy::Drain, _) => self.hottest_node(None, observation, mask).map(Action::Drain),
            (Remedy::Rebalance, IncidentTarget::Zone(id)) => Some(Action::Rebalance(id)),
            (Remedy::Rebalance, IncidentTarget::Node(id)) => {
                Some(Action::Rebalance(ZoneId(self.node_zones[id.index()] as u32)))
            }
            (Remedy::Rebalance, _) => self.worst_zone(observation).map(Action::Rebalance),
            (Remedy::RebalanceAll, _) => Some(Action::RebalanceAll),
        }
    }

    /// A target's name; empty for the cluster.
    pub fn name(&self, target: IncidentTarget) -> &str {
        target.name(&self.topology)
    }

    pub fn services(&self) -> impl Iterator<Item = ServiceId> {
        (0..self.callees.len() as u32).map(ServiceId)
    }
}

/// The value in a column of the observation; 0 where there is no such column.
pub(crate) fn value(column: Option<usize>, observation: &[f32]) -> f32 {
    column.and_then(|column| observation.get(column)).copied().unwrap_or(0.0)
}

/// Longest distance from a service without callers; the graph has no cycles, so `n` rounds settle it.
fn depths(callees: &[Vec<usize>]) -> Vec<usize> {
    let mut depths = vec![0; callees.len()];
    for _ in 0..callees.len() {
        let mut changed = false;
        for (caller, called) in callees.iter().enumerate() {
            for &callee in called {
                if depths[callee] < depths[caller] + 1 {
                    depths[callee] = depths[caller] + 1;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    #[test]
    fn depth_is_the_longest_way_down() {
        assert_eq!(super::depths(&[vec![1, 2], vec![2], vec![3], vec![]]), [0, 1, 2, 3]);
    }
}
