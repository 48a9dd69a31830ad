//! The tables of databases, autoscalers and what lies between zones.

use super::{AutoscalerTable, DatabaseTable};
use crate::{
    lanes::{ZONE_LANES, exp_scalar, f32x4},
    scenario::{Database, Scenario, ServiceClass},
    state::RECOMMENDATIONS,
};

/// Every service of class database; those that say nothing about it have the defaults.
pub(super) fn databases(scenario: &Scenario, tick_s: f32) -> Vec<DatabaseTable> {
    let of_class = scenario.services.iter().enumerate().filter(|(_, service)| service.class == ServiceClass::Database);
    let table = |(service, spec): (usize, &crate::scenario::Service)| {
        let Database { write_ratio, failover_s, lag_s, fencing, multi_master, reconcile_s, backup_s, restore_s } =
            spec.database.clone().unwrap_or_default();
        let reconcile_step = 1.0 - exp_scalar(-tick_s / reconcile_s);
        DatabaseTable {
            service,
            write_ratio,
            failover_s,
            lag_s,
            fencing,
            multi_master,
            reconcile_step,
            backup_s,
            restore_s,
            conflicts: true,
        }
    };
    of_class.map(table).collect()
}

pub(super) fn autoscalers(scenario: &Scenario, tick_s: f32) -> Vec<AutoscalerTable> {
    let scaled = scenario.services.iter().enumerate().filter_map(|(index, s)| Some((index, s.autoscaler.as_ref()?)));
    let table = |(service, spec): (usize, &crate::scenario::Autoscaler)| AutoscalerTable {
        service,
        target: spec.target_utilisation,
        tolerance: spec.tolerance,
        sync_ticks: ((spec.sync_s / tick_s).round() as u64).max(1),
        remembered: ((spec.stabilisation_s / spec.sync_s).ceil() as usize).clamp(1, RECOMMENDATIONS),
    };
    scaled.map(table).collect()
}

/// Seconds from a zone (lane) to each zone (row), where zones are apart at all.
pub(super) fn zone_latency(scenario: &Scenario) -> Option<[f32x4; ZONE_LANES]> {
    let rows = &scenario.network.latency_ms;
    let apart = rows.iter().flatten().any(|&latency_ms| latency_ms > 0.0);
    let seconds = |from: usize, to: usize| rows.get(from).and_then(|row| row.get(to)).map_or(0.0, |ms| ms / 1000.0);
    apart.then(|| std::array::from_fn(|to| f32x4::from(std::array::from_fn::<f32, 4, _>(|from| seconds(from, to)))))
}

/// Cores that may be requested in each zone.
pub(super) fn zone_quota(scenario: &Scenario, enforced: bool) -> [f32; ZONE_LANES] {
    std::array::from_fn(|zone| {
        scenario.zones.get(zone).and_then(|zone| zone.quota_cores).filter(|_| enforced).unwrap_or(f32::MAX)
    })
}
