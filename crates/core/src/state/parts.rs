//! The state of nodes, databases, autoscalers and tenants, and the sums over a decision.

use serde::{Deserialize, Serialize};

/// A node's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeState {
    pub up: bool,
    pub drained: bool,
    /// Whether nothing can start on it.
    pub stuck: bool,
    /// Share of its processor that somebody else takes.
    pub steal: f32,
    /// Share of its disk in use, and what a fault adds to it per second.
    pub disk: f32,
    pub filling: f32,
    /// How near it is to being taken back, from 0 to 1.
    pub notice: f32,
    /// Share of the answers of its replicas that disagree with their peers'.
    pub mismatch: f32,
    /// Last scrape.
    pub cpu_pressure: f32,
    pub seen_disk: f32,
    pub seen_mismatch: f32,
}

/// A database's members as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DatabaseState {
    /// The zone of the primary, and how often there was a new one.
    pub primary: u32,
    pub term: u32,
    /// Seconds until there is a primary again.
    pub failover_left_s: f32,
    /// Seconds by which followers lag behind.
    pub lag_s: f32,
    /// Share of the data on which members disagree.
    pub diverged: f32,
    /// Seconds since the last backup, and seconds of writes that were lost for good.
    pub backup_age_s: f32,
    pub lost_writes_s: f32,
    /// Whether every member is down, and the seconds that restoring the backup still takes.
    pub down: bool,
    pub restore_left_s: f32,
}

/// Looks that an autoscaler remembers: five minutes' worth at one every fifteen seconds.
pub(crate) const RECOMMENDATIONS: usize = 20;

/// What an autoscaler recommended lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AutoscalerState {
    pub recommended: [f32; RECOMMENDATIONS],
    pub looks: u32,
}

/// What extended actions have changed, until another one changes it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Remedies {
    /// Share of the users' requests that the edge turns away.
    pub shed: f32,
    pub retries_off: bool,
    /// Tick at which a human who was paged has mended what is broken.
    pub human_at: Option<u64>,
}

/// Requests of a tenant and those that went badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shed {
    pub offered: f64,
    pub bad: f64,
    /// Requests per second of this tick that got past the edge.
    pub inside_per_s: f32,
}

/// Sums over the decision under way and the episode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Accounts {
    pub offered: f64,
    pub bad: f64,
    pub zone_offered: [f64; 4],
    pub zone_bad: [f64; 4],
    /// Sum of the 99th percentile over the ticks in which users offered anything.
    pub p99_s: f64,
    pub offered_ticks: u32,
    pub latency_excess: f64,
    pub cost: f64,
    pub ticks: u32,
    /// Consecutive decisions in which nothing went well.
    pub lost_decisions: u32,
}

/// Times that a cache's lifetime of entries, and its room for them, can be doubled.
pub(crate) const TTL_DOUBLINGS: u8 = 3;
/// See `TTL_DOUBLINGS`.
pub(crate) const SIZE_DOUBLINGS: u8 = 2;
/// Ratio of a replica's memory that each doubling of its room takes.
pub(crate) const MEMORY_PER_DOUBLING: f32 = 0.12;

/// How often actions have doubled a cache's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CacheKnobs {
    pub ttl_doublings: u8,
    pub size_doublings: u8,
}
