//! What the exact engine takes from a scenario file: constants of services and calls, in the file's order.

use std::ops::Range;

use crate::scenario::{Broker, Call, CallMode, Scenario, Service, ServiceClass, Sessions};

/// Zones that a scenario has at most.
pub(super) const ZONES: usize = 4;

/// A service's constants.
#[derive(Clone, Debug)]
pub(super) struct ServicePlan {
    pub class: ServiceClass,
    /// Replicas in each zone at the start.
    pub replicas: [f64; ZONES],
    pub servers_per_replica: f64,
    pub service_s: f64,
    pub cv2: f64,
    pub pool: f64,
    pub queue_limit: f64,
    pub error_ratio: f64,
    pub memory: f64,
    pub queue_memory: f64,
    pub contention: f64,
    pub coherency: f64,
    pub hit_ratio: f64,
    pub fill_s: f64,
    pub ttl_s: f64,
    pub broker: Option<Broker>,
    pub sessions: Option<Sessions>,
    /// Its calls, as a range of the plan's.
    pub calls: Range<usize>,
}

/// A call's constants; what users do at an entry service is a call without a caller.
#[derive(Clone, Debug)]
pub(super) struct CallPlan {
    pub to: usize,
    pub calls: f64,
    pub mode: CallMode,
    pub timeout_s: f64,
    pub retries: u8,
    pub backoff_s: f64,
    pub budget: Option<f64>,
    pub breaker: bool,
    pub throttle: bool,
    pub quorum: Option<u8>,
    pub fallback: f64,
}

/// A scenario's constants.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub services: Vec<ServicePlan>,
    /// The services' calls by caller, then the users' at each entry service.
    pub calls: Vec<CallPlan>,
    /// Where the users' calls begin.
    pub entries: usize,
    /// Users per second at each entry service, with every factor at 1.
    pub arrivals_per_s: Vec<f64>,
    /// Seconds from each zone (row) to each other one and back.
    pub way_s: [[f64; ZONES]; ZONES],
    pub tick_s: f64,
}

impl Plan {
    pub fn new(scenario: &Scenario) -> Self {
        let index = |name: &str| scenario.services.iter().position(|service| service.name == name).unwrap_or(0);
        let mut calls = Vec::with_capacity(scenario.calls.len() + 1);
        let mut services = Vec::with_capacity(scenario.services.len());
        for service in &scenario.services {
            let begin = calls.len();
            let own = scenario.calls.iter().filter(|call| call.from == service.name);
            calls.extend(own.map(|call| call_plan(call, index(&call.to))));
            services.push(service_plan(scenario, service, begin..calls.len()));
        }
        let entries = calls.len();
        let workload = &scenario.workload;
        let total: f32 = scenario.tenants.iter().map(|tenant| tenant.share).sum();
        let mut arrivals_per_s: Vec<f64> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let tenants = scenario.tenants.iter().map(|tenant| (tenant.entry.as_deref(), tenant.share / total));
        let nobody = scenario.tenants.is_empty().then_some((None, 1.0));
        for (entry, share) in tenants.chain(nobody) {
            let name = entry.unwrap_or(&workload.entry);
            let place = names.iter().position(|&known| known == name).unwrap_or_else(|| {
                names.push(name);
                arrivals_per_s.push(0.0);
                calls.push(user_call(scenario, index(name)));
                names.len() - 1
            });
            arrivals_per_s[place] += f64::from(share * workload.rate_per_s);
        }
        let mut way_s = [[0.0; ZONES]; ZONES];
        for (row, ways) in way_s.iter_mut().zip(&scenario.network.latency_ms) {
            for (way, &ms) in row.iter_mut().zip(ways) {
                *way = f64::from(ms) / 1000.0;
            }
        }
        Self { services, calls, entries, arrivals_per_s, way_s, tick_s: f64::from(scenario.tick_ms) / 1000.0 }
    }
}

fn user_call(scenario: &Scenario, to: usize) -> CallPlan {
    let workload = &scenario.workload;
    CallPlan {
        to,
        calls: 1.0,
        mode: CallMode::Sync,
        timeout_s: f64::from(workload.timeout_ms) / 1000.0,
        retries: workload.retries,
        backoff_s: f64::from(workload.backoff_ms) / 1000.0,
        budget: None,
        breaker: false,
        throttle: false,
        quorum: None,
        fallback: 0.0,
    }
}

fn call_plan(call: &Call, to: usize) -> CallPlan {
    CallPlan {
        to,
        calls: f64::from(call.calls),
        mode: call.mode,
        timeout_s: f64::from(call.timeout_ms) / 1000.0,
        retries: call.retries,
        backoff_s: f64::from(call.backoff_ms) / 1000.0,
        budget: call.retry_budget.map(f64::from),
        breaker: call.breaker,
        throttle: call.throttle,
        quorum: call.quorum,
        fallback: f64::from(call.fallback),
    }
}

fn service_plan(scenario: &Scenario, service: &Service, calls: Range<usize>) -> ServicePlan {
    let all = scenario.zones.iter().map(|zone| &zone.name);
    let own: Vec<usize> = all
        .enumerate()
        .filter(|(_, name)| service.zones.is_empty() || service.zones.contains(name))
        .map(|(zone, _)| zone)
        .collect();
    let mut replicas = [0.0; ZONES];
    for replica in 0..service.replicas as usize {
        replicas[own[replica % own.len()]] += 1.0;
    }
    let cache = service.cache.as_ref();
    ServicePlan {
        class: service.class,
        replicas,
        servers_per_replica: f64::from(service.concurrency),
        service_s: f64::from(service.service_time_ms) / 1000.0,
        cv2: f64::from(service.service_cv2),
        pool: f64::from(service.pool),
        queue_limit: f64::from(service.queue_limit),
        error_ratio: f64::from(service.error_ratio),
        memory: f64::from(service.memory),
        queue_memory: f64::from(service.queue_memory),
        contention: f64::from(service.contention),
        coherency: f64::from(service.coherency),
        hit_ratio: cache.map_or(0.0, |cache| f64::from(cache.hit_ratio)),
        fill_s: cache.map_or(1.0, |cache| f64::from(cache.fill_s)),
        ttl_s: cache.map_or(f64::INFINITY, |cache| f64::from(cache.ttl_s)),
        broker: service.broker.clone(),
        sessions: service.sessions.clone(),
        calls,
    }
}
