//! The cluster's state: every value that changes during an episode, in one plain value.
//!
//! Cloning it is a snapshot; equal states go on equally under equal actions.

pub(crate) mod conditions;
mod fetch;
mod initial;
mod parts;
mod size;

pub(crate) use conditions::{ClusterCondition, ServiceCondition};
pub(crate) use initial::DISK_AT_START;
pub(crate) use parts::{Accounts, AutoscalerState, DatabaseState, NodeState, RECOMMENDATIONS, Remedies, Shed};
pub(crate) use parts::{CacheKnobs, MEMORY_PER_DOUBLING, SIZE_DOUBLINGS, TTL_DOUBLINGS};
use serde::{Deserialize, Serialize};

use crate::{
    action::Action,
    fault::FaultEvent,
    lanes::{NODE_LANES, f32x4, f32x8},
    level::Level,
    topology::{DELAY_STAGES, MOST_RETRIES, STARTUP_STAGES},
};

/// Index of the healthy sub-population.
pub(crate) const HEALTHY: usize = 0;
/// Index of the impaired sub-population.
pub(crate) const IMPAIRED: usize = 1;
/// Longest run of failed health checks that is told apart.
pub(crate) const CHECK_RUNS: usize = 4;

/// One sub-population of a service's replicas; a lane is a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Population {
    /// Requests in the replicas, waiting or worked on.
    pub in_system: f32x4,
    /// Replicas that run.
    pub ready: f32x4,
    /// Requests finished per second in the last tick.
    pub served_per_s: f32x4,
    /// Requests that the replicas could finish per second in the last tick.
    pub capacity_per_s: f32x4,
    /// Memory lost to leaks, as a ratio of a replica's memory.
    pub leaked: f32x4,
    /// Share of the replicas in rotation with 0, 1, … consecutive failed checks.
    pub check_runs: [f32x4; CHECK_RUNS],
    /// Share of the replicas that health checks took out of rotation.
    pub ejected: f32x4,
    /// Share of the replicas that callers ejected because of their errors, and how often they did in a row.
    pub outlier: f32x4,
    /// See `outlier`.
    pub ejections: f32x4,
    /// Ratio of its requests that it takes and answers without error.
    pub answered: f32x4,
    /// Share of the service's answers that this population gives.
    pub share: f32x4,
    /// Mean and standard deviation of a replica's own response time in seconds, calls not counted.
    pub own_mean_s: f32x4,
    /// See `own_mean_s`.
    pub own_sd_s: f32x4,
    /// Mean and standard deviation of the whole response time in seconds, calls included.
    pub mean_s: f32x4,
    /// See `mean_s`.
    pub sd_s: f32x4,
}

impl Population {
    /// Replicas that get traffic.
    pub(crate) fn in_rotation(&self) -> f32x4 {
        self.ready * (f32x4::ONE - self.ejected) * (f32x4::ONE - self.outlier)
    }
}

/// What is wrong with a service's impaired replicas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Impairment {
    /// Factor on the speed of work.
    pub speed: f32,
    /// Seconds added to every request.
    pub delay_s: f32,
    /// Standard deviation of the added seconds.
    pub delay_sd_s: f32,
    /// Half the width of the added seconds where they are uniform, else 0.
    pub delay_spread_s: f32,
    /// Ratio of requests answered with an error, and of those that fail without the replica noticing.
    pub error: f32,
    /// See `error`.
    pub unseen_error: f32,
    /// Ratio of answers that are wrong, and look right.
    pub wrong: f32,
    /// Factor on the requests that a replica may have open.
    pub pool: f32,
    /// Ratio of requests refused at once.
    pub refuse: f32,
    /// Probability that a health check fails for this reason alone.
    pub check_failure: f32,
    /// Active faults that impair replicas of the service, a bit for each slot.
    pub sources: u32,
}

impl Impairment {
    pub(crate) const NONE: Self = Self {
        speed: 1.0,
        delay_s: 0.0,
        delay_sd_s: 0.0,
        delay_spread_s: 0.0,
        error: 0.0,
        unseen_error: 0.0,
        wrong: 0.0,
        pool: 1.0,
        refuse: 0.0,
        check_failure: 0.0,
        sources: 0,
    };

    /// Both impairments at once.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            speed: self.speed * other.speed,
            delay_s: self.delay_s + other.delay_s,
            delay_sd_s: self.delay_sd_s.max(other.delay_sd_s),
            delay_spread_s: self.delay_spread_s.max(other.delay_spread_s),
            error: self.error.max(other.error),
            unseen_error: self.unseen_error.max(other.unseen_error),
            wrong: self.wrong.max(other.wrong),
            pool: self.pool * other.pool,
            refuse: self.refuse.max(other.refuse),
            check_failure: self.check_failure.max(other.check_failure),
            sources: self.sources,
        }
    }
}

