//! Scenario files: what a user writes to describe a cluster, its workload and its faults.

mod builtin;
mod defaults;
mod entities;
mod error;
mod generate;
mod named_fault;
mod overlay;
mod random;
mod validate;
mod validate_cycles;
mod validate_entities;

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

pub use entities::{ActionSet, Autoscaler, Broker, Cache, Database, Network, OutlierEjection, Sessions, Tenant};
pub use error::ScenarioError;
pub(crate) use error::nearest;

use crate::fault::FaultId;
use named_fault::NamedFault;

/// A cluster, its workload, its faults and its rewards, as read from a TOML file and found to be sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name under which results are reported.
    pub name: String,
    /// What the scenario stands for and where its figures come from.
    #[serde(default)]
    pub description: String,
    /// Length of a tick in milliseconds.
    pub tick_ms: u32,
    /// Ticks between two decisions.
    pub decision_ticks: u32,
    /// Decisions in an episode.
    pub episode_decisions: u32,
    /// Seconds between a decision and its effect.
    #[serde(default = "defaults::actuation_delay_s")]
    pub actuation_delay_s: f32,
    /// Which actions a policy has.
    #[serde(default)]
    pub actions: ActionSet,
    /// The service without which no action takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<String>,
    /// Service blocks that observations and actions have room for, so that clusters of different sizes batch together;
    /// as many as there are services when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padded_services: Option<u32>,
    /// Rules of the physics, or faults by id, that are switched off, to see what they are worth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules_off: Vec<String>,
    /// What users were promised.
    #[serde(default)]
    pub slo: Slo,
    /// Weights of the reward's terms.
    #[serde(default)]
    pub reward: RewardWeights,
    /// What users ask for.
    pub workload: Workload,
    /// Who the users are; one tenant when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<Tenant>,
    /// What lies between zones.
    #[serde(default)]
    pub network: Network,
    /// What the policy gets to see.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// Failure domains, at most four.
    pub zones: Vec<Zone>,
    /// Machines that host replicas, at most eight.
    pub nodes: Vec<Node>,
    /// Services, in any order.
    pub services: Vec<Service>,
    /// Who calls whom; no cycles.
    #[serde(default)]
    pub calls: Vec<Call>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
}

/// Service-level objectives at the edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// Ratio of good requests over valid ones.
    pub availability: f32,
    /// 99th percentile of response time in milliseconds.
    pub p99_ms: f32,
}

/// Weights of the reward's terms; the first three sum to at most 1, so that a decision's reward is in [-1, 0] before
/// action costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardWeights {
    /// Weight of the ratio of bad requests.
    pub bad_requests: f32,
    /// Weight of latency beyond the objective, full at four times the objective.
    pub latency: f32,
    /// Weight of cost above the initial provisioning, full at twice the initial cost.
    pub cost: f32,
    /// Price of any action but no-op, and what paging a human costs on top.
    pub action: f32,
    /// See `action`.
    pub page: f32,
    /// Seconds of total loss of service after which an episode terminates.
    pub loss_limit_s: f32,
}

/// What users ask for: an open-loop stream at one entry service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The service that users call.
    pub entry: String,
    /// Mean rate of user requests per second.
    pub rate_per_s: f32,
    /// Each level's load is `rate_per_s` times a factor drawn from this range.
    #[serde(default = "defaults::level_range", deserialize_with = "pair")]
    pub level_range: [f32; 2],
    /// Amplitude of the slow cycle, relative to the mean.
    #[serde(default)]
    pub cycle_amplitude: f32,
    /// Period of the slow cycle in seconds.
    #[serde(default = "defaults::cycle_period_s")]
    pub cycle_period_s: f32,
    /// Standard deviation of one tick's rate beyond Poisson noise, relative to the mean.
    #[serde(default)]
    pub noise_cv: f32,
    /// Milliseconds after which a user gives up: later answers are bad.
    #[serde(default = "defaults::user_timeout_ms")]
    pub timeout_ms: f32,
    /// Times that a user tries again.
    #[serde(default)]
    pub retries: u8,
    /// Mean milliseconds between a failure and the user's next attempt.
    #[serde(default = "defaults::user_backoff_ms", skip_serializing_if = "defaults::is_user_backoff_ms")]
    pub backoff_ms: f32,
}

