//! Faults: the catalogue's models, and which of them strike a level.

mod catalogue;
mod f04_replica_crash;
mod f05_latency;
mod f08_retry_storm;
mod f09_cold_cache;
mod f11_memory_leak;
mod f13_traffic_spike;
mod f14_noisy_neighbour;
mod f18_zone_outage;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use catalogue::Catalogue;

use crate::{
    ids::{NodeId, ServiceId, ZoneId},
    state::ClusterState,
    topology::Topology,
};

/// Faults that one level can have at most.
pub const MAX_FAULTS: usize = 4;

/// A fault's id in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FaultId {
    /// Replicas crash and keep crashing until they are replaced.
    F04,
    /// Replicas answer slowly.
    F05,
    /// Clients retry without a budget, and a short loss of capacity tips them into a storm.
    F08,
    /// A cache loses its content.
    F09,
    /// Replicas leak memory until they run out of it.
    F11,
    /// Users ask for several times as much.
    F13,
    /// Somebody else takes a node's processor.
    F14,
    /// A zone fails as a whole.
    F18,
}

impl fmt::Display for FaultId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl FaultId {
    /// Every fault there is, by id.
    pub const ALL: [FaultId; 8] =
        [Self::F04, Self::F05, Self::F08, Self::F09, Self::F11, Self::F13, Self::F14, Self::F18];

    /// What the fault does.
    pub(crate) fn model(self) -> &'static dyn FaultModel {
        match self {
            Self::F04 => &f04_replica_crash::ReplicaCrash,
            Self::F05 => &f05_latency::Latency,
            Self::F08 => &f08_retry_storm::RetryStorm,
            Self::F09 => &f09_cold_cache::ColdCache,
            Self::F11 => &f11_memory_leak::MemoryLeak,
            Self::F13 => &f13_traffic_spike::TrafficSpike,
            Self::F14 => &f14_noisy_neighbour::NoisyNeighbour,
            Self::F18 => &f18_zone_outage::ZoneOutage,
        }
    }

    /// The fault's name.
    pub fn name(self) -> &'static str {
        self.model().name()
    }

    /// Whether only held-out levels have it.
    pub fn is_heldout(self) -> bool {
        matches!(self, Self::F09)
    }
}

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
    Node,
    Zone,
}

/// A fault of a level: when it strikes, what, and how hard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultEvent {
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
    /// Share of the target's replicas that is struck.
    pub blast_radius: f32,
}

impl FaultEvent {
    /// Whether the fault is active at a tick.
    pub fn is_active(&self, tick: u64) -> bool {
        (self.onset_tick..self.end_tick).contains(&tick)
    }

    /// Strength in (0, 1] at an active tick.
    pub(crate) fn strength(&self, tick: u64) -> f32 {
        let since = (tick - self.onset_tick + 1) as f32;
        (since / (self.ramp_ticks + 1) as f32).min(1.0)
    }

    pub(crate) fn service(&self) -> Option<usize> {
        if let FaultTarget::Service(service) = self.target { Some(service.index()) } else { None }
    }
}

/// How a fault acts on a cluster.
pub(crate) trait FaultModel: Sync {
    /// The fault's name.
    fn name(&self) -> &'static str;
    /// What it can strike.
    fn target_kind(&self) -> TargetKind;
    /// Least and greatest magnitude, in the fault's own unit.
    fn magnitude_range(&self) -> (f32, f32);
    /// What happens at the onset.
    fn begin(&self, _topology: &Topology, _state: &mut ClusterState, _event: &FaultEvent) {}
    /// What happens in every active tick, the first included.
    fn advance(&self, _topology: &Topology, _state: &mut ClusterState, _event: &FaultEvent, _tick: u64) {}
    /// What happens at the end.
    fn end(&self, _topology: &Topology, _state: &mut ClusterState, _event: &FaultEvent) {}
}