/// A service's replicas per node; a lane is a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// Running and healthy, running and impaired.
    pub running: [[f32; NODE_LANES]; 2],
    /// Starting, by stage.
    pub starting: [[f32; NODE_LANES]; STARTUP_STAGES],
    /// Crashed, waiting for the supervisor.
    pub crashed: [f32; NODE_LANES],
    /// Wanted, but no node has room.
    pub unplaced: f32,
}

impl Placement {
    /// Replicas that a node hosts in any condition.
    pub(crate) fn on_node(&self, node: usize) -> f32 {
        self.running[HEALTHY][node]
            + self.running[IMPAIRED][node]
            + self.starting.iter().map(|stage| stage[node]).sum::<f32>()
            + self.crashed[node]
    }

    /// The same of every node.
    pub(crate) fn on_nodes(&self) -> f32x8 {
        let [healthy, impaired] = self.running.map(f32x8::from);
        let starting = self.starting.iter().fold(f32x8::ZERO, |sum, &stage| sum + f32x8::from(stage));
        healthy + impaired + starting + f32x8::from(self.crashed)
    }

    /// Adds what runs in amounts below `speck` to where there is most, so that no rounding leaves replicas behind.
    pub(crate) fn sweep(&mut self, speck: f32) {
        if !self.has_specks(speck) {
            return;
        }
        let mut swept = 0.0;
        for running in self.running.iter_mut().flatten().filter(|running| **running < speck) {
            swept += std::mem::take(running);
        }
        if swept > 0.0 {
            let places = self.running.iter_mut().chain(&mut self.starting).chain([&mut self.crashed]).flatten();
            let fullest = places.max_by(|a, b| a.total_cmp(b));
            *fullest.filter(|place| **place > 0.0).unwrap_or(&mut self.unplaced) += swept;
        }
    }

    /// Whether anything runs in an amount below `speck`.
    fn has_specks(&self, speck: f32) -> bool {
        let [healthy, impaired] = self.running.map(f32x8::from);
        let is_speck = |running: f32x8| running.simd_ne(f32x8::ZERO) & running.simd_lt(f32x8::splat(speck));
        (is_speck(healthy) | is_speck(impaired)).any()
    }

    /// Replicas that run, summed in the nodes' order on every machine.
    pub(crate) fn running(&self) -> f32 {
        self.running.iter().flatten().sum()
    }

    /// Whether any replica starts, has crashed, or is not yet placed.
    pub(crate) fn is_incomplete(&self) -> bool {
        let positive = |lanes: &[f32; NODE_LANES]| f32x8::from(*lanes).simd_gt(f32x8::ZERO);
        let starting = self.starting.iter().fold(positive(&self.crashed), |any, stage| any | positive(stage));
        self.unplaced > 0.0 || starting.any()
    }

    /// Replicas starting, crashed or not yet placed.
    pub(crate) fn not_running(&self) -> f32 {
        let lanes = self.starting.iter().fold(f32x8::from(self.crashed), |sum, &stage| sum + f32x8::from(stage));
        lanes.to_array().iter().sum::<f32>() + self.unplaced
    }
}