/// The telemetry pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Seconds between two scrapes of a service.
    pub scrape_s: f32,
    /// Relative standard deviation of a scraped value.
    pub noise: f32,
    /// Probability that a scrape is lost.
    pub loss: f32,
    /// The service that scrapes: while it fails, so do scrapes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collector: Option<String>,
}

/// A failure domain: a zone of one provider, or a provider's region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// The zone's name.
    pub name: String,
    /// Seconds for a shift of its traffic weight to take hold (first order).
    #[serde(default = "defaults::shift_s")]
    pub shift_s: f32,
    /// Price of a core, relative to the others.
    #[serde(default = "defaults::one")]
    pub price: f32,
    /// Cores that the provider lets us have in it; all that its nodes have when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_cores: Option<f32>,
    /// Factor on the `startup_s` of every service's replicas that start in it: providers differ.
    #[serde(default = "defaults::one", skip_serializing_if = "defaults::is_one")]
    pub startup_factor: f32,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// The zone it stands in.
    pub zone: String,
    /// Cores that replicas may request.
    pub cores: f32,
    /// Whether the provider may take it back at short notice.
    #[serde(default)]
    pub spot: bool,
}

/// What a service is, where its class changes its physics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceClass {
    /// Keeps nothing between requests.
    #[default]
    Stateless,
    /// Serves hits itself and sends misses on.
    Cache,
    /// Accepts messages that consumers pull.
    Broker,
    /// Keeps data.
    Database,
    /// Somebody else's: cannot be restarted, scaled or drained.
    External,
}

/// A service and its replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// What kind of service it is.
    #[serde(default)]
    pub class: ServiceClass,
    /// Zones it runs in; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Replicas at the start, over all zones.
    pub replicas: u32,
    /// Fewest replicas that scaling down leaves; one a zone when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<u32>,
    /// Most replicas that scaling up reaches; three times the initial number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<u32>,
    /// Cores that a replica requests.
    #[serde(default = "defaults::one")]
    pub cores: f32,
    /// Requests that a replica works on at once.
    #[serde(default = "defaults::concurrency")]
    pub concurrency: f32,
    /// Mean of its own work per request in milliseconds, calls to others not counted.
    pub service_time_ms: f32,
    /// Squared coefficient of variation of its own work: 1, exponential, when absent; 0 is constant work. One server
    /// without a bound is then exactly M/G/1; several follow Allen and Cunneen's formula, and a queue that often fills is
    /// approximated where this is not 1, roughly above 4.
    #[serde(default = "defaults::one", skip_serializing_if = "defaults::is_one")]
    pub service_cv2: f32,
    /// Requests that a replica may have open at once, waiting for others included.
    #[serde(default = "defaults::pool")]
    pub pool: f32,
    /// Requests that a replica holds before it refuses.
    #[serde(default = "defaults::queue_limit")]
    pub queue_limit: f32,
    /// Ratio of requests that fail by themselves.
    #[serde(default)]
    pub error_ratio: f32,
    /// Ratio of its memory that a replica uses when idle.
    #[serde(default = "defaults::memory")]
    pub memory: f32,
    /// Ratio of its memory that a full queue adds.
    #[serde(default = "defaults::queue_memory")]
    pub queue_memory: f32,
    /// Mean seconds from scheduling a replica to its first request (three-stage Erlang).
    #[serde(default = "defaults::startup_s")]
    pub startup_s: f32,
    /// Seconds that a stopping replica has to finish what it holds.
    #[serde(default = "defaults::grace_s")]
    pub grace_s: f32,
    /// How replicas are probed.
    #[serde(default)]
    pub health: Health,
    /// A cache's behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// A broker's behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<Broker>,
    /// A database's behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Sessions or tokens that it issues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Sessions>,
    /// What scales it without the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,
    /// Whether its callers stop sending to replicas that answer with errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier_ejection: Option<OutlierEjection>,
    /// Share of the work that replicas do one at a time (the universal scalability law's contention).
    #[serde(default)]
    pub contention: f32,
    /// Cost of keeping a pair of replicas coherent (the universal scalability law's coherency).
    #[serde(default)]
    pub coherency: f32,
}

