//! The checks of what services, zones and users may have beyond replicas and calls.

use super::{
    Scenario, Service, ServiceClass,
    validate::{Check, count, known, range, unique},
};
use crate::state::RECOMMENDATIONS;

/// Most tenants: a generated cluster of 1000 services has one for each of its 130 entries.
const MAX_TENANTS: usize = 256;

pub(super) fn of_service(service: &Service) -> Check {
    let key = |field: &str| format!("services.{}.{field}", service.name);
    belongs(service, "cache", ServiceClass::Cache, service.cache.is_some(), true)?;
    belongs(service, "broker", ServiceClass::Broker, service.broker.is_some(), true)?;
    belongs(service, "database", ServiceClass::Database, service.database.is_some(), false)?;
    if let Some(cache) = &service.cache {
        range(&key("cache.hit_ratio"), cache.hit_ratio, 0.0, 1.0)?;
        range(&key("cache.fill_s"), cache.fill_s, 0.001, 1e6)?;
        range(&key("cache.ttl_s"), cache.ttl_s, 0.001, f32::INFINITY)?;
        range(&key("cache.size"), cache.size, 1e-6, 1.0)?;
    }
    if let Some(broker) = &service.broker {
        range(&key("broker.depth"), broker.depth, 1.0, 1e9)?;
        range(&key("broker.deadline_s"), broker.deadline_s, 0.001, 1e6)?;
        range(&key("broker.partitions"), broker.partitions.unwrap_or(1) as f32, 1.0, 1e6)?;
        range(&key("broker.rebalance_s"), broker.rebalance_s, 0.0, 600.0)?;
        range(&key("broker.redelivery"), broker.redelivery, 0.0, 1.0)?;
    }
    if let Some(database) = &service.database {
        range(&key("database.write_ratio"), database.write_ratio, 0.0, 1.0)?;
        range(&key("database.failover_s"), database.failover_s, 0.0, 3600.0)?;
        range(&key("database.lag_s"), database.lag_s, 0.0, 3600.0)?;
        range(&key("database.reconcile_s"), database.reconcile_s, 0.001, 1e6)?;
        range(&key("database.backup_s"), database.backup_s, 0.001, 1e7)?;
        range(&key("database.restore_s"), database.restore_s, 0.0, 1e6)?;
    }
    if let Some(sessions) = &service.sessions {
        range(&key("sessions.issue_work"), sessions.issue_work, 0.0, 1000.0)?;
        range(&key("sessions.renew_s"), sessions.renew_s, 0.001, 1e6)?;
    }
    if let Some(autoscaler) = &service.autoscaler {
        range(&key("autoscaler.target_utilisation"), autoscaler.target_utilisation, 0.01, 1.0)?;
        range(&key("autoscaler.sync_s"), autoscaler.sync_s, 0.001, 3600.0)?;
        range(&key("autoscaler.tolerance"), autoscaler.tolerance, 0.0, 1.0)?;
        range(&key("autoscaler.stabilisation_s"), autoscaler.stabilisation_s, 0.0, 3600.0)?;
        if autoscaler.stabilisation_s > autoscaler.sync_s * RECOMMENDATIONS as f32 {
            return Err(format!(
                "{} = {}; allowed: 0 to {RECOMMENDATIONS} times sync_s = {}",
                key("autoscaler.stabilisation_s"),
                autoscaler.stabilisation_s,
                autoscaler.sync_s
            ));
        }
        if service.class == ServiceClass::External {
            return Err(format!("{}: nobody scales a service of class external", key("autoscaler")));
        }
    }
    if let Some(ejection) = &service.outlier_ejection {
        range(&key("outlier_ejection.consecutive_errors"), f32::from(ejection.consecutive_errors), 1.0, 100.0)?;
        range(&key("outlier_ejection.sweep_s"), ejection.sweep_s, 0.001, 3600.0)?;
        range(&key("outlier_ejection.base_ejection_s"), ejection.base_ejection_s, 0.001, 3600.0)?;
        range(&key("outlier_ejection.max_ejected_ratio"), ejection.max_ejected_ratio, 0.0, 1.0)?;
    }
    range(&key("contention"), service.contention, 0.0, 1.0)?;
    range(&key("coherency"), service.coherency, 0.0, 1.0)
}

/// A table that only services of one class have, and that some of them must.
fn belongs(service: &Service, field: &str, class: ServiceClass, has: bool, needed: bool) -> Check {
    let key = format!("services.{}.{field}", service.name);
    if has && service.class != class {
        return Err(format!("{key}: only a service of class {field} has one"));
    }
    if needed && !has && service.class == class {
        return Err(format!("{key}: missing; a service of class {field} has one"));
    }
    Ok(())
}

pub(super) fn tenants(scenario: &Scenario) -> Check {
    if scenario.tenants.is_empty() {
        return Ok(());
    }
    count("tenants", scenario.tenants.len(), MAX_TENANTS)?;
    unique("tenants", scenario.tenants.iter().map(|tenant| &tenant.name))?;
    for tenant in &scenario.tenants {
        let key = |field: &str| format!("tenants.{}.{field}", tenant.name);
        range(&key("share"), tenant.share, 1e-6, 1e6)?;
        range(&key("priority"), f32::from(tenant.priority), 0.0, 9.0)?;
        range(&key("quota_per_s"), tenant.quota_per_s.unwrap_or(0.0), 0.0, 1e7)?;
        if let Some(entry) = &tenant.entry {
            known(&key("entry"), entry, "service", scenario.services.iter().map(|s| s.name.as_str()))?;
            if let Some(caller) = scenario.calls.iter().find(|call| &call.to == entry) {
                return Err(format!(
                    "{} = \"{entry}\"; allowed: a service that no other calls, and `{}` does",
                    key("entry"),
                    caller.from
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn network(scenario: &Scenario) -> Check {
    let (rows, zones) = (&scenario.network.latency_ms, scenario.zones.len());
    if rows.is_empty() {
        return Ok(());
    }
    if rows.len() != zones || rows.iter().any(|row| row.len() != zones) {
        return Err(format!(
            "network.latency_ms: allowed: {zones} rows of {zones} numbers, one for each zone, or none"
        ));
    }
    for (from, row) in rows.iter().enumerate() {
        for (to, &latency_ms) in row.iter().enumerate() {
            range(&format!("network.latency_ms[{from}][{to}]"), latency_ms, 0.0, 1e5)?;
        }
    }
    Ok(())
}