/// A service's state; a lane is a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceState {
    pub populations: [Population; 2],
    pub impairment: Impairment,
    /// Whether the impaired population has replicas or requests.
    pub has_impaired: bool,
    pub placement: Placement,
    /// Replicas wanted, in whatever condition.
    pub wanted: f32,
    /// Whether anything in the placement is under way.
    pub moving: bool,
    /// Healthy and impaired replicas that a rolling restart has still to stop.
    pub restart_left: [f32; 2],
    /// Replicas that run but are not warmed up.
    pub cold: f32x4,
    /// Seconds until the supervisor starts crashed replicas again, and the next such delay.
    pub crash_wait_s: f32,
    pub crash_backoff_s: f32,
    /// Requests lost with their replicas, to be charged against those offered.
    pub lost: f32x4,
    /// What faults do to every replica.
    pub condition: ServiceCondition,
    /// Factor on capacity that contention and coherency between so many replicas leave.
    pub scaling: f32,
    /// Requests that left the replicas without being served, since the episode's start; those of them that were
    /// finished within the grace period; and those lost that were charged.
    pub left: f64,
    /// See `left`.
    pub finished: f64,
    /// See `left`.
    pub charged: f64,
    /// Replicas that joined or left since a broker last looked.
    pub membership: f32,
    /// Share of a zone's calls that its own replicas take, and how the rest spreads over zones.
    pub local: f32x4,
    pub spill: f32x4,
    pub all_local: bool,
    /// Requests per second offered this tick, being summed over callers.
    pub inflow: f32x4,
    /// The same when complete.
    pub offered_per_s: f32x4,
    /// Requests per second taken in.
    pub admitted_per_s: f32x4,
    /// Ratio of requests that the service takes, and of those that it takes and answers by itself.
    pub taken: f32x4,
    /// See `taken`.
    pub own_success: f32x4,
    /// Ratio of requests that fail without the service noticing.
    pub unseen: f32x4,
    /// Ratio of requests that fail because they write and there is no primary to write to.
    pub write_error: f32x4,
    /// Ratio of requests that fail however often they are tried, where any do.
    pub lasting: f32x4,
    /// Ratio of successful answers that are wrong.
    pub wrong: f32x4,
    /// Ratio of requests that fail, calls included, late answers not counted.
    pub failure: f32x4,
    /// Seconds a request waits for calls, and the ratio of requests whose calls all succeed.
    pub calls_mean_s: f32x4,
    /// See `calls_mean_s`.
    pub calls_success: f32x4,
    /// What callers in no hurry see of it.
    pub prompt: Prompt,
    /// Hit ratio of a cache, and the one that its replicas' size allows.
    pub hit_ratio: f32,
    /// See `hit_ratio`.
    pub hit_limit: f32,
    /// How far actions have turned a cache's settings up.
    pub cache_knobs: CacheKnobs,
    /// Share of the users who have a valid session.
    pub sessions: f32,
    /// Seconds for which consumers of a broker still pause.
    pub pause_s: f32,
    /// Messages of a broker that were dropped, since the episode's start.
    pub dropped: f64,
    /// Messages in a broker, and the ratio of publications it refuses.
    pub depth: f32x4,
    pub refused: f32x4,
    /// Messages taken by consumers per second, and those that they could take if they did not pause.
    pub consumed_per_s: f32x4,
    /// See `consumed_per_s`.
    pub pull_per_s: f32x4,
    /// Requests and failures since the last scrape.
    pub requests: f32x4,
    pub failures: f32x4,
    pub telemetry: ServiceTelemetry,
}

/// What callers see of a service that answers all of them long before their timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prompt {
    /// Seconds within which every answer comes.
    pub longest_s: f32,
    /// Ratio of attempts that fail, and the seconds that an attempt holds its caller, mean and variance.
    pub failure: f32x4,
    pub held_s: f32x4,
    pub variance: f32x4,
}

/// What the last scrapes of a service said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceTelemetry {
    pub requests: f32,
    pub error_ratio: f32,
    pub p99_latency: f32,
    pub utilisation: f32,
    pub memory: f32,
    pub queue: f32,
    pub ready: f32,
    pub error_ratio_mean: f32,
    pub p99_latency_mean: f32,
    pub utilisation_mean: f32,
    pub memory_mean: f32,
    pub scraped_at: u64,
    /// Ticks that the counters of requests and failures have summed over.
    pub counted_ticks: u32,
    /// Tick of the policy's last action on the service.
    pub acted_at: u64,
}

impl ServiceState {
    /// Ratio of a replica's memory that something holds beyond idle use, queue and leaks.
    pub(crate) fn held(&self) -> f32 {
        self.condition.heap + MEMORY_PER_DOUBLING * f32::from(self.cache_knobs.size_doublings)
    }

    /// Whether there are impaired replicas that answer at all: crashed ones cannot be scraped, nor do they work.
    pub(crate) fn impaired_answer(&self) -> bool {
        self.has_impaired && self.impairment.refuse < 1.0
    }

    /// Replicas that run and answer, by zone.
    pub(crate) fn answering(&self) -> f32x4 {
        let healthy = self.populations[HEALTHY].ready;
        if self.impaired_answer() { healthy + self.populations[IMPAIRED].ready } else { healthy }
    }
}

