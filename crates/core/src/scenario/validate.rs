//! The checks that a scenario passes before anything is built from it.

use std::collections::BTreeMap;

use super::{
    Call, CallMode, Fault, Scenario, Service, ServiceClass, error::nearest, validate_cycles, validate_entities,
};
use crate::{
    action::PADDING,
    fault::{FaultId, TargetKind},
    lanes::{NODE_LANES, ZONE_LANES},
    rules,
};

pub(super) type Check = Result<(), String>;

/// Largest number of services, calls and replicas: beyond them a file is a mistake, not a cluster.
const MAX_SERVICES: usize = 4096;
const MAX_CALLS: usize = 65_536;
const MAX_REPLICAS: u32 = 10_000;
/// Most health checks of a replica in a tick.
const MOST_CHECKS: f32 = 20.0;
/// Most replicas that a quorum may ask.
const MOST_ASKED: u32 = 16;
/// Most services times ticks that a cluster may take to settle, before the first level.
const MAX_SETTLING: u64 = 20_000_000;

/// Services and their indices by name: a file may have tens of thousands of calls to look up.
pub(super) type Services<'a> = BTreeMap<&'a str, (usize, &'a Service)>;

pub(super) fn validate(scenario: &Scenario) -> Check {
    clock(scenario)?;
    shares(scenario)?;
    hosts(scenario)?;
    count("services", scenario.services.len(), MAX_SERVICES)?;
    unique("services", scenario.services.iter().map(|service| &service.name))?;
    for service in &scenario.services {
        check_service(scenario, service)?;
        validate_entities::of_service(service)?;
    }
    validate_entities::tenants(scenario)?;
    validate_entities::network(scenario)?;
    if scenario.calls.len() > MAX_CALLS {
        return Err(format!("calls: {} entries; allowed: at most {MAX_CALLS}", scenario.calls.len()));
    }
    let services: Services =
        scenario.services.iter().enumerate().map(|(s, own)| (own.name.as_str(), (s, own))).collect();
    for call in &scenario.calls {
        check_call(scenario, &services, call)?;
    }
    workload(scenario)?;
    validate_cycles::acyclic(scenario, &services)?;
    for (index, fault) in scenario.faults.catalogue.iter().enumerate() {
        check_fault(scenario, index, fault)?;
    }
    Ok(())
}

fn clock(scenario: &Scenario) -> Check {
    let whole = |key: &str, value: u32, low: u32, high: u32| {
        if (low..=high).contains(&value) { Ok(()) } else { Err(format!("{key} = {value}; allowed: {low} to {high}")) }
    };
    if scenario.name.is_empty()
        || scenario.name.len() > 64
        || scenario.name.contains(['/', '\\'])
        || scenario.name.contains(char::is_control)
    {
        return Err(format!(
            "name = {:?}; allowed: 1 to 64 characters, no slashes or control characters",
            scenario.name
        ));
    }
    whole("tick_ms", scenario.tick_ms, 1, 10_000)?;
    whole("decision_ticks", scenario.decision_ticks, 1, 1000)?;
    whole("episode_decisions", scenario.episode_decisions, 1, 1_000_000)?;
    range("actuation_delay_s", scenario.actuation_delay_s, 0.0, 60.0)
}

fn shares(scenario: &Scenario) -> Check {
    let reward = &scenario.reward;
    range("slo.availability", scenario.slo.availability, 0.0, 1.0)?;
    range("slo.p99_ms", scenario.slo.p99_ms, 0.1, 1e6)?;
    range("reward.bad_requests", reward.bad_requests, 0.0, 1.0)?;
    range("reward.latency", reward.latency, 0.0, 1.0)?;
    range("reward.cost", reward.cost, 0.0, 1.0)?;
    range("reward.action", reward.action, 0.0, 1.0)?;
    range("reward.page", reward.page, 0.0, 100.0)?;
    range(
        "reward.bad_requests + reward.latency + reward.cost",
        reward.bad_requests + reward.latency + reward.cost,
        0.0,
        1.0001,
    )?;
    range("reward.loss_limit_s", reward.loss_limit_s, 1.0, 1e6)?;
    let telemetry = &scenario.telemetry;
    range("telemetry.scrape_s", telemetry.scrape_s, scenario.tick_s(), 600.0)?;
    range("telemetry.noise", telemetry.noise, 0.0, 1.0)?;
    range("telemetry.loss", telemetry.loss, 0.0, 1.0)?;
    if let Some(collector) = &telemetry.collector {
        known("telemetry.collector", collector, "service", scenario.services.iter().map(|s| s.name.as_str()))?;
    }
    if let Some(service) = &scenario.control_plane {
        known("control_plane", service, "service", scenario.services.iter().map(|s| s.name.as_str()))?;
    }
    if let Some(padded) = scenario.padded_services
        && !(scenario.services.len()..=MAX_SERVICES).contains(&(padded as usize))
    {
        let least = scenario.services.len();
        return Err(format!("padded_services = {padded}; allowed: services = {least} to {MAX_SERVICES}"));
    }
    for name in &scenario.rules_off {
        let names: Vec<String> = rules::names().collect();
        known("rules_off", name, "rule", names.iter().map(String::as_str))?;
    }
    if let (Some(_), Some(service)) =
        (scenario.padded_services, scenario.services.iter().find(|s| s.name.starts_with(PADDING)))
    {
        return Err(format!(
            "services: the name {:?}; allowed: none that begins with {PADDING:?}, as padded_services has them",
            service.name
        ));
    }
    let settling = scenario.services.len() as u64 * (120_000 / u64::from(scenario.tick_ms));
    if settling > MAX_SETTLING {
        return Err(format!(
            "tick_ms = {}; allowed: longer ticks or fewer services, whose number over tick_ms is at most {}",
            scenario.tick_ms,
            MAX_SETTLING / 120_000
        ));
    }
    let faults = &scenario.faults;
    range("faults.control_ratio", faults.control_ratio, 0.0, 1.0)?;
    range("faults.second_ratio", faults.second_ratio, 0.0, 1.0)?;
    range("faults.correlated_ratio", faults.correlated_ratio, 0.0, 1.0)?;
    range("faults.herring_ratio", faults.herring_ratio, 0.0, 1.0)?;
    interval("faults.heldout_load", faults.heldout_load, 1.0, 100.0)
}

fn hosts(scenario: &Scenario) -> Check {
    count("zones", scenario.zones.len(), ZONE_LANES)?;
    unique("zones", scenario.zones.iter().map(|zone| &zone.name))?;
    for zone in &scenario.zones {
        let key = |field: &str| format!("zones.{}.{field}", zone.name);
        range(&key("shift_s"), zone.shift_s, 0.0, 600.0)?;
        range(&key("price"), zone.price, 0.0, 1000.0)?;
        range(&key("startup_factor"), zone.startup_factor, 0.0, 100.0)?;
        range(&key("quota_cores"), zone.quota_cores.unwrap_or(1.0), 0.01, 1e7)?;
    }
    count("nodes", scenario.nodes.len(), NODE_LANES)?;
    unique("nodes", scenario.nodes.iter().map(|node| &node.name))?;
    for node in &scenario.nodes {
        range(&format!("nodes.{}.cores", node.name), node.cores, 0.01, 1e6)?;
        known(
            &format!("nodes.{}.zone", node.name),
            &node.zone,
            "zone",
            scenario.zones.iter().map(|z| z.name.as_str()),
        )?;
    }
    match scenario.zones.iter().find(|zone| scenario.nodes.iter().all(|node| node.zone != zone.name)) {
        Some(zone) => Err(format!("zones.{}: no node stands in it; allowed: at least one node a zone", zone.name)),
        None => Ok(()),
    }
}

fn check_service(scenario: &Scenario, service: &Service) -> Check {
    let key = |field: &str| format!("services.{}.{field}", service.name);
    if service.replicas == 0 || service.replicas > MAX_REPLICAS {
        return Err(format!("{} = {}; allowed: 1 to {MAX_REPLICAS}", key("replicas"), service.replicas));
    }
    let zones = if service.zones.is_empty() { scenario.zones.len() } else { service.zones.len() };
    unique(&key("zones"), service.zones.iter())?;
    for zone in &service.zones {
        known(&key("zones"), zone, "zone", scenario.zones.iter().map(|z| z.name.as_str()))?;
    }
    if (service.replicas as usize) < zones {
        return Err(format!(
            "{} = {}; allowed: at least one for each of its {zones} zones",
            key("replicas"),
            service.replicas
        ));
    }
    let min = service.min_replicas.unwrap_or(zones as u32);
    if min == 0 || min > service.replicas {
        return Err(format!("{} = {min}; allowed: 1 to replicas = {}", key("min_replicas"), service.replicas));
    }
    let max = service.max_replicas.unwrap_or(service.replicas * 3);
    if max < service.replicas || max > 3 * MAX_REPLICAS {
        return Err(format!(
            "{} = {max}; allowed: replicas = {} to {}",
            key("max_replicas"),
            service.replicas,
            3 * MAX_REPLICAS
        ));
    }
    range(&key("cores"), service.cores, 1e-3, 1e4)?;
    range(&key("concurrency"), service.concurrency, 1.0, 1e4)?;
    range(&key("service_time_ms"), service.service_time_ms, 1e-3, 1e6)?;
    range(&key("service_cv2"), service.service_cv2, 0.0, 10.0)?;
    range(&key("pool"), service.pool, 1.0, 1e6)?;
    range(&key("queue_limit"), service.queue_limit, 1.0, 1e7)?;
    range(&key("error_ratio"), service.error_ratio, 0.0, 1.0)?;
    range(&key("memory"), service.memory, 0.0, 0.95)?;
    range(&key("queue_memory"), service.queue_memory, 0.0, 0.999 - service.memory)?;
    range(&key("startup_s"), service.startup_s, 0.0, 3600.0)?;
    range(&key("grace_s"), service.grace_s, 0.0, 3600.0)?;
    // Checks are counted one by one within a tick.
    let shortest = (scenario.tick_s() / MOST_CHECKS).max(0.001);
    range(&key("health.interval_s"), service.health.interval_s, shortest, 600.0)?;
    range(&key("health.timeout_ms"), service.health.timeout_ms, 0.1, 1e6)?;
    range(&key("health.failures"), f32::from(service.health.failures), 1.0, 4.0)?;
    range(&key("health.successes"), f32::from(service.health.successes), 1.0, 100.0)?;
    Ok(())
}

fn check_call(scenario: &Scenario, services: &Services, call: &Call) -> Check {
    let key = |field: &str| format!("calls.{}->{}.{field}", call.from, call.to);
    let names = || scenario.services.iter().map(|service| service.name.as_str());
    let find = |field: &str, name: &str| {
        let found = services.get(name).map(|&(_, service)| service);
        found.ok_or_else(|| unknown(&key(field), name, "service", names()))
    };
    let (from, to) = (find("from", &call.from)?, find("to", &call.to)?);
    range(&key("calls"), call.calls, 0.0, 1000.0)?;
    range(&key("timeout_ms"), call.timeout_ms, 0.1, 1e6)?;
    range(&key("retries"), f32::from(call.retries), 0.0, 8.0)?;
    range(&key("backoff_ms"), call.backoff_ms, 0.0, 1e6)?;
    range(&key("retry_budget"), call.retry_budget.unwrap_or(0.0), 0.0, 100.0)?;
    range(&key("fallback"), call.fallback, 0.0, 1.0)?;
    if call.quorum == Some(0) || call.quorum.is_some() && !matches!(call.mode, CallMode::Sync) {
        return Err(format!("{}: allowed: at least 1, and only with mode = \"sync\"", key("quorum")));
    }
    let (replicas, most) = (to.replicas, to.max_replicas.unwrap_or(to.replicas * 3));
    if let Some(quorum) = call.quorum.filter(|&quorum| u32::from(quorum) > replicas || most > MOST_ASKED) {
        return Err(format!(
            "{} = {quorum}; allowed: 1 to the replicas of `{}` = {replicas}, whose max_replicas = {most} may be {MOST_ASKED}",
            key("quorum"),
            call.to
        ));
    }
    if call.mode == CallMode::Consume && from.class != ServiceClass::Broker {
        return Err(format!("{} = \"consume\"; allowed: only from a service of class broker", key("mode")));
    }
    if call.mode == CallMode::Consume && call.breaker {
        return Err(format!("{} = true; allowed: not with mode = \"consume\"", key("breaker")));
    }
    if call.mode == CallMode::Miss && from.class != ServiceClass::Cache {
        return Err(format!("{} = \"miss\"; allowed: only from a service of class cache", key("mode")));
    }
    Ok(())
}

fn workload(scenario: &Scenario) -> Check {
    let workload = &scenario.workload;
    known("workload.entry", &workload.entry, "service", scenario.services.iter().map(|s| s.name.as_str()))?;
    if let Some(caller) = scenario.calls.iter().find(|call| call.to == workload.entry) {
        return Err(format!(
            "workload.entry = \"{}\"; allowed: a service that no other calls, and `{}` does",
            workload.entry, caller.from
        ));
    }
    if workload.rate_per_s != 0.0 {
        range("workload.rate_per_s", workload.rate_per_s, 0.001, 1e7).map_err(|problem| format!("{problem}, or 0"))?;
    }
    interval("workload.level_range", workload.level_range, 0.01, 100.0)?;
    range("workload.cycle_amplitude", workload.cycle_amplitude, 0.0, 1.0)?;
    range("workload.cycle_period_s", workload.cycle_period_s, 1.0, 1e7)?;
    range("workload.noise_cv", workload.noise_cv, 0.0, 1.0)?;
    range("workload.timeout_ms", workload.timeout_ms, 0.1, 1e6)?;
    range("workload.retries", f32::from(workload.retries), 0.0, 8.0)?;
    range("workload.backoff_ms", workload.backoff_ms, 0.0, 1e6)
}

fn check_fault(scenario: &Scenario, index: usize, fault: &Fault) -> Check {
    let key = |field: &str| format!("faults.catalogue[{index}] ({}).{field}", fault.id);
    range(&key("weight"), fault.weight, 0.0, 1e6)?;
    let (low, high) = fault.id.model().magnitude_range();
    interval(&key("magnitude"), fault.magnitude, low, high)?;
    if let Some(spread) = fault.spread {
        if fault.id != FaultId::F05 {
            return Err(format!("{} = {spread}; allowed: only with id = \"F05\"", key("spread")));
        }
        range(&key("spread"), spread, 0.0, 1.0)?;
    }
    interval(&key("blast_radius"), fault.blast_radius, 0.0, 1.0)?;
    interval(&key("onset_s"), fault.onset_s, 0.0, 1e6)?;
    interval(&key("ramp_s"), fault.ramp_s, 0.0, 1e6)?;
    interval(&key("duration_s"), fault.duration_s, 0.0, 1e7)?;
    range(&key("abort_availability"), fault.abort_availability, 0.0, 1.0)?;
    for target in &fault.targets {
        let kind = fault.id.model().target_kind();
        match kind {
            TargetKind::Cluster => {
                return Err(format!("{}: it strikes the whole cluster and takes no target", key("targets")));
            }
            TargetKind::Node | TargetKind::SpotNode => {
                known(&key("targets"), target, "node", scenario.nodes.iter().map(|n| n.name.as_str()))?
            }
            TargetKind::Zone => known(&key("targets"), target, "zone", scenario.zones.iter().map(|z| z.name.as_str()))?,
            _ => {
                let fitting = scenario.services.iter().filter(|service| kind.fits(service));
                known(&key("targets"), target, kind.noun(), fitting.map(|s| s.name.as_str()))?;
            }
        }
    }
    Ok(())
}

pub(super) fn range(key: &str, value: f32, low: f32, high: f32) -> Check {
    if value >= low && value <= high { Ok(()) } else { Err(format!("{key} = {value}; allowed: {low} to {high}")) }
}

fn interval(key: &str, value: [f32; 2], low: f32, high: f32) -> Check {
    range(&format!("{key}[0]"), value[0], low, high)?;
    range(&format!("{key}[1]"), value[1], low, high)?;
    if value[0] > value[1] {
        return Err(format!("{key} = [{}, {}]; allowed: the smaller first", value[0], value[1]));
    }
    Ok(())
}

pub(super) fn count(key: &str, found: usize, most: usize) -> Check {
    if (1..=most).contains(&found) { Ok(()) } else { Err(format!("{key}: {found} entries; allowed: 1 to {most}")) }
}

pub(super) fn unique<'a>(key: &str, names: impl Iterator<Item = &'a String>) -> Check {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if name.is_empty() || name.contains(['.', '/']) || name.contains(char::is_control) {
            return Err(format!("{key}: the name {name:?}; allowed: not empty, no dot, slash or control character"));
        }
        if !seen.insert(name) {
            return Err(format!("{key}: `{name}` stands there twice; allowed: once"));
        }
    }
    Ok(())
}

pub(super) fn known<'a>(key: &str, name: &str, kind: &str, names: impl Iterator<Item = &'a str> + Clone) -> Check {
    if names.clone().any(|candidate| candidate == name) { Ok(()) } else { Err(unknown(key, name, kind, names)) }
}

fn unknown<'a>(key: &str, name: &str, kind: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = nearest(name, names.clone()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let mut allowed: Vec<&str> = names.collect();
    if allowed.len() > 40 {
        allowed.truncate(40);
        allowed.push("…");
    }
    format!("{key} = \"{name}\": no such {kind}{hint}; allowed: {}", allowed.join(", "))
}
