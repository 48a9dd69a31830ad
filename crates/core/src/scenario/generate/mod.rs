//! Random clusters with the published proportions of a real one.

mod calls;
mod draw;
mod faults;
mod graph;
mod load;
mod sizes;

use std::ops::RangeInclusive;

use super::{
    ActionSet, Network, Node, RewardWeights, Scenario, ScenarioError, Slo, Telemetry, Tenant, Workload, Zone, defaults,
};
use crate::rng::{CounterRng, Stream};
use draw::up_to;
use graph::Graph;
use load::Load;

impl Scenario {
    /// How many services a generated cluster may have.
    pub const GENERATED_SERVICES: RangeInclusive<u32> = 3..=1000;

    /// A random cluster of so many services, 3 to 1000; equal arguments give equal bits on every machine.
    ///
    /// 13 % of the services are entries, which nobody calls, 48 % lie in the middle and 39 % are leaves, which call
    /// nobody: the proportions among 67,760 services at Alibaba (Winchester et al., "Complexity at scale: a
    /// quantitative analysis of an Alibaba microservice deployment", arXiv 2504.13141, table 1), where dependencies are
    /// long-tailed: few services have many callers. Calls grow like a tree whose sizes are heavy-tailed (Luo et al.,
    /// "Characterizing microservice dependency and performance: Alibaba trace analysis", SoCC'21). A cache counts as a
    /// middle service, for it calls a database, and so does a broker, which its worker reads.
    ///
    /// Design values, since no source gives them: two calls per service, at most six on any way down; 0.05 to 2 calls
    /// per request; 60 user requests per second for each service, of which the first entry's tenant has most; services
    /// at 30 to 42 % of their capacity at that load. Those 67,760 services have 28 instances in the mean; here it is 2
    /// to 24, one in each of two zones at least and about 5 in the mean, so that one step of scaling matters.
    /// Objectives are twice the unloaded 99th percentile, and at least 300 ms. Faults are those of `spine12`.
    ///
    /// # Errors
    /// A number of services that is not allowed.
    ///
    /// ```
    /// let scenario = microcloud_core::Scenario::generate(7, 24)?;
    /// assert_eq!(scenario, microcloud_core::Scenario::generate(7, 24)?);
    /// # Ok::<(), microcloud_core::ScenarioError>(())
    /// ```
    pub fn generate(seed: u64, services: u32) -> Result<Self, ScenarioError> {
        let name = format!("generated-{services}-{seed}");
        let allowed = Self::GENERATED_SERVICES;
        if !allowed.contains(&services) {
            let problem = format!("services = {services}; allowed: {} to {}", allowed.start(), allowed.end());
            return Err(ScenarioError::Invalid { file: name, problem });
        }
        let mut rng = CounterRng::new(seed, Stream::Topology, u64::from(services));
        let graph = Graph::draw(services as usize, &mut rng);
        let load = Load::draw(&graph, &mut rng);
        let mut services = sizes::services(&graph, &load, &mut rng);
        let times = calls::Times::new(&graph, &load, &services);
        times.widen_pools(&load, &mut services);
        let calls = calls::calls(&graph, &load, &times, &services, &mut rng);
        let faults = faults::faults(&graph, &load.shares, &services, &calls);
        let node = |name: &str, zone: &str| Node {
            name: name.to_owned(),
            zone: zone.to_owned(),
            cores: sizes::node_cores(&services),
            spot: false,
        };
        let tenants = load.shares.iter().zip(&services).enumerate().map(|(index, (&share, entry))| Tenant {
            name: format!("tenant-{}", index + 1),
            share,
            priority: 0,
            entry: Some(entry.name.clone()),
            quota_per_s: None,
        });
        let scenario = Self {
            name,
            description: format!(
                "{} services and {} calls drawn at random from seed {seed}, in the proportions of Alibaba's services",
                services.len(),
                calls.len()
            ),
            tick_ms: 1000,
            decision_ticks: 5,
            episode_decisions: 240,
            actuation_delay_s: defaults::actuation_delay_s(),
            actions: ActionSet::default(),
            control_plane: None,
            padded_services: None,
            rules_off: Vec::new(),
            slo: Slo { availability: 0.999, p99_ms: up_to(2.0 * times.p99_ms, 50.0).max(300.0) },
            reward: RewardWeights { bad_requests: 0.6, latency: 0.1, cost: 0.3, ..RewardWeights::default() },
            workload: Workload {
                entry: services[0].name.clone(),
                rate_per_s: load.users_per_s,
                level_range: [0.9, 1.1],
                cycle_amplitude: 0.1,
                cycle_period_s: defaults::cycle_period_s(),
                noise_cv: 0.02,
                timeout_ms: times.user_timeout_ms,
                retries: 0,
                backoff_ms: defaults::user_backoff_ms(),
            },
            tenants: tenants.collect(),
            network: Network::default(),
            telemetry: Telemetry::default(),
            zones: ["a", "b"].map(zone).into(),
            nodes: vec![node("a1", "a"), node("a2", "a"), node("b1", "b"), node("b2", "b")],
            services,
            calls,
            faults,
        };
        scenario.checked("generated")
    }
}

fn zone(name: &str) -> Zone {
    Zone {
        name: name.to_owned(),
        shift_s: defaults::shift_s(),
        price: defaults::one(),
        quota_cores: None,
        startup_factor: defaults::one(),
    }
}
