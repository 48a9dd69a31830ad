//! The tables of tenants and of the services that they call.

use super::{
    TenantTable,
    tables::{CallTable, call_table},
};
use crate::scenario::{Call, CallMode, Scenario};

/// One call per entry service, in the order in which tenants name them, and the tenants.
pub(super) fn tables(
    scenario: &Scenario,
    index_of: &dyn Fn(&str) -> usize,
    tick_s: f32,
) -> (Vec<CallTable>, Vec<TenantTable>) {
    let workload = &scenario.workload;
    let mut names: Vec<&str> = Vec::new();
    let mut tenants = Vec::new();
    let total: f32 = scenario.tenants.iter().map(|tenant| tenant.share).sum();
    for tenant in &scenario.tenants {
        let name = tenant.entry.as_deref().unwrap_or(&workload.entry);
        let entry = names.iter().position(|&known| known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        tenants.push(TenantTable {
            entry,
            share: tenant.share / total,
            priority: tenant.priority,
            quota_per_s: tenant.quota_per_s.unwrap_or(f32::MAX),
        });
    }
    if tenants.is_empty() {
        names.push(&workload.entry);
        tenants.push(TenantTable { entry: 0, share: 1.0, priority: 0, quota_per_s: f32::MAX });
    }
    let entry = |name: &&str| {
        let call = Call {
            from: (*name).to_owned(),
            to: (*name).to_owned(),
            calls: 1.0,
            mode: CallMode::Sync,
            timeout_ms: workload.timeout_ms,
            retries: workload.retries,
            backoff_ms: workload.backoff_ms,
            retry_budget: None,
            breaker: false,
            throttle: false,
            quorum: None,
            fallback: 0.0,
        };
        call_table(&call, index_of, tick_s)
    };
    (names.iter().map(entry).collect(), tenants)
}
