//! Faults: the catalogue's models, and which of them strike a level.

mod alias;
mod card;
mod catalogue;
#[cfg(test)]
mod composition;
mod event;
#[cfg(test)]
mod mending;
mod plan;
#[cfg(test)]
mod trial;

pub use alias::FaultName;
pub use card::{Card, Moves, Place, Remedy, Role, Step, Symptom};
pub(crate) use catalogue::Catalogue;
pub use event::FaultTarget;
pub(crate) use event::{FaultEvent, TargetKind};
pub(crate) use plan::events;
pub use plan::{FaultPlan, FaultPlanError};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{state::ClusterState, topology::Topology};

/// Faults that one episode can have at most, red herrings included: each has a bit in an impairment's sources.
pub const MAX_FAULTS: usize = 32;

/// Faults that a level draws at most, red herrings included.
pub(crate) const MAX_DRAWN_FAULTS: usize = 4;

/// One row per fault: its id and the file and type of its model.
macro_rules! faults {
    ($($(#[$attribute:meta])* $id:ident = $file:ident::$model:ident,)*) => {
        $($(#[$attribute])* mod $file;)*

        /// A fault's id in the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum FaultId {
            $($(#[$attribute])* $id,)*
        }

        impl FaultId {
            /// Every fault there is, by id.
            pub fn all() -> impl Iterator<Item = FaultId> + Clone {
                const ALL: &[FaultId] = &[$($(#[$attribute])* FaultId::$id,)*];
                ALL.iter().copied()
            }

            /// What the fault does.
            pub(crate) fn model(self) -> &'static dyn FaultModel {
                match self {
                    $($(#[$attribute])* Self::$id => &$file::$model,)*
                }
            }
        }
    };
}

faults! {
    F00 = f00_red_herring::RedHerring,
    F01 = f01_config_poisoning::ConfigPoisoning,
    F02 = f02_jwt_expiry_storm::JwtExpiryStorm,
    F03 = f03_poison_message::PoisonMessage,
    F04 = f04_replica_crash::ReplicaCrash,
    F05 = f05_latency::Latency,
    F06 = f06_intermittent_errors::IntermittentErrors,
    F07 = f07_silent_corruption::SilentCorruption,
    F08 = f08_retry_storm::RetryStorm,
    F09 = f09_cold_cache::ColdCache,
    F10 = f10_gc_death_spiral::GcDeathSpiral,
    F11 = f11_memory_leak::MemoryLeak,
    F12 = f12_bad_deploy::BadDeploy,
    F13 = f13_traffic_spike::TrafficSpike,
    F14 = f14_noisy_neighbour::NoisyNeighbour,
    F15 = f15_disk_full::DiskFull,
    F16 = f16_network_loss::NetworkLoss,
    F17 = f17_partition::Partition,
    F18 = f18_zone_outage::ZoneOutage,
    F19 = f19_gray_failure::GrayFailure,
    F20 = f20_spot_preemption::SpotPreemption,
    F21 = f21_expired_secret::ExpiredSecret,
    F22 = f22_pool_leak::PoolLeak,
    F23 = f23_probe_flapping::ProbeFlapping,
    F24 = f24_slow_third_party::SlowThirdParty,
    F25 = f25_database_failover::DatabaseFailover,
    F26 = f26_broker_rebalance::BrokerRebalance,
    F27 = f27_telemetry_gap::TelemetryGap,
    F28 = f28_stale_dns::StaleDns,
    F29 = f29_missing_index::MissingIndex,
    F30 = f30_stuck_starting::StuckStarting,
    F31 = f31_unreachable_database::UnreachableDatabase,
    #[cfg(test)]
    F99 = test_fault::TestFault,
}

impl fmt::Display for FaultId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl FaultId {
    /// The fault's card.
    pub fn card(self) -> &'static Card {
        self.model().card()
    }

    /// The fault's name.
    pub fn name(self) -> &'static str {
        self.card().name
    }

    /// What kind of thing it strikes.
    pub fn strikes(self) -> &'static str {
        self.model().target_kind().noun()
    }

    /// Whether only held-out levels have it.
    pub fn is_heldout(self) -> bool {
        matches!(self, Self::F09 | Self::F19 | Self::F26)
    }

    /// Whether it harms nobody.
    pub fn is_herring(self) -> bool {
        self.card().role == Role::Herring
    }
}

/// How a fault acts on a cluster.
///
/// What it does in a tick it writes into the conditions, which are cleared before every tick, so that several faults
/// compose and none has to undo anything; replicas that it impairs it takes at the onset and releases at the end.
pub(crate) trait FaultModel: Sync {
    /// What is written about it.
    fn card(&self) -> &'static Card;
    /// What it can strike.
    fn target_kind(&self) -> TargetKind;
    /// Least and greatest magnitude, in the fault's own unit.
    fn magnitude_range(&self) -> (f32, f32);
    /// Whether it goes on acting after its end, without its trigger; where its cause is removed, it says what becomes of
    /// what is left.
    fn lingers(&self) -> bool {
        false
    }
    /// The extended action that removes its cause, sent to what it strikes.
    fn mended_by(&self) -> Option<Remedy> {
        None
    }
    /// The node or zone of its target that it strikes, where it strikes only one.
    fn place(&self, _topology: &Topology, _event: &FaultEvent) -> Option<FaultTarget> {
        None
    }
    /// What happens at the onset.
    fn begin(&self, _topology: &Topology, _state: &mut ClusterState, _event: &FaultEvent) {}
    /// What happens in every active tick, the first included, and where it lingers in every later one.
    fn advance(&self, _topology: &Topology, _state: &mut ClusterState, _event: &FaultEvent, _tick: u64) {}
    /// What happens at the end.
    fn end(&self, _topology: &Topology, _state: &mut ClusterState, _event: &FaultEvent) {}
}
