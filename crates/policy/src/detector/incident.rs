//! What a rule reports about one service, node or zone.

use microcloud_core::{NodeId, ServiceId, Topology, ZoneId};
use serde::{Deserialize, Serialize};

use super::Severity;

/// A rule's finding, from detection to resolution.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// How grave it is, 1 to 4.
    pub severity: Severity,
    /// One line for a feed, e.g. `error_rate_high on auth`.
    pub title: String,
    /// The metric, its value and the threshold.
    pub description: String,
    /// The rule that found it.
    pub rule_name: String,
    /// `service`, `node`, `zone` or `global`.
    pub target_kind: &'static str,
    /// The name of the service, node or zone; empty for `global`.
    pub target: String,
    /// Seconds from the episode's start at which the rule first held.
    pub detected_at: f64,
    /// The tick of the observation in which the rule first held.
    pub tick_id: u64,
    /// Whether the rule has ceased to hold.
    pub resolved: bool,
}

/// An incident as a table stores it: S1's columns and an id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// As [`Incident::id`].
    pub id: String,
    /// How grave it is, 1 to 4.
    pub severity: Severity,
    /// One line for a feed.
    pub title: String,
    /// What was seen.
    pub description: String,
    /// The rule that found it.
    pub rule_name: String,
    /// Seconds from the episode's start at which the rule first held.
    pub detected_at: f64,
    /// The tick of the observation in which the rule first held.
    pub tick_id: u64,
    /// Whether the rule has ceased to hold.
    pub resolved: bool,
}

impl Incident {
    /// `<rule_name>:<kind>.<target>:<tick_id>`, unique in an episode and the same from opening to resolution.
    pub fn id(&self) -> String {
        format!("{}:{}.{}:{}", self.rule_name, self.target_kind, self.target, self.tick_id)
    }

    /// The incident as a row of a table; the target is in its id and title.
    pub fn row(&self) -> IncidentRow {
        IncidentRow {
            id: self.id(),
            severity: self.severity,
            title: self.title.clone(),
            description: self.description.clone(),
            rule_name: self.rule_name.clone(),
            detected_at: self.detected_at,
            tick_id: self.tick_id,
            resolved: self.resolved,
        }
    }
}

/// What an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentTarget {
    /// The cluster as users see it.
    Global,
    /// A service.
    Service(ServiceId),
    /// A node.
    Node(NodeId),
    /// A zone.
    Zone(ZoneId),
}

impl IncidentTarget {
    /// The first part of the target's observation names.
    pub fn kind(self) -> &'static str {
        match self {
            IncidentTarget::Global => "global",
            IncidentTarget::Service(_) => "service",
            IncidentTarget::Node(_) => "node",
            IncidentTarget::Zone(_) => "zone",
        }
    }

    /// The target's name in the topology; empty for the cluster.
    pub fn name(self, topology: &Topology) -> &str {
        let (names, index) = match self {
            IncidentTarget::Global => return "",
            IncidentTarget::Service(id) => (topology.service_names(), id.index()),
            IncidentTarget::Node(id) => (topology.node_names(), id.index()),
            IncidentTarget::Zone(id) => (topology.zone_names(), id.index()),
        };
        names.get(index).map_or("", String::as_str)
    }

    /// The targets of a kind, in the topology's order; none where the kind is unknown.
    pub(crate) fn of_kind(kind: &str, topology: &Topology) -> Vec<Self> {
        match kind {
            "global" => vec![IncidentTarget::Global],
            "service" => (0..topology.num_services() as u32).map(|id| IncidentTarget::Service(ServiceId(id))).collect(),
            "node" => (0..topology.num_nodes() as u32).map(|id| IncidentTarget::Node(NodeId(id))).collect(),
            "zone" => (0..topology.num_zones() as u32).map(|id| IncidentTarget::Zone(ZoneId(id))).collect(),
            _ => Vec::new(),
        }
    }

    /// The name of one of the target's observation features.
    pub(crate) fn feature(self, topology: &Topology, feature: &str) -> String {
        match self {
            IncidentTarget::Global => format!("global.{feature}"),
            _ => format!("{}.{}.{feature}", self.kind(), self.name(topology)),
        }
    }
}