/// Health checks of a service's replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Seconds between two checks of a replica.
    pub interval_s: f32,
    /// Milliseconds after which a check has failed.
    pub timeout_ms: f32,
    /// Consecutive failures after which a replica gets no traffic (1 to 4).
    pub failures: u8,
    /// Consecutive successes after which it gets traffic again (1 to 100).
    pub successes: u8,
    /// When a replica that has started gets its first traffic.
    #[serde(skip_serializing_if = "Admission::is_default")]
    pub admission: Admission,
}

/// When a replica that has started gets its first traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// As soon as it has started.
    #[default]
    Started,
    /// After as many good checks in a row as bring back one that failed.
    Checks,
}

impl Admission {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a caller treats a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallMode {
    /// The caller waits, and fails where the call fails.
    #[default]
    Sync,
    /// The caller neither waits nor fails.
    Async,
    /// The callee pulls from the caller, a broker.
    Consume,
    /// Made only for requests that a cache misses; the caller waits.
    Miss,
}

/// A dependency of one service on another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The calling service.
    pub from: String,
    /// The called service.
    pub to: String,
    /// Mean calls per request of the caller.
    #[serde(default = "defaults::one")]
    pub calls: f32,
    /// Whether the caller waits.
    #[serde(default)]
    pub mode: CallMode,
    /// Milliseconds after which an attempt is given up.
    #[serde(default = "defaults::timeout_ms")]
    pub timeout_ms: f32,
    /// Further attempts after the first (0 to 8).
    #[serde(default)]
    pub retries: u8,
    /// Mean milliseconds between a failure and the next attempt.
    #[serde(default = "defaults::backoff_ms")]
    pub backoff_ms: f32,
    /// Retries allowed as a ratio of first attempts; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_budget: Option<f32>,
    /// Whether a circuit breaker guards the call.
    #[serde(default)]
    pub breaker: bool,
    /// Whether the caller sends less when too little is accepted (adaptive throttling).
    #[serde(default)]
    pub throttle: bool,
    /// Equal answers that the caller waits for, having asked every replica; one replica is asked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u8>,
    /// Ratio of failures that the caller hides by an answer of its own.
    #[serde(default)]
    pub fallback: f32,
}

/// What goes wrong, and how often nothing does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Ratio of levels without a fault.
    pub control_ratio: f32,
    /// Each held-out level without a held-out fault multiplies the load by a factor from this range.
    #[serde(deserialize_with = "pair")]
    pub heldout_load: [f32; 2],
    /// Ratio of levels with a fault that have a second one.
    pub second_ratio: f32,
    /// Ratio of second faults that strike next to the first, and with it.
    pub correlated_ratio: f32,
    /// Ratio of levels, control levels included, that have a red herring from the catalogue's F00.
    pub herring_ratio: f32,
    /// The faults that may strike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub catalogue: Vec<Fault>,
}

/// One kind of fault and the ranges its parameters are drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NamedFault")]
pub struct Fault {
    /// The fault's id in the catalogue, e.g. "F04"; in a file also a name of [`FaultName`](crate::FaultName), e.g. "zone_outage",
    /// whose magnitude, blast radius, ramp and duration hold where the file says nothing else.
    pub id: FaultId,
    /// How often it is drawn, relative to the others of its split.
    pub weight: f32,
    /// Services, nodes or zones that it may strike, as the fault has it; all that it can strike when absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Severity, in the fault's own unit.
    pub magnitude: [f32; 2],
    /// Half the width of the delays that F05 adds, as a ratio of their mean: 0 where every request waits equally long, 0.5
    /// for uniform delays from half to one and a half times the magnitude; where absent they have a standard deviation of
    /// a quarter of it. Other faults have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<f32>,
    /// Ratio of the target's replicas that are struck.
    pub blast_radius: [f32; 2],
    /// Seconds from the episode's start.
    pub onset_s: [f32; 2],
    /// Seconds from onset to full strength.
    pub ramp_s: [f32; 2],
    /// Seconds from onset to the end, where the fault ends by itself.
    pub duration_s: [f32; 2],
    /// Availability of a minute below which the fault is called off, as a chaos experiment would be.
    pub abort_availability: f32,
}

