//! A fault of a level: when it strikes, what, and how hard.

use serde::{Deserialize, Serialize};

use crate::{
    fault::FaultId,
    ids::{NodeId, ServiceId, ZoneId},
    scenario::{Service, ServiceClass},
};

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultTarget {
    /// The whole cluster.
    Cluster,
    /// One service.
    Service(ServiceId),
    /// One node.
    Node(NodeId),
    /// One zone.
    Zone(ZoneId),
}

/// What a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Cluster,
    Service,
    Cache,
    Broker,
    Database,
    /// A service that issues sessions.
    Sessions,
    External,
    Node,
    /// A node that the provider may take back, where the scenario has any, else any node.
    SpotNode,
    Zone,
}

impl TargetKind {
    /// Whether a service is of a kind that only some are.
    pub fn fits(self, service: &Service) -> bool {
        match self {
            Self::Cache => service.class == ServiceClass::Cache,
            Self::Broker => service.class == ServiceClass::Broker,
            Self::Database => service.class == ServiceClass::Database,
            Self::External => service.class == ServiceClass::External,
            Self::Sessions => service.sessions.is_some(),
            _ => true,
        }
    }

    /// What a user calls it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Service => "service",
            Self::Cache => "cache",
            Self::Broker => "broker",
            Self::Database => "database",
            Self::Sessions => "service with sessions",
            Self::External => "external service",
            Self::Node | Self::SpotNode => "node",
            Self::Zone => "zone",
        }
    }
}

/// A fault of a level: when it strikes, what, and how hard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FaultEvent {
    /// Its place among the level's faults.
    pub slot: u8,
    /// Which fault.
    pub id: FaultId,
    /// What it strikes.
    pub target: FaultTarget,
    /// First tick.
    pub onset_tick: u64,
    /// Ticks from onset to full strength.
    pub ramp_ticks: u64,
    /// First tick without it.
    pub end_tick: u64,
    /// Severity in the fault's own unit.
    pub magnitude: f32,
    /// Half the width of F05's delays as a ratio of their mean, where the scenario says.
    pub spread: Option<f32>,
    /// Share of the target's replicas that is struck.
    pub blast_radius: f32,
    /// Availability of a minute below which it is called off.
    pub abort_availability: f32,
    /// Whether an extended action removed its cause.
    pub mended: bool,
}

impl FaultEvent {
    /// Whether the fault is active at a tick.
    pub fn is_active(&self, tick: u64) -> bool {
        (self.onset_tick..self.end_tick).contains(&tick)
    }

    /// Strength in (0, 1] at a tick from the onset on.
    pub fn strength(&self, tick: u64) -> f32 {
        let since = (tick.saturating_sub(self.onset_tick) + 1) as f32;
        (since / (self.ramp_ticks + 1) as f32).min(1.0)
    }

    pub fn service(&self) -> Option<usize> {
        if let FaultTarget::Service(service) = self.target { Some(service.index()) } else { None }
    }

    pub fn node(&self) -> Option<usize> {
        if let FaultTarget::Node(node) = self.target { Some(node.index()) } else { None }
    }

    pub fn zone(&self) -> Option<usize> {
        if let FaultTarget::Zone(zone) = self.target { Some(zone.index()) } else { None }
    }
}