/// The state of one call edge; a lane is the caller's zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallState {
    /// Retries waiting, by stage of the delay chain.
    pub waiting: [f32x4; DELAY_STAGES],
    /// Retries that wait for the back-off alone.
    pub backing_off: f32x4,
    /// Of all that wait, those that are a call's first, second, … retry.
    pub tried: [f32x4; MOST_RETRIES],
    /// How many of those there may be.
    pub most_tried: u8,
    /// Whether any retry waits or is due.
    pub retrying: bool,
    /// Retries that were due in this tick, per second; stale unless some wait.
    pub due_per_s: f32x4,
    /// Share of the attempts that the network loses, and the seconds that it adds, by the zone that answers.
    pub loss: f32x4,
    /// See `loss`.
    pub delay_s: f32x4,
    /// Share of the caller's replicas that hold a secret that is no longer valid.
    pub stale_secret: f32,
    /// Whether answers trickle in: nobody falls back unless a breaker is held open.
    pub trickles: bool,
    /// Calls and accepted calls per second, smoothed, and the share that adaptive throttling lets pass.
    pub asked_per_s: f32,
    /// See `asked_per_s`.
    pub accepted_per_s: f32,
    /// See `asked_per_s`.
    pub throttle: f32,
    /// Ratio of successful answers that are wrong.
    pub wrong: f32x4,
    /// Retries granted in the last tick, per second.
    pub granted_per_s: f32x4,
    /// Those of them whose attempts failed without keeping the caller until its timeout.
    pub granted_at_once_per_s: f32x4,
    /// Budget in calls.
    pub tokens: f32x4,
    /// Share of retries that the budget allows.
    pub allowed: f32x4,
    /// Attempts of this tick per second.
    pub attempts_per_s: f32x4,
    pub first_per_s: f32x4,
    /// Ratio of calls that fail for good.
    pub failure: f32x4,
    /// Retries allowed after the first attempt; faults change it.
    pub retries: u8,
    pub budgeted: bool,
    pub guarded: bool,
    /// Smoothed ratio of failed attempts.
    pub failure_ewma: f32,
    /// Share of calls that the breaker lets pass, and seconds until it changes its mind.
    pub pass: f32,
    pub breaker_wait_s: f32,
    /// Whether somebody holds the breaker open.
    pub held_open: bool,
}

impl CallState {
    /// Whether a fault of the network or a stale secret touches it.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.stale_secret > 0.0 || (self.loss + self.delay_s).simd_gt(f32x4::ZERO).any()
    }

    /// Share of the calls that the caller sends at all.
    pub(crate) fn passing(&self) -> f32 {
        if self.held_open { 0.0 } else { self.pass * self.throttle }
    }
}

/// Everything that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterState {
    pub level: Level,
    pub tick: u64,
    pub decision: u32,
    pub services: Vec<ServiceState>,
    pub calls: Vec<CallState>,
    /// Whether any caller may hold a secret that is no longer valid.
    pub has_stale_secrets: bool,
    /// What users do at each entry service.
    pub entries: Vec<CallState>,
    pub nodes: Vec<NodeState>,
    /// Traffic weights of the zones and what they move to.
    pub zone_weight: f32x4,
    pub zone_target: f32x4,
    /// The level's factor on the load.
    pub load_factor: f32,
    /// What faults do to the whole cluster, and whether any fault does anything.
    pub condition: ClusterCondition,
    pub disturbed: bool,
    /// What extended actions have changed.
    pub remedies: Remedies,
    /// Ratio of bad requests, smoothed over a minute.
    pub bad_ratio: f32,
    /// By database and by autoscaler, in the services' order.
    pub databases: Vec<DatabaseState>,
    pub autoscalers: Vec<AutoscalerState>,
    pub cycle_phase: f32,
    /// User requests per second of this tick by zone, and those of them turned away at the edge.
    pub arrivals_per_s: f32x4,
    pub turned_away_per_s: f32x4,
    /// Offered and bad requests of each tenant in the decision under way, where there is more than one.
    pub tenants: Vec<Shed>,
    /// Their 99th percentile of response time in seconds.
    pub p99_s: f32,
    pub faults: Vec<FaultEvent>,
    /// Tick within the scrape period at which each service is scraped.
    pub scrape_phase: Vec<u32>,
    /// When the health check that is under way or comes next starts, by service: for the healthy and the impaired.
    pub next_check_us: Vec<[u64; 2]>,
    /// Shares of those out of rotation that passed 1, 2, … checks in a row, by population of the services that need more
    /// than one to come back; where a service's begin is in its table. Those counted start anew when a fault ends.
    pub pass_runs: Vec<f32x4>,
    /// Accepted actions and the ticks at which they take effect.
    pub pending: Vec<(u64, Action)>,
    pub acted_at: u64,
    /// Cores requested, where actions may have changed them.
    pub cores_used: [f32; NODE_LANES],
    pub accounts: Accounts,
    /// What the policy's edge metrics show: error ratio, error ratio by zone, p99, load.
    pub seen_error_ratio: f32,
    pub seen_zone_error: [f32; 4],
    pub seen_p99: f32,
    pub seen_load: f32,
}

/// Ticks ago that count as never.
pub(crate) const NEVER: u64 = u64::MAX;