/// A range: TOML's reader would drop what follows the second of more than two values.
fn pair<'de, D: Deserializer<'de>>(values: D) -> Result<[f32; 2], D::Error> {
    let values = Vec::<f32>::deserialize(values)?;
    let found = values.len();
    values.try_into().map_err(|_| Error::custom(format!("invalid length {found}; allowed: 2, the least and the most")))
}

/// The same where a key may be left out.
fn range_of_two<'de, D: Deserializer<'de>>(values: D) -> Result<Option<[f32; 2]>, D::Error> {
    pair(values).map(Some)
}

impl Scenario {
    /// Names of the scenarios that come with the crate and that every policy is scored on.
    pub fn builtin_names() -> &'static [&'static str] {
        builtin::NAMES
    }

    /// Names of variants of them that come with the crate too, and that are not scored.
    pub fn preset_names() -> &'static [&'static str] {
        builtin::PRESETS
    }

    /// Further names of built-in scenarios and presets, each with what it stands for.
    pub fn aliases() -> &'static [(&'static str, &'static str)] {
        builtin::ALIASES
    }

    /// What a name stands for: itself where it is no alias.
    pub fn resolve_alias(name: &str) -> &str {
        builtin::resolve(name)
    }

    /// Names of the scenarios that are generated: `random`, which `random-1`, `random-2` and so on go with.
    pub fn generated_names() -> &'static [&'static str] {
        &[random::NAME]
    }

    /// A scenario by its built-in or generated name or an alias, or else from the TOML file at that path.
    ///
    /// # Errors
    /// Unknown names, unreadable files, and whatever [`Scenario::from_toml`] refuses.
    pub fn load(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some(scenario) = builtin::load(name_or_path) {
            return scenario;
        }
        if let Some(seed) = random::seed(name_or_path) {
            return Self::random(seed);
        }
        let path = Path::new(name_or_path);
        if !path.exists() && path.extension().is_none_or(|extension| extension != "toml") {
            return Err(ScenarioError::UnknownName {
                name: name_or_path.to_owned(),
                nearest: nearest(name_or_path, builtin::every_name().chain(Self::generated_names().iter().copied())),
                allowed: builtin::every_name().map(|name| format!("{name}, ")).collect::<String>()
                    + &format!("{}, {}-N", random::NAME, random::NAME),
            });
        }
        let bytes = std::fs::read(path)
            .map_err(|source| ScenarioError::Unreadable { file: name_or_path.to_owned(), source })?;
        let text = String::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
            .ok_or_else(|| ScenarioError::NotText { file: name_or_path.to_owned() })?;
        Self::from_toml(&text, name_or_path)
    }

    /// A scenario from the text of a TOML file; `origin` names it in errors.
    ///
    /// # Errors
    /// Syntax, unknown keys, and values that make no cluster: each names the key and what is allowed.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ScenarioError> {
        let scenario: Scenario =
            toml::from_str(text).map_err(|error| ScenarioError::from_toml(&error, text, origin))?;
        scenario.checked(origin)
    }

    /// The scenario itself where it is sound.
    fn checked(self, origin: &str) -> Result<Self, ScenarioError> {
        validate::validate(&self)
            .and_then(|()| crate::topology::check_fit(&self))
            .map_err(|problem| ScenarioError::Invalid { file: origin.to_owned(), problem })?;
        Ok(self)
    }

    /// The scenario as a TOML file that loads again to an equal one.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// Seconds per tick.
    pub fn tick_s(&self) -> f32 {
        self.tick_ms as f32 / 1000.0
    }
}
