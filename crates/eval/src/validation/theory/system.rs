//! A system that theory has figures for: its scenario, what is measured in it, and how long the exact engine runs it.

use super::birth_death::BirthDeath;

/// Replications over which the exact engine's figures are means.
pub(super) const REPLICATIONS: u32 = 20;
/// Share of the largest standard error that run lengths aim at: those who miss it go on.
const AIM: f64 = 0.88;

/// A system, in seconds where a mean service takes one second unless its scenario says otherwise.
pub(super) struct System {
    /// Its place among all systems, by which its replications are seeded.
    pub number: u64,
    /// The system and its parameters.
    pub name: String,
    /// Where the closed form comes from.
    pub source: &'static str,
    /// The scenario as a file has it.
    pub scenario: String,
    /// The services that are read, in this order.
    pub services: &'static [&'static str],
    pub quantities: Vec<Quantity>,
    /// Seconds that one of the exact engine's replications is watched at least, after as many as it takes to settle.
    pub watched_s: f64,
    pub settling_s: f64,
    /// Largest standard error of an exact figure, relative to the expected value.
    pub largest_error: f64,
    /// Whether it is part of the quick validation.
    pub quick: bool,
}

impl System {
    /// The seed of a replication: no two systems share one.
    pub fn seed(&self, replication: u32) -> u64 {
        (self.number << 8) + u64::from(replication)
    }
}

/// One figure of a system.
pub(super) struct Quantity {
    pub name: &'static str,
    pub expected: f64,
    /// Reads it off what an engine shows; NaN where the engine does not show it.
    pub of: Box<dyn Fn(&Reading) -> f64 + Send + Sync>,
    /// Largest distance of the fluid engine, where it is held to the figure.
    pub fluid: Option<f64>,
    pub exact: Exact,
}

/// How the exact engine is held to a figure.
#[derive(Clone, Copy)]
pub(super) enum Exact {
    /// Within four standard errors, which are small.
    Statistical,
    /// Within so much.
    Within(f64),
}

/// What an engine shows of a system in steady state.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub services: Vec<ServiceReading>,
    /// Mean seconds from a user's first attempt to the end.
    pub response_mean_s: f64,
    /// Ratio of users' requests that ended badly.
    pub bad_ratio: f64,
    /// Requests that users sent while the system was watched.
    pub requests: f64,
}

/// What an engine shows of a service; NaN where it does not show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceReading {
    pub admitted_per_s: f64,
    pub refused_ratio: f64,
    pub served_per_s: f64,
    pub in_system: f64,
    pub waiting: f64,
    pub own_mean_s: f64,
    pub own_p99_s: f64,
    pub wait_mean_s: f64,
    pub wait_p99_s: f64,
    pub waited_ratio: f64,
}

impl Quantity {
    /// A figure of the first service to which both engines are held, the fluid one within a ratio of the expected value.
    pub fn of_first(name: &'static str, expected: f64, fluid: f64, of: fn(&ServiceReading) -> f64) -> Self {
        Self { fluid: Some(fluid * expected), ..Self::exact_only(name, expected, of) }
    }

    /// A figure of the first service that only the exact engine shows.
    pub fn exact_only(name: &'static str, expected: f64, of: fn(&ServiceReading) -> f64) -> Self {
        let of = Box::new(move |reading: &Reading| of(&reading.services[0]));
        Self { name, expected, of, fluid: None, exact: Exact::Statistical }
    }

    /// Little's law for a service: what enters times how long it stays is what is there (J. D. C. Little, 1961).
    pub fn little(service: usize) -> Self {
        let name = ["Little's law", "Little's law, second service", "Little's law, third service"][service.min(2)];
        let of = Box::new(move |reading: &Reading| {
            let own = &reading.services[service];
            (own.in_system - own.admitted_per_s * own.own_mean_s).abs() / own.in_system
        });
        Self { name, expected: 0.0, of, fluid: Some(LITTLE), exact: Exact::Within(LITTLE) }
    }
}

/// Largest relative deviation from Little's law.
const LITTLE: f64 = 1e-3;

/// Seconds that each replication of a queue with a service rate of 1 is watched, so that the means of functions of its
/// state have a relative standard error of `largest_error` at most, over all replications.
pub(super) fn watched_s(variances: &[[f64; 2]], largest_error: f64) -> f64 {
    let error = largest_error * AIM;
    let needed = |[mean, variance]: &[f64; 2]| variance / (error * mean * error * mean);
    variances.iter().map(needed).fold(0.0, f64::max) / f64::from(REPLICATIONS)
}

/// Seconds after which a queue M/M/c has forgotten that it began empty: ten relaxation times
/// `1 / (c (1 - sqrt(rho))^2)` (Cohen, "The Single Server Queue", 1982, section II.2), and ten services.
pub(super) fn settling_s(servers: u32, rho: f64) -> f64 {
    let apart = 1.0 - libm::sqrt(rho);
    10.0 + 10.0 / (f64::from(servers) * apart * apart)
}

/// The mean and asymptotic variance of L, Lq and the share of full moments of a queue.
pub(super) fn counts(queue: &BirthDeath, servers: u32) -> [[f64; 2]; 3] {
    let servers = servers as usize;
    [
        queue.mean_and_variance(|number| number as f64),
        queue.mean_and_variance(|number| number.saturating_sub(servers) as f64),
        queue.mean_and_variance(|number| if number >= servers { 1.0 } else { 0.0 }),
    ]
}

/// A scenario without noise in one zone; the users call `a`.
pub(super) fn scenario(tick_ms: u32, rate_per_s: f64, user: &str, rest: &str) -> String {
    format!(
        "name = \"theory\"\ntick_ms = {tick_ms}\ndecision_ticks = 10\nepisode_decisions = 1000000\n\
         rules_off = [\"arrival-noise\", \"telemetry-noise\"]\ntelemetry = {{ scrape_s = 10 }}\n\
         [workload]\nentry = \"a\"\nrate_per_s = {rate_per_s:?}\ntimeout_ms = {PATIENCE_MS}\n{user}\n\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 1000000\n{rest}"
    )
}

/// A service of a scenario with so many replicas, servers in each, and places in each; `more` adds keys.
pub(super) fn service(name: &str, [replicas, servers]: [u32; 2], service_ms: f64, room: u32, more: &str) -> String {
    format!(
        "[[services]]\nname = \"{name}\"\nreplicas = {replicas}\nconcurrency = {servers}\nservice_time_ms = {service_ms:?}\n\
         pool = 1000000\nqueue_limit = {room}\nmemory = 0.1\nqueue_memory = 0\n\
         health = {{ interval_s = 600, timeout_ms = {PATIENCE_MS} }}\n{more}\n"
    )
}

/// The longest timeout that a scenario may have, which nothing here reaches.
pub(super) const PATIENCE_MS: u32 = 1_000_000;
/// More places than a queue here ever fills.
pub(super) const UNBOUNDED: u32 = 1_000_000;
